/**
 * The schema, step by step. A step that was released never changes; a new one is added at the end. Forward
 * only: a store that a newer Postern wrote is refused.
 */
import { PosternError } from "../errors.ts";
import type { Database } from "./database.ts";

/** Steps by version, from 1. Plain PostgreSQL, good for the embedded database and a real one. */
export const migrations: readonly (readonly string[])[] = [
  [
    // `content` is the canonical JSON that the hash covers, as text, so that it is never printed anew.
    // The columns beside it are copies for searching, and no evidence.
    `CREATE TABLE events (
       sequence int8 PRIMARY KEY,
       at int8 NOT NULL,
       type text NOT NULL,
       person text,
       session text,
       target text,
       content text NOT NULL,
       previous text NOT NULL,
       hash text NOT NULL
     )`,
    `CREATE INDEX events_session ON events (session, sequence) WHERE session IS NOT NULL`,
    `CREATE INDEX events_person ON events (person, sequence) WHERE person IS NOT NULL`,
    `CREATE INDEX events_target ON events (target, sequence) WHERE target IS NOT NULL`,
    `CREATE INDEX events_at ON events (at)`,
    // The types that everybody has many of are found faster by session, person or time.
    `CREATE INDEX events_rare_type ON events (type, sequence)
       WHERE type NOT IN ('statement.judged', 'statement.finished')`,

    `CREATE TABLE sessions (
       id text PRIMARY KEY,
       node text NOT NULL,
       person text NOT NULL,
       target text NOT NULL,
       started_at int8 NOT NULL,
       ended_at int8,
       end_reason text,
       statements int8 NOT NULL DEFAULT 0,
       denied int8 NOT NULL DEFAULT 0,
       held int8 NOT NULL DEFAULT 0,
       started text NOT NULL
     ) WITH (fillfactor = 80)`,
    `CREATE INDEX sessions_started ON sessions (started_at)`,
    `CREATE INDEX sessions_person ON sessions (person, started_at)`,
    `CREATE INDEX sessions_target ON sessions (target, started_at)`,
    `CREATE INDEX sessions_open ON sessions (node) WHERE ended_at IS NULL`,

    `CREATE TABLE approvals (
       id text PRIMARY KEY,
       session text NOT NULL,
       requested_at int8 NOT NULL,
       state text NOT NULL,
       request text NOT NULL,
       change text
     )`,
    `CREATE INDEX approvals_requested ON approvals (requested_at)`,
    `CREATE INDEX approvals_pending ON approvals (session) WHERE state = 'pending'`,

    `CREATE TABLE signed_heads (
       sequence int8 NOT NULL,
       key text NOT NULL,
       body text NOT NULL,
       PRIMARY KEY (sequence, key)
     )`,
    `CREATE TABLE public_keys (key text PRIMARY KEY, pem text NOT NULL)`,
  ],
  [
    // How far each reader of the record has come: the search index, and whatever goes out of the house. `holder` is
    // the node that reads for it, until `held_until` (epoch milliseconds).
    `CREATE TABLE cursors (
       name text PRIMARY KEY,
       sequence int8 NOT NULL,
       holder text,
       held_until int8 NOT NULL DEFAULT 0
     )`,
    `INSERT INTO cursors (name, sequence) VALUES ('search', 0)`,
    // A copy of judged statements for searching, made after the events. `words` holds those of text and parameters,
    // and the tables as t:schema.name.
    `CREATE TABLE statements (
       sequence int8 PRIMARY KEY,
       at int8 NOT NULL,
       person text,
       session text,
       target text,
       verdict text NOT NULL,
       kind text NOT NULL,
       rule text,
       template text NOT NULL,
       words tsvector NOT NULL
     )`,
    `ALTER TABLE statements ALTER COLUMN words SET STATISTICS 200`,
    `CREATE INDEX statements_words ON statements USING gin (words)`,
    `CREATE INDEX statements_person ON statements (person, sequence)`,
    `CREATE INDEX statements_target ON statements (target, sequence)`,
    `CREATE INDEX statements_session ON statements (session, sequence)`,
    `CREATE INDEX statements_template ON statements (template, sequence)`,
    `CREATE INDEX statements_verdict ON statements (verdict, sequence) WHERE verdict <> 'allow'`,
    `CREATE INDEX statements_kind ON statements (kind, sequence) WHERE kind <> 'read'`,
    `CREATE INDEX statements_rule ON statements (rule, sequence)`,
    `CREATE TABLE templates (
       id text PRIMARY KEY,
       text text NOT NULL,
       first_at int8 NOT NULL,
       statements int8 NOT NULL
     )`,
  ],
  [
    `CREATE TABLE grants (
       id text PRIMARY KEY,
       person text NOT NULL,
       requested_at int8 NOT NULL,
       state text NOT NULL,
       body text NOT NULL
     )`,
    `CREATE INDEX grants_requested ON grants (requested_at)`,
    `CREATE INDEX grants_open ON grants (id) WHERE state IN ('requested', 'granted')`,
  ],
  [
    // Up to where each node's spool is in the tables above.
    `CREATE TABLE spool_positions (node text PRIMARY KEY, segment int8 NOT NULL, at int8 NOT NULL)`,
  ],
  [
    // An approval that nobody has used yet: found by what it is good for, used up by setting `used_at`.
    `ALTER TABLE approvals ADD COLUMN digest text, ADD COLUMN person text, ADD COLUMN usable_until int8,
       ADD COLUMN used_at int8, ADD COLUMN used_by text`,
    `CREATE INDEX approvals_usable ON approvals (digest)
       WHERE state = 'approved' AND used_at IS NULL AND usable_until IS NOT NULL`,
  ],
  [
    `ALTER TABLE approvals ADD COLUMN impact text`,
  ],
  [
    // Of an event whose content was taken out ('' then): what the chain needs of it.
    `ALTER TABLE events ADD COLUMN digest text`,
  ],
  [
    // Several nodes on one database: who is alive, on the database's own clock (see nodes.ts), whose requests wait
    // where, and what nodes ask of each other.
    `CREATE TABLE nodes (
       node text PRIMARY KEY,
       name text NOT NULL,
       since timestamptz NOT NULL,
       until timestamptz NOT NULL,
       secret text,
       heir text,
       heir_until timestamptz
     )`,
    `ALTER TABLE approvals ADD COLUMN node text`,
    `CREATE TABLE node_questions (
       id text PRIMARY KEY,
       node text NOT NULL,
       asked_at timestamptz NOT NULL,
       question text NOT NULL,
       taken boolean NOT NULL DEFAULT false,
       answer text
     )`,
    `CREATE INDEX node_questions_open ON node_questions (node) WHERE NOT taken`,
  ],
  [
    // The record in parts by time (see parts.ts). What is there becomes the first one, with its indexes.
    `ALTER TABLE events RENAME TO events_0`,
    `ALTER INDEX events_pkey RENAME TO events_0_pkey`,
    `ALTER INDEX events_session RENAME TO events_0_session`,
    `ALTER INDEX events_person RENAME TO events_0_person`,
    `ALTER INDEX events_target RENAME TO events_0_target`,
    `ALTER INDEX events_at RENAME TO events_0_at`,
    `ALTER INDEX events_rare_type RENAME TO events_0_rare_type`,
    `CREATE TABLE events (
       sequence int8 PRIMARY KEY,
       at int8 NOT NULL,
       type text NOT NULL,
       person text,
       session text,
       target text,
       content text NOT NULL,
       previous text NOT NULL,
       hash text NOT NULL,
       digest text
     ) PARTITION BY RANGE (sequence)`,
    `CREATE INDEX events_session ON events (session, sequence) WHERE session IS NOT NULL`,
    `CREATE INDEX events_person ON events (person, sequence) WHERE person IS NOT NULL`,
    `CREATE INDEX events_target ON events (target, sequence) WHERE target IS NOT NULL`,
    `CREATE INDEX events_at ON events (at)`,
    `CREATE INDEX events_rare_type ON events (type, sequence)
       WHERE type NOT IN ('statement.judged', 'statement.finished')`,
    `ALTER TABLE events ATTACH PARTITION events_0 FOR VALUES FROM (MINVALUE) TO (MAXVALUE)`,
  ],
  [
    `CREATE INDEX approvals_denied ON approvals (digest) WHERE state = 'denied'`,
  ],
  [
    `CREATE INDEX approvals_decided ON approvals (digest) WHERE state IN ('approved', 'denied')`,
    `DROP INDEX approvals_denied`,
  ],
];

