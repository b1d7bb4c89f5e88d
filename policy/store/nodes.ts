/**
 * The nodes on one database, as tables: who is alive, what one that is gone left open, and what nodes ask of each
 * other. Leases run on the database's clock, so that clocks that differ between machines end nobody's.
 */
import { approvalWithdrawn, sessionEnded } from "../audit/events.ts";
import type { PendingElsewhere } from "../ports_nodes.ts";
import type { AuditEvent, EventDraft } from "../types.ts";
import { readApproval, readPendingElsewhere } from "./approvals.ts";
import { channels, type Database } from "./database.ts";
import { EVENTS_DEFAULT, readEvents } from "./queries.ts";

/** Why sessions and requests that a crash left open have ended. */
export const STOPPED_WITHOUT_NOTICE = "Postern stopped without notice";

export interface Beat {
  readonly node: string;
  /** For people: the machine's name. */
  readonly name: string;
  readonly leaseMs: number;
}

export interface LostNode {
  readonly node: string;
  readonly name: string;
}

const leaseIn = (n: number) => `$${n}::int8 * interval '1 millisecond'`;

/**
 * Makes this node's lease longer, and claims nodes whose leases have ended: one survivor at a time. A node that was
 * cut off from the database itself waits for one lease more, for the others may only be late as it is.
 */
export async function beat(db: Database["apart"], { node, name, leaseMs }: Beat): Promise<LostNode[]> {
  await db.query({
    text: `INSERT INTO nodes (node, name, since, until)
           VALUES ($1::text, $2::text, clock_timestamp(), clock_timestamp() + ${leaseIn(3)})
           ON CONFLICT (node) DO UPDATE SET name = excluded.name, until = excluded.until,
             heir = NULL, heir_until = NULL,
             since = CASE WHEN nodes.until < clock_timestamp() THEN excluded.since ELSE nodes.since END`,
    values: [node, name, String(leaseMs)],
  });
  const rows = await db.query({
    text: `UPDATE nodes SET heir = $1::text, heir_until = clock_timestamp() + ${leaseIn(2)}
           WHERE until < clock_timestamp() AND node <> $1::text
             AND (heir IS NULL OR heir = $1::text OR heir_until < clock_timestamp())
             AND EXISTS (SELECT FROM nodes me WHERE me.node = $1::text AND me.since < clock_timestamp() - ${
      leaseIn(2)
    })
           RETURNING node, name`,
    values: [node, String(leaseMs)],
  });
  await db.query({
    text: "DELETE FROM node_questions WHERE asked_at < clock_timestamp() - interval '5 minutes'",
    values: [],
  });
  return rows.map(([gone, called]) => ({ node: gone!, name: called! }));
}

/** Notes which secret this node has (its fingerprint); the name of one that is alive and has another, null for none. */
export async function agree(
  db: Database,
  { node, secret }: { readonly node: string; readonly secret: string },
): Promise<string | null> {
  await db.query({
    text: "UPDATE nodes SET secret = $2::text WHERE node = $1::text",
    values: [node, secret],
  });
  const [other] = await db.query({
    text:
      `SELECT name FROM nodes WHERE node <> $1::text AND secret <> $2::text AND until > clock_timestamp() LIMIT 1`,
    values: [node, secret],
  });
  return other?.[0] ?? null;
}

/** What `node` left open is recorded as ended. */
export async function bury(db: Database, { node, heir }: { node: string; heir: string }): Promise<null> {
  await db.query({
    text: "DELETE FROM nodes WHERE node = $1::text AND heir = $2::text AND until < clock_timestamp()",
    values: [node, heir],
  });
  return null;
}

/** It stops as it should, and leaves nothing open. */
export async function leave(db: Database, node: string): Promise<null> {
  await db.query({ text: "DELETE FROM nodes WHERE node = $1::text", values: [node] });
  return null;
}

export async function otherNodes(db: Database, node: string): Promise<string[]> {
  const rows = await db.query({
    text: "SELECT node FROM nodes WHERE node <> $1::text AND until > clock_timestamp() ORDER BY node",
    values: [node],
  });
  return rows.map(([other]) => other!);
}

/** Sessions that run at other nodes. */
export async function openElsewhere(db: Database, node: string): Promise<string[]> {
  const rows = await db.query({
    text: "SELECT id FROM sessions WHERE ended_at IS NULL AND node <> $1::text LIMIT 100000",
    values: [node],
  });
  return rows.map(([id]) => id!);
}

