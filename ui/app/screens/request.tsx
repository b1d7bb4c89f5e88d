/** One request, as it is decided: who wants what where until when, the whole statement, and why it is here. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RequestAnswer, RequestDetail } from "../../contract.ts";
import { Badge, Countdown, Failure, FocusHeading, Loading, Time } from "../parts/basics.tsx";
import { clock, counted, tableList, verbList } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { requestLooks } from "../parts/states.ts";
import { FOLD_LENGTH, Statement, VALUE_LENGTH_MAX } from "../parts/statement.tsx";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { useShortcuts } from "../state/keys.ts";
import { announcement, requests } from "../state/requests.ts";
import { useResource } from "../state/resource.ts";
import { onChange } from "../state/stream.ts";
import { LastRequests } from "./last_requests.tsx";
import { DecisionDialog } from "./decision.tsx";
import { RequestEffect } from "./request_effect.tsx";
import { RequestFacts, RequestParameters, RequestReviews } from "./request_facts.tsx";

export function RequestScreen({ id }: { id: string }) {
  const it = useResource<RequestDetail>(id, async () => {
    const answer = await get<RequestAnswer>(`/api/requests/${encodeURIComponent(id)}`);
    setTime(answer.now);
    return answer.request;
  });
  useEffect(() =>
    onChange((change) => {
      if (change === null || change.request === id) it.reload();
    }), [it]);
  const request = it.data.value;
  const error = it.error.value;
  if (request === null) {
    return (
      <section class="request" aria-label="Request">
        <h1 class="visually-hidden">Request</h1>
        {error ? <Failure error={error} retry={it.reload} /> : <Loading lines={6} />}
      </section>
    );
  }
  return (
    <RequestView
      key={id}
      request={request}
      onChanged={(changed) => changed ? it.set(changed) : it.reload()}
    />
  );
}

/** What is folded away, by name: nobody approves what they could not have read. */
function foldedParts(request: RequestDetail): ReadonlySet<string> {
  const folded = new Set<string>();
  if (request.text.length > FOLD_LENGTH) folded.add("the statement");
  for (const [at, { text }] of request.parameters.entries()) {
    if ((text?.length ?? 0) > VALUE_LENGTH_MAX) folded.add(`parameter ${at + 1}`);
  }
  return folded;
}

interface RequestViewProps {
  readonly request: RequestDetail;
  readonly onChanged: (request: RequestDetail | null) => void;
}

function RequestView({ request, onChanged }: RequestViewProps) {
  const [deciding, setDeciding] = useState<"approve" | "deny" | null>(null);
  const [folded, setFolded] = useState(() => foldedParts(request));
  const opened = (part: string) =>
    setFolded((before) => new Set([...before].filter((other) => other !== part)));
  const expired = request.deadlineAt <= now.value;
  const mayDecide = request.refusal === null && !expired;
  const mayApprove = mayDecide && folded.size === 0;

  useShortcuts(useMemo(() =>
    mayDecide
      ? [
        { key: "a", does: "Approve this request", run: () => mayApprove && setDeciding("approve") },
        { key: "d", does: "Deny this request", run: () => setDeciding("deny") },
      ]
      : [], [mayDecide, mayApprove]));

  const decided = (changed: RequestDetail | null) => {
    onChanged(changed);
    requests.reload();
    if (changed === null) return;
    setDeciding(null);
    announcement.value = `${changed.person}'s statement: ${changed.outcome || changed.state}`;
  };

  return (
    <section class="request" aria-label="Request">
      <Sentence request={request} />
      {request.inTransaction && request.state === "pending"
        ? (
          <p class="notice hold">
            {icons.warn}
            It waits inside an open transaction, and may keep locks until it is decided.
          </p>
        )
        : null}
      <WouldRun request={request} onOpened={opened} />
      <Hidden request={request} />
      <RequestEffect request={request} />
      <RequestFacts request={request} />
      <LastRequests request={request} />
      {mayDecide && request.state === "pending" ? null : <RequestReviews request={request} />}
      {request.state === "pending"
        ? (
          <DecisionBar
            request={request}
            expired={expired}
            folded={[...folded]}
            onDecide={setDeciding}
          />
        )
        : null}
      {deciding
        ? (
          <DecisionDialog
            request={request}
            approve={deciding === "approve"}
            onClose={() => setDeciding(null)}
            onDecided={decided}
          />
        )
        : null}
    </section>
  );
}