/** Taken while the schema changes, and by whoever appends; any number that is ours alone. */
export const chainLock = "7285019412";

/**
 * Brings the schema to the newest version. Rejects with StoreFailed where a newer Postern wrote it.
 * `steps` is for tests that start from an old one.
 */
export async function migrate(db: Database, steps = migrations): Promise<void> {
  await db.script([
    // Two nodes may start at once on one database.
    `SELECT pg_advisory_xact_lock(${chainLock})`,
    `CREATE TABLE IF NOT EXISTS schema_version (version int4 NOT NULL)`,
  ]);
  for (;;) {
    const version = await schemaVersion(db);
    if (version > steps.length) {
      throw new PosternError(
        "StoreFailed",
        `the store's schema is version ${version}, and this Postern knows up to ${steps.length}`,
        { hint: "a newer Postern wrote this store: start that one, or give this one another data folder" },
      );
    }
    if (version === steps.length) return;
    await step(db, version, steps[version]!);
  }
}

async function step(db: Database, version: number, statements: readonly string[]): Promise<void> {
  try {
    await db.script([
      `SELECT pg_advisory_xact_lock(${chainLock})`,
      // Fails the transaction where another node took this step meanwhile.
      `DO $$ BEGIN
         IF (SELECT coalesce(max(version), 0) FROM schema_version) <> ${version}
         THEN RAISE 'step ${version + 1} was taken'; END IF;
       END $$`,
      ...statements,
      `DELETE FROM schema_version`,
      `INSERT INTO schema_version VALUES (${version + 1})`,
    ]);
  } catch (error) {
    if (await schemaVersion(db) > version) return;
    throw error;
  }
}

export async function schemaVersion(db: Database): Promise<number> {
  const [row] = await db.query({
    text: "SELECT coalesce(max(version), 0)::text FROM schema_version",
    values: [],
  });
  return Number(row?.[0] ?? 0);
}