/** What ends what `node` left open; what nobody's name stands at counts as `own`. */
export async function unfinishedOf(db: Database, node: string, own: string): Promise<EventDraft[]> {
  const pending = await db.query({
    text: `SELECT approvals.id FROM approvals LEFT JOIN sessions ON sessions.id = approvals.session
           WHERE approvals.state = 'pending' AND coalesce(approvals.node, sessions.node, $2::text) = $1::text`,
    values: [node, own],
  });
  const drafts: EventDraft[] = [];
  for (const [id] of pending) {
    const request = await readApproval(db, id!);
    if (request === null) continue;
    drafts.push(approvalWithdrawn({ ...request, state: "withdrawn", outcome: STOPPED_WITHOUT_NOTICE }));
  }
  const open = await db.query({
    text: `SELECT id, person, target FROM sessions WHERE ended_at IS NULL AND node = $1::text
           ORDER BY started_at`,
    values: [node],
  });
  for (const [session, person, target] of open) {
    drafts.push(sessionEnded({ session, person, target }, STOPPED_WITHOUT_NOTICE));
  }
  return drafts;
}

// ---- the record, as it grows -------------------------------------------------------------------------------

export interface Follow {
  /** null at first: from now on. */
  readonly after: number | null;
  /** null for all. */
  readonly types: readonly string[] | null;
  readonly node: string;
}

export interface Followed {
  readonly events: readonly AuditEvent[];
  /** Everything up to here is among these events, or not wanted. */
  readonly reached: number;
  readonly more: boolean;
  /** null where nothing of it can have changed. */
  readonly pending: readonly PendingElsewhere[] | null;
}

/** Events after a place: whoever commits first stands first, so none comes later before what was read. */
export async function follow(db: Database, { after, types, node }: Follow): Promise<Followed> {
  const [row] = await db.query({
    text: "SELECT coalesce(max(sequence), 0)::text FROM events",
    values: [],
  });
  const last = Number(row?.[0] ?? 0);
  const page = after === null || last <= after
    ? { events: [], next: null }
    : await readEvents(db, types === null ? {} : { types }, after, EVENTS_DEFAULT);
  const reached = page.next ?? Math.max(last, page.events.at(-1)?.sequence ?? 0);
  const changed = after === null || page.events.some(({ type }) => type.startsWith("approval."));
  return {
    events: page.events,
    reached,
    more: page.next !== null,
    pending: changed ? await readPendingElsewhere(db, node) : null,
  };
}

// ---- questions ---------------------------------------------------------------------------------------------

export interface AskedQuestion {
  readonly id: string;
  readonly node: string;
  /** JSON. */
  readonly question: string;
}

const tell = (db: Database) =>
  db.query({ text: "SELECT pg_notify($1::text, '')", values: [channels.questions] });

export async function putQuestion(db: Database, { id, node, question }: AskedQuestion): Promise<null> {
  await db.query({
    text: `INSERT INTO node_questions (id, node, asked_at, question)
           VALUES ($1::text, $2::text, clock_timestamp(), $3::text)`,
    values: [id, node, question],
  });
  await tell(db);
  return null;
}

/** Those put to this node, each given out once. */
export async function takeQuestions(db: Database, node: string): Promise<AskedQuestion[]> {
  const rows = await db.query({
    text: `UPDATE node_questions SET taken = true WHERE node = $1::text AND NOT taken RETURNING id, question`,
    values: [node],
  });
  return rows.map(([id, question]) => ({ id: id!, node, question: question! }));
}

export async function answerQuestion(db: Database, it: { id: string; answer: string }): Promise<null> {
  await db.query({
    text: "UPDATE node_questions SET answer = $2::text WHERE id = $1::text",
    values: [it.id, it.answer],
  });
  await tell(db);
  return null;
}

/** The answer, or why there is none yet: `waiting` was not taken by its node, `taken` was. Gone with its answer. */
export async function readAnswer(
  db: Database,
  { id, withdraw }: { readonly id: string; readonly withdraw: boolean },
): Promise<
  { readonly state: "waiting" | "taken" | "gone" } | { readonly state: "answered"; answer: string }
> {
  const [answered] = await db.query({
    text: "DELETE FROM node_questions WHERE id = $1::text AND answer IS NOT NULL RETURNING answer",
    values: [id],
  });
  if (answered !== undefined) return { state: "answered", answer: answered[0]! };
  if (withdraw) {
    const [gone] = await db.query({
      text: "DELETE FROM node_questions WHERE id = $1::text AND NOT taken RETURNING id",
      values: [id],
    });
    if (gone !== undefined) return { state: "gone" };
  }
  const [row] = await db.query({
    text: "SELECT taken::text FROM node_questions WHERE id = $1::text",
    values: [id],
  });
  if (row === undefined) return { state: "gone" };
  return { state: row[0] === "true" ? "taken" : "waiting" };
}
