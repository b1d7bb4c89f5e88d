/**
 * Encoded events, and the statements that put a batch of them into the store: the events themselves, and in
 * the same transaction what the lists show (sessions, approvals), so that these never disagree.
 */
import { contentOf, digestOf, type Head, linkOf } from "../audit/chain.ts";
import { type EventData, eventData } from "../audit/event_data.ts";
import type { EventDraft } from "../types.ts";
import { isAccessEvent } from "../audit/access_events.ts";
import { column, listOf, listValue, type Statement } from "./database.ts";
import { keepGrants } from "./grants.ts";

/** One event, encoded once; it crosses to the Worker as it is. */
export interface Encoded {
  /** What the digest covers. */
  readonly content: string;
  readonly at: number;
  readonly type: EventDraft["type"];
  readonly person: string | null;
  readonly session: string | null;
  readonly target: string | null;
  /** A judged statement that was not sent to the target. */
  readonly denied: boolean;
}

/** What the projections read; anything else that is JSON can be recorded as it is. */
const projected: ReadonlySet<string> = new Set<EventDraft["type"]>([
  "session.started",
  "session.ended",
  "approval.requested",
  "approval.decided",
  "approval.withdrawn",
  "approval.previewed",
]);

/**
 * Throws TypeError for data that is no JSON, or not what its type's projection reads: one bad event must fail
 * here, alone, and not the batch that it would travel in.
 */
export function encode(draft: EventDraft, at: number): Encoded {
  if (projected.has(draft.type) || isAccessEvent(draft.type)) {
    const { error } = eventData[draft.type].safeParse(draft.data);
    if (error !== undefined) {
      throw new TypeError(`a ${draft.type} event has the wrong data: ${error.message}`);
    }
  }
  return {
    content: contentOf({ ...draft, at }),
    at,
    type: draft.type,
    person: column(draft.person),
    session: column(draft.session),
    target: column(draft.target),
    denied: draft.type === "statement.judged" && draft.data.forwarded === false,
  };
}

/** A batch with its place in the chain: `previous` and `hash` of each event, by position. */
export interface Sealed {
  readonly events: readonly Encoded[];
  readonly first: number;
  readonly links: readonly { readonly previous: string; readonly hash: string }[];
  readonly head: Head;
}

export function seal(head: Head, events: readonly Encoded[]): Sealed {
  let { sequence, hash } = head;
  const links = events.map(({ content }) => {
    const previous = hash;
    hash = linkOf(++sequence, previous, digestOf(content));
    return { previous, hash };
  });
  return { events, first: head.sequence + 1, links, head: { sequence, hash } };
}

/** What a batch changes in the store, in order. `node` runs the sessions that start in it, and holds its requests. */
export function statementsFor(batch: Sealed, node: string): Statement[] {
  const statements: Statement[] = [];
  const started = batch.events.filter((event) => event.type === "session.started");
  // Before the events: these count statements of sessions that are already there.
  if (started.length > 0) statements.push(insertSessions(started, node));
  statements.push(insertEvents(batch));
  const ended = batch.events.filter((event) => event.type === "session.ended");
  if (ended.length > 0) statements.push(endSessions(ended));
  const requested = batch.events.filter((event) => event.type === "approval.requested");
  if (requested.length > 0) statements.push(insertApprovals(requested, node));
  const changed = batch.events.filter((event) =>
    event.type === "approval.decided" || event.type === "approval.withdrawn"
  );
  if (changed.length > 0) statements.push(changeApprovals(changed));
  const previewed = batch.events.filter((event) => event.type === "approval.previewed");
  if (previewed.length > 0) statements.push(previewApprovals(previewed));
  const grants = keepGrants(batch.events);
  if (grants !== null) statements.push(grants);
  return statements;
}

const INSERT_EVENTS = `
  WITH counted AS (
    UPDATE sessions
    SET statements = sessions.statements + d.statements,
        denied = sessions.denied + d.denied,
        held = sessions.held + d.held
    FROM unnest(${listOf(10)}, ${listOf(11, "int8")}, ${listOf(12, "int8")}, ${listOf(13, "int8")})
      AS d (id, statements, denied, held)
    WHERE sessions.id = d.id
  )
  INSERT INTO events (sequence, at, type, person, session, target, content, previous, hash)
  SELECT * FROM unnest(${listOf(1, "int8")}, ${listOf(2, "int8")}, ${listOf(3)}, ${listOf(4)}, ${listOf(5)},
    ${listOf(6)}, ${listOf(7)}, ${listOf(8)}, ${listOf(9)})`;

function insertEvents({ events, first, links }: Sealed): Statement {
  const counts = tally(events);
  const tallies = [...counts.values()];
  return {
    text: INSERT_EVENTS,
    values: [
      listValue(events.map((_, i) => String(first + i))),
      listValue(events.map((event) => String(event.at))),
      listValue(events.map((event) => event.type)),
      listValue(events.map((event) => event.person)),
      listValue(events.map((event) => event.session)),
      listValue(events.map((event) => event.target)),
      listValue(events.map((event) => event.content)),
      listValue(links.map((link) => link.previous)),
      listValue(links.map((link) => link.hash)),
      listValue([...counts.keys()]),
      listValue(tallies.map((one) => String(one.statements))),
      listValue(tallies.map((one) => String(one.denied))),
      listValue(tallies.map((one) => String(one.held))),
    ],
  };
}

