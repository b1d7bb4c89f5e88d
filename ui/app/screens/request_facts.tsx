/** What is known about a request beside its text. */
import type { ComponentChildren } from "preact";
import type { RequestDetail, Review, TableUse } from "../../contract.ts";
import { Badge, Time } from "../parts/basics.tsx";
import { bytes, counted } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import { Value } from "../parts/statement.tsx";

export function RequestParameters(
  { request, onWhole }: { request: RequestDetail; onWhole: (at: number) => void },
) {
  if (request.parameters.length === 0) return null;
  return (
    <div class="parameters">
      <h2 class="minor">{counted(request.parameters.length, "parameter")}</h2>
      <div class="table-scroll" tabIndex={0} role="group" aria-label="Parameters">
        <table>
          <thead>
            <tr>
              <th scope="col">No.</th>
              <th scope="col">Value</th>
              <th scope="col">Type</th>
              <th scope="col" class="number">Size</th>
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
                </td>
                <td>{type === "?" ? "left open" : type}</td>
                <td class="number">{bytes(size)}</td>
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
  const { client, reviews } = request;
  return (
    <dl class="facts">
      <Fact name="Touches">
        <Tables tables={request.tables} />
      </Fact>
      <Fact name="Asked by rule">
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
      </Fact>
      <Fact name="Client">
        <Marked text={client.application || "unnamed application"} /> at {client.address}
        <span class="fact-note">
          {request.advance === null
            ? (
              <>
                as <Marked text={client.user || "nobody"} />, {client.tls ?? "without TLS"},{" "}
                <a href={`/sessions/${request.session}`}>this session</a>
              </>
            )
            : `in advance: approved, ${request.advance.statements} statements may run, each once, within ${
              Math.round(request.advance.windowMs / 60_000)
            } min`}
        </span>
      </Fact>
      <Fact name="Decided by">
        {request.approvers.join(" or ")}
        <span class="fact-note">
          {request.quorum > 1
            ? `${
              reviews.filter(({ approve, lapsed }) => approve && !lapsed).length
            } of ${request.quorum} needed reviews${request.distinctGroups ? ", each for another group" : ""}`
            : "one person is enough"}
        </span>
        <Escalation request={request} />
      </Fact>
      <Fact name="Asked">
        <Time at={request.requestedAt} />
        <span class="fact-note">
          digest <code title={request.digest}>{request.digest.slice(0, 12)}</code>
        </span>
      </Fact>
      {request.granted
        ? (
          <Fact name="Allows">
            <Allowed request={request} />
          </Fact>
        )
        : null}
      {reviews.length > 0
        ? (
          <Fact name="Reviews">
            <Reviews reviews={reviews} />
          </Fact>
        )
        : null}
    </dl>
  );
}

function Escalation({ request: { escalation, state } }: { request: RequestDetail }) {
  if (escalation === null || state !== "pending") return null;
  return (
    <span class="fact-note">
      from <Time at={escalation.at} /> on {escalation.groups.join(" or ")} as well
    </span>
  );
}

/** What an approval lets through, in words. */
function Allowed({ request: { granted, used } }: { request: RequestDetail }) {
  if (granted === null) return null;
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

function Tables({ tables }: { tables: readonly TableUse[] }) {
  if (tables.length === 0) return <>no table that Postern could tell</>;
  return (
    <ul class="plain-list">
      {tables.map(({ schema, name, access }) => (
        <li key={`${schema}.${name}.${access}`}>
          <code>
            <Marked text={schema ? `${schema}.${name}` : name} />
          </code>{" "}
          <Badge tone={access === "write" ? "hold" : "quiet"}>
            {access === "write" ? "writes" : "reads"}
          </Badge>
        </li>
      ))}
    </ul>
  );
}

function Reviews({ reviews }: { reviews: readonly Review[] }) {
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