/** The statement as it is, its parameters beside it. */
function WouldRun({ request, onOpened }: { request: RequestDetail; onOpened: (part: string) => void }) {
  const { text, colours, state, parameters } = request;
  return (
    <div class={parameters.length > 0 ? "request-sql with-parameters" : "request-sql"}>
      <Statement
        text={text}
        colours={colours}
        label={state === "pending" ? "Exactly this would run" : "The statement"}
        onWhole={() => onOpened("the statement")}
      />
      <RequestParameters request={request} onWhole={(at) => onOpened(`parameter ${at + 1}`)} />
    </div>
  );
}

/** What stands masked is still part of what is approved. */
function Hidden({ request }: { request: RequestDetail }) {
  const count = request.hidden.length + request.hiddenParameters.length;
  if (count === 0) return null;
  return (
    <p class="notice quiet">
      {icons.lock}
      {counted(count, "value")} for masked columns {count === 1 ? "is" : "are"}{" "}
      hidden here and in the record; the statement runs with {count === 1 ? "it" : "them"} as sent.
    </p>
  );
}

function Sentence({ request }: { request: RequestDetail }) {
  const pending = request.state === "pending";
  return (
    <header class="request-head">
      <FocusHeading subject={request.id}>
        <span class="who">
          <Marked text={request.mine ? "You" : request.person} />
        </span>{" "}
        {pending ? (request.mine ? "want" : "wants") : "wanted"} to run{" "}
        <span class="what">{verbList(request.verbs)}</span>
        {request.tables.length > 0
          ? (
            <>
              {" "}on{" "}
              <span class="what">
                <Marked text={tableList(request.tables)} />
              </span>
            </>
          )
          : null} in{" "}
        <span class="where">
          <Marked text={request.target} />
        </span>
        {pending
          ? (
            <>
              {" "}and waits until{" "}
              <time dateTime={new Date(request.deadlineAt).toISOString()}>{clock(request.deadlineAt)}</time>
            </>
          )
          : null}
      </FocusHeading>
      <div class="request-where">
        <span class={`environment ${/prod/i.test(request.environment) ? "production" : ""}`}>
          {request.environment || "no environment"}
        </span>
        <span class="request-target">
          <Marked text={request.target} />
        </span>
        <span class="request-database">
          database <Marked text={request.database} />
        </span>
        {pending ? <Countdown until={request.deadlineAt} from={request.requestedAt} /> : null}
      </div>
      {pending ? null : <Outcome request={request} />}
    </header>
  );
}

function Outcome({ request }: { request: RequestDetail }) {
  const { tone, icon, word } = requestLooks[request.state];
  const last = request.reviews.at(-1);
  return (
    <div class={`outcome ${tone}`}>
      <Badge tone={tone} icon={icon}>{word}</Badge>
      <p>
        {last?.approve === (request.state === "approved") && /approved|denied/.test(request.state)
          ? (
            <>
              by{" "}
              <strong>
                <Marked text={last.by} />
              </strong>, <Time at={last.at} />
              {last.reason
                ? (
                  <span class="quoted">
                    “<Marked text={last.reason} />”
                  </span>
                )
                : null}
            </>
          )
          : <Marked text={request.outcome} />}
      </p>
    </div>
  );
}

interface DecisionBarProps {
  readonly request: RequestDetail;
  readonly expired: boolean;
  readonly folded: readonly string[];
  readonly onDecide: (decision: "approve" | "deny") => void;
}

function DecisionBar({ request, expired, folded, onDecide }: DecisionBarProps) {
  if (expired) return <p class="decision-bar">Its deadline has passed.</p>;
  if (request.refusal !== null) {
    return (
      <p class="decision-bar">
        {icons.lock}
        {request.mine
          ? "You cannot approve your own statement. It waits for "
          : `${request.refusal}. It waits for `}
        {request.approvers.join(" or ")}.
      </p>
    );
  }
  const blocked = folded.length > 0;
  return (
    <div class="decision-bar">
      <RequestReviews request={request} />
      <button
        type="button"
        class="button approve"
        disabled={blocked}
        aria-describedby={blocked ? "folded-parts" : undefined}
        onClick={() => onDecide("approve")}
      >
        {icons.allow}
        Approve <kbd>a</kbd>
      </button>
      <button type="button" class="button deny" onClick={() => onDecide("deny")}>
        {icons.deny}
        Deny <kbd>d</kbd>
      </button>
      {blocked
        ? (
          <p id="folded-parts" class="decision-note">
            Open {folded.slice(0, 3).join(", ")}
            {folded.length > 3 ? " and more" : ""} before you approve.
          </p>
        )
        : null}
    </div>
  );
}