/** What the sessions list counts, by session. */
function tally(
  events: readonly Encoded[],
): Map<string, { statements: number; denied: number; held: number }> {
  const counts = new Map<string, { statements: number; denied: number; held: number }>();
  for (const { type, session, denied } of events) {
    if (session === null || (type !== "statement.judged" && type !== "approval.requested")) continue;
    const one = counts.get(session) ?? { statements: 0, denied: 0, held: 0 };
    counts.set(session, one);
    if (type === "statement.judged") one.statements++;
    else one.held++;
    if (denied) one.denied++;
  }
  return counts;
}

const INSERT_SESSIONS = `
  INSERT INTO sessions (id, node, person, target, started_at, started)
  SELECT d.id, $1::text, d.person, d.target, d.at, d.started
  FROM unnest(${listOf(2)}, ${listOf(3)}, ${listOf(4)}, ${listOf(5, "int8")}, ${listOf(6)})
    AS d (id, person, target, at, started)
  WHERE d.id IS NOT NULL
  ON CONFLICT DO NOTHING`;

function insertSessions(events: readonly Encoded[], node: string): Statement {
  return {
    text: INSERT_SESSIONS,
    values: [
      node,
      listValue(events.map((event) => event.session)),
      listValue(events.map((event) => event.person ?? "?")),
      listValue(events.map((event) => event.target ?? "?")),
      listValue(events.map((event) => String(event.at))),
      listValue(events.map((event) => event.content)),
    ],
  };
}

const END_SESSIONS = `
  UPDATE sessions SET ended_at = d.at, end_reason = d.reason
  FROM unnest(${listOf(1)}, ${listOf(2, "int8")}, ${listOf(3)}) AS d (id, at, reason)
  WHERE sessions.id = d.id AND sessions.ended_at IS NULL`;

function endSessions(events: readonly Encoded[]): Statement {
  const byId = new Map(events.map((event) => [event.session, event]));
  const last = [...byId.values()];
  return {
    text: END_SESSIONS,
    values: [
      listValue(last.map((event) => event.session)),
      listValue(last.map((event) => String(event.at))),
      listValue(last.map((event) => column(dataOf<"session.ended">(event).reason) ?? "?")),
    ],
  };
}

const INSERT_APPROVALS = `
  INSERT INTO approvals (id, session, requested_at, state, request, digest, person, node)
  SELECT d.*, $8::text FROM unnest(${listOf(1)}, ${listOf(2)}, ${listOf(3, "int8")}, ${listOf(4)}, ${
  listOf(5)
}, ${listOf(6)}, ${listOf(7)}) AS d
  ON CONFLICT DO NOTHING`;

function insertApprovals(events: readonly Encoded[], node: string): Statement {
  const requests = events.map(dataOf<"approval.requested">);
  return {
    text: INSERT_APPROVALS,
    values: [
      listValue(requests.map((request) => column(request.id) ?? "?")),
      listValue(requests.map((request) => column(request.session) ?? "?")),
      listValue(requests.map((request) => String(Math.trunc(request.requestedAt)))),
      listValue(requests.map((request) => request.state)),
      listValue(requests.map((request) => JSON.stringify(request))),
      listValue(requests.map((request) => column(request.digest))),
      listValue(requests.map((request) => column(request.person))),
      node,
    ],
  };
}

/** An end is final: what a node had decided that was thought lost comes too late. */
const CHANGE_APPROVALS = `
  UPDATE approvals SET state = d.state, change = d.change, usable_until = d.usable_until
  FROM unnest(${listOf(1)}, ${listOf(2)}, ${listOf(3)}, ${listOf(4, "int8")})
    AS d (id, state, change, usable_until)
  WHERE approvals.id = d.id AND (approvals.state = 'pending' OR d.state = 'withdrawn')`;

function changeApprovals(events: readonly Encoded[]): Statement {
  // An UPDATE takes one row per id: the last of this batch, which carries all reviews so far.
  const byId = new Map(
    events.map(dataOf<"approval.decided" | "approval.withdrawn">).map((
      change,
    ) => [column(change.id), change]),
  );
  const last = [...byId.values()];
  return {
    text: CHANGE_APPROVALS,
    values: [
      listValue([...byId.keys()]),
      listValue(last.map((change) => change.state)),
      listValue(last.map((change) => JSON.stringify(change))),
      listValue(last.map(({ granted }) => granted == null ? null : String(Math.trunc(granted.until)))),
    ],
  };
}

function previewApprovals(events: readonly Encoded[]): Statement {
  const previews = new Map(
    events.map(dataOf<"approval.previewed">).map(({ id, impact }) => [column(id), impact]),
  );
  return {
    text: `UPDATE approvals SET impact = d.impact FROM unnest(${listOf(1)}, ${listOf(2)}) AS d (id, impact)
      WHERE approvals.id = d.id`,
    values: [
      listValue([...previews.keys()]),
      listValue([...previews.values()].map((impact) => JSON.stringify(impact))),
    ],
  };
}

const dataOf = <T extends EventDraft["type"]>(event: Encoded): EventData[T] =>
  (JSON.parse(event.content) as { data: EventData[T] }).data;
