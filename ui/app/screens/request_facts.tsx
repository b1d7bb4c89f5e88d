/** What is known about a request beside its text and its effect. */
import type { ComponentChildren } from "preact";
import type { RequestDetail } from "../../contract.ts";
import { Badge, Time } from "../parts/basics.tsx";
import { bytes, count, counted } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import { Value } from "../parts/statement.tsx";
import { AdvanceGranted } from "./advance_choice.tsx";

export function RequestParameters(
  { request, onWhole }: { request: RequestDetail; onWhole: (at: number) => void },
) {
  if (request.parameters.length === 0) return null;
  return (
    <div class="parameters">
      <div class="table-scroll" tabIndex={0} role="group" aria-label="Parameters">
        <table>
          <caption>{counted(request.parameters.length, "parameter")}</caption>
          <thead class="visually-hidden">
            <tr>
              <th scope="col">No.</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {request.parameters.map(({ text, type, bytes: size }, at) => (
              <tr key={at}>
                <th scope="row">{at + 1}</th>
                <td>
                  {request.hiddenParameters.includes(at)
                    ? <span class="value-null">masked: it goes to a masked column</span>
                    : <Value text={text} onWhole={() => onWhole(at)} />}
                  <span class="fact-note">{type === "?" ? "type left open" : type}, {bytes(size)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function RequestFacts({ request }: { request: RequestDetail }) {
  const { client, state, granted } = request;
  return (
    <dl class="facts">
      {state === "pending"
        ? (
          <Fact name="Approving allows">
            <WouldAllow request={request} />
          </Fact>
        )
        : granted === null
        ? null
        : (
          <Fact name="Allows">
            <Allowed request={request} />
          </Fact>
        )}
      <Fact name={`Asked by rule`}>
        <code>{request.rule}</code>
        <span class="fact-note">
          <Marked text={request.reason} />
        </span>
      </Fact>
      <Fact name="Person">
        <Marked text={request.person} />
        <span class="fact-note">
          <Marked text={request.groups.join(", ") || "in no group"} />
        </span>
        <span class="fact-note">
          <Marked text={client.application || "unnamed application"} /> at {client.address},{" "}
          {client.tls ?? "without TLS"}
          {request.partOf !== null
            ? (
              <>
                , in advance with <a href={`/requests/${request.partOf}`}>others</a>
              </>
            )
            : request.advance === null
            ? (
              <>
                , <a href={`/sessions/${request.session}`}>this session</a>
              </>
            )
            : null}
        </span>
        <span class="fact-note">
          <Time at={request.requestedAt} />, digest{" "}
          <code title={request.digest}>{request.digest.slice(0, 12)}</code>
        </span>
      </Fact>
    </dl>
  );
}

const minutes = (ms: number) => counted(Math.round(ms / 60_000), "minute");

/** Before the decision: the least, and how much further it may be chosen then. */
function WouldAllow({ request: { advance, template, tableScope } }: { request: RequestDetail }) {
  if (advance !== null) {
    return (
      <>
        {counted(advance.statements, "statement")}, each once, within {minutes(advance.windowMs)}
        {advance.list.length === 0
          ? null
          : <span class="fact-note">or, if you choose so, fewer of them, or for a shorter time</span>}
      </>
    );
  }
  return (
    <>
      exactly this text and these parameters, once, in this session
      {template === null ? null : (
        <span class="fact-note">
          or, if you choose so, others that differ in their values only: up to {count(template.statementsMax)}
          {" "}
          in {counted(template.minutesMax, "minute")}
        </span>
      )}
      {tableScope === null ? null : (
        <span class="fact-note">
          or other writes on its tables: up to {count(tableScope.statementsMax)} in{" "}
          {counted(tableScope.minutesMax, "minute")}
        </span>
      )}
    </>
  );
}

/** What an approval lets through, in words. */
function Allowed({ request }: { request: RequestDetail }) {
  const { granted, used } = request;
  if (granted === null) return null;
  if (request.advance !== null) return <AdvanceGranted request={request} />;
  const until = <Time at={granted.until} />;
  const ran = used === null ? "It has not run yet." : (
    <>
      It ran, <Time at={used.at} />.
    </>
  );
  if (granted.scope === "once") {
    return (
      <>
        this statement, once, until {until} <span class="fact-note">{ran}</span>
      </>
    );
  }
  return (
    <>
      {granted.statementsMax} statements in this session until {until}
      <span class="fact-note">
        {granted.scope === "template"
          ? "this one, and others that differ from it in their values only"
          : "this one, and other writes on the same tables"}. {ran}
      </span>
    </>
  );
}

/** Reviews so far, of those needed, and who may give them. */
export function RequestReviews({ request }: { request: RequestDetail }) {
  const { reviews, quorum, state, distinctGroups, approvers, escalation } = request;
  const given = reviews.filter(({ approve, lapsed }) => approve && !lapsed).length;
  return (
    <section class="reviews" aria-label="Reviews">
      <p>
        <span class="minor">Reviews</span> <strong>{given} of {quorum}</strong> needed
        {quorum > 1 && distinctGroups ? ", each for another group" : ""}, by {approvers.join(" or ")}
        {escalation === null || state !== "pending" ? null : (
          <>
            ; from <Time at={escalation.at} /> on by {escalation.groups.join(" or ")} as well
          </>
        )}
      </p>
      {reviews.length > 0 ? <Reviews reviews={reviews} /> : null}
    </section>
  );
}

function Reviews({ reviews }: Pick<RequestDetail, "reviews">) {
  return (
    <ul class="plain-list">
      {reviews.map((review) => (
        <li key={review.by}>
          <Badge tone={review.approve ? "allow" : "deny"} icon={review.approve ? "allow" : "deny"}>
            {review.approve ? "Approved" : "Denied"}
          </Badge>{" "}
          <Marked text={review.by} />, <Time at={review.at} />
          {review.lapsed
            ? <span class="fact-note">Their access ended since: this review does not count.</span>
            : null}
          {review.reason
            ? (
              <span class="fact-note">
                “<Marked text={review.reason} />”
              </span>
            )
            : null}
        </li>
      ))}
    </ul>
  );
}
