/**
 * Two databases that differ only in their secrets, and Postern's own judgement in front of them: what a client
 * would get of each must be the same, byte by byte.
 */
import postgres from "postgres";
import { compileRules, decide, type Rule } from "../../policy/decide.ts";
import { postgresqlDialect } from "../../policy/sql/postgresql/mod.ts";
import type { Analyst, Catalog, MaskLookup } from "../../policy/sql/dialect.ts";
import type { Identity, Judgement, MaskRule, Target } from "../../policy/types.ts";
import { type Postgresql, startPostgresql } from "./postgresql.ts";

const vectors = new URL("../vectors/corpora/", import.meta.url);

export interface CorpusCase {
  readonly id: string;
  readonly dialect: string;
  readonly category: string;
  readonly sql?: string;
  readonly expect: "allow" | "approve" | "mask" | "deny";
  readonly also_ok?: readonly string[];
  /** What bare servers did with it. */
  readonly server?: Readonly<Record<string, { readonly leak: string }>>;
}

/** The judged statements for PostgreSQL; what is about the protocol is tested elsewhere. */
export function corpus(): CorpusCase[] {
  return Deno.readTextFileSync(new URL("statements.jsonl", vectors)).trim().split("\n")
    .map((line) => JSON.parse(line) as CorpusCase)
    .filter(({ dialect, category }) => dialect === "postgresql" && category !== "protocol");
}

export interface Secrets {
  readonly ssns: readonly [string, string, string, string];
  readonly cards: readonly [string, string, string];
  readonly base: number;
  readonly step: number;
  readonly salaries: readonly [number, number, number];
  readonly born: readonly [string, string, string];
}

/** They sort differently, hash differently, and have the same lengths. */
export const twoSecrets: readonly [Secrets, Secrets] = [
  {
    ssns: ["078-05-1120", "219-09-9999", "457-55-5462", "111-22-3333"],
    cards: ["4111111111111111", "5500000000000004", "3400000000000009"],
    base: 100,
    step: 2,
    salaries: [5000, 7000, 9000],
    born: ["1980-01-02", "1990-03-04", "1970-05-06"],
  },
  {
    ssns: ["987-65-4321", "333-44-5555", "042-10-3580", "700-80-9000"],
    cards: ["6011000000000004", "3566000020000410", "4000056655665556"],
    base: 900,
    step: -2,
    salaries: [9100, 100, 4000],
    born: ["1971-11-12", "2000-01-31", "1999-09-09"],
  },
];

/** The corpora's fixture, then what it lacks: other types, foreign keys, partitions, layers of views. */
export function fixtureSql(secrets: Secrets): string {
  const [s1, s2, s3, s4] = secrets.ssns;
  const [c1, c2, c3] = secrets.cards;
  const values: Record<string, string> = { s1, s2, s3, s4, c1, c2, c3 };
  const corpora = Deno.readTextFileSync(new URL("postgresql_fixture.sql", vectors))
    .replace(/:'([sc]\d)'/g, (_, name: string) => `'${values[name]}'`)
    .replace("generate_series(1,300)", "generate_series(1,9)")
    .replace(":base", String(secrets.base)).replace(":step", String(secrets.step));
  const [p1, p2, p3] = secrets.salaries;
  const [d1, d2, d3] = secrets.born;
  return `${corpora}
    CREATE SCHEMA hr;
    CREATE TABLE hr.staff(id int PRIMARY KEY, name text, salary int, born date, doc jsonb, boss int REFERENCES hr.staff);
    INSERT INTO hr.staff VALUES (1, 'eve', ${p1}, '${d1}', '{"pay": ${p1}}', NULL),
      (2, 'fay', ${p2}, '${d2}', '{"pay": ${p2}, "x": ["${s1}"]}', 1), (3, 'gus', ${p3}, '${d3}', 'null', 1);
    CREATE TABLE hr.files(id int PRIMARY KEY, owner_ssn text REFERENCES users(ssn), title text);
    INSERT INTO hr.files VALUES (1, '${s1}', 't1'), (2, '${s2}', 't2'), (3, '${s1}', 't3');
    CREATE TABLE events(id int, user_id int, secret text) PARTITION BY RANGE (id);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
    CREATE TABLE events_2(secret text, user_id int, id int);
    ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (100) TO (200);
    INSERT INTO events VALUES (1, 1, '${s1}'), (2, 2, '${s2}'), (101, 1, '${s3}'), (102, 3, '${s4}');
    CREATE VIEW v_nested AS SELECT v.id, v.tax_no AS t, o.note FROM v_users v LEFT JOIN orders o ON o.user_id = v.id;
    CREATE VIEW v_union AS SELECT id, name AS what FROM users UNION ALL SELECT id, ssn FROM users;
    CREATE VIEW v_clean AS SELECT id, name FROM users WHERE id < 50;
    CREATE VIEW v_expression AS SELECT id, upper(ssn) AS u, name || ':' || right(card, 4) AS c FROM users;
    CREATE VIEW v_row AS SELECT u FROM users u;
    CREATE VIEW v_compares AS SELECT id FROM users WHERE ssn LIKE '0%';
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
    CREATE TABLE notes(id int, body text);
    CREATE TABLE hr.notes(body text, id int);
    INSERT INTO notes VALUES (1, 'open');
    INSERT INTO hr.notes VALUES ('${s1}', 1);
    CREATE TABLE audit(id int, old users, olds users[]);
    INSERT INTO audit SELECT id, u, ARRAY[u] FROM users u WHERE id < 3;
    CREATE TABLE indexed(id int PRIMARY KEY, tenant int NOT NULL, pin text, pad text);
    ALTER TABLE indexed ALTER pad SET STORAGE PLAIN;
    INSERT INTO indexed SELECT g, g % 100, md5('${s1}' || g), repeat('x', 1500) FROM generate_series(1, 600) g;
    CREATE INDEX ON indexed (tenant, pin);
    CREATE VIEW v_indexed AS SELECT id, tenant, pin FROM indexed;
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE DOMAIN small AS int CHECK (VALUE < 1000);
    CREATE TABLE moods(id int, mood mood, n small);
    INSERT INTO moods VALUES (1, 'good', 1), (2, 'bad', 2);
    ANALYZE;`;
}

const hidden: Readonly<Record<string, readonly string[]>> = {
  "public.users": ["ssn", "card"],
  "hr.staff": ["salary", "born", "doc"],
  "public.events": ["secret"],
  "hr.notes": ["body"],
  "public.indexed": ["pin"],
};

/** A fixed text where the type allows it; so rows only differ where a mask is missing. */
export const masks: MaskLookup = (schema, table, column) => {
  if (!hidden[`${schema}.${table}`]?.includes(column)) return null;
  return ["ssn", "card", "secret", "body", "pin"].includes(column)
    ? { kind: "fixed", text: "****" }
    : { kind: "null" };
};

export const defaultRules: readonly Rule[] = [
  { name: "reads", what: { kinds: ["read", "session", "transaction"] }, then: "allow" },
  {
    name: "writes",
    what: { kinds: ["write", "call", "copy"] },
    then: "approve",
    approvers: { groups: ["approvers"], quorum: 1 },
    deadlineMs: 60_000,
  },
  { name: "no-ddl", what: { kinds: ["ddl"] }, then: "deny" },
];

const who: Identity = {
  subject: "1",
  issuer: "https://issuer.test",
  name: "ann@example.com",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 1,
  method: "browser",
};
const where = { target: "t", database: "d", environment: "test", clientAddress: "127.0.0.1" };
const rules = compileRules(defaultRules);

export function judge(analyst: Analyst, text: string): Judgement {
  return decide(analyst.analyse(text, {}), who, where, 0, rules);
}

/** The verdicts that are right for a case. A COPY that the corpora refuse since nothing could mask it may be masked. */
export function rightVerdicts({ expect, also_ok = [] }: CorpusCase, judgement: Judgement): readonly string[] {
  const masksCopy = judgement.statements.some(({ copy, result }) =>
    copy !== undefined && result.kind === "columns"
  );
  return [
    expect,
    ...also_ok,
    ...(expect === "mask" ? ["deny"] : []),
    ...(expect === "deny" && masksCopy ? ["approve"] : []),
  ];
}

/** `mask` where it is allowed and something is masked, as the corpora say it. */
export function verdictOf(judgement: Judgement): CorpusCase["expect"] {
  const masked = judgement.statements.some(({ result, keeps }) =>
    result.kind === "columns" || keeps?.result.kind === "columns"
  );
  return judgement.verdict === "allow" && masked ? "mask" : judgement.verdict;
}

export interface Lab {
  readonly server: Postgresql;
  readonly catalog: Catalog;
  readonly analyst: Analyst;
  /** What a client would see of each database; for a refusal, that. Writes are rolled back. */
  observe(text: string): Promise<readonly [string, string]>;
  close(): Promise<void>;
}

export async function startLab(version: 15 | 18 = 15): Promise<Lab> {
  const server = await startPostgresql({ version });
  const [first, second] = twoSecrets;
  await server.query("CREATE DATABASE other OWNER app", { superuser: true });
  await server.query(fixtureSql(first));
  await server.query(fixtureSql(second), { database: "other" });
  const clients = ["app", "other"].map((database) => connect(server, database));
  await postgresqlDialect.ready();
  const target = {} as Target;
  const catalog = await postgresqlDialect.readCatalog(target, "app", async (_, __, sql) => {
    const rows = await clients[0]!.sql.unsafe(sql).values();
    return rows.map((row) => [...row].map((value) => value === null ? null : String(value)));
  });
  const analyst = catalog.analyst("lab", masks);
  return {
    server,
    catalog,
    analyst,
    observe: async (text) => {
      const judgement = judge(analyst, text);
      const [a = "", b = ""] = await Promise.all(clients.map((client) => seen(client, text, judgement)));
      return a === tooSlow || b === tooSlow ? [tooSlow, tooSlow] : [a, b];
    },
    close: async () => {
      await Promise.all(clients.map(({ sql }) => sql.end({ timeout: 1 })));
      await server.close();
    },
  };
}

const tooSlow = "too slow to compare";

interface Client {
  readonly sql: postgres.Sql;
  readonly notices: string[];
}

function connect(server: Postgresql, database: string): Client {
  const notices: string[] = [];
  const sql = postgres({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    max: 1,
    fetch_types: false,
    onnotice: (notice) => notices.push(String(notice.message)),
  });
  return { sql, notices };
}

async function seen({ sql, notices }: Client, text: string, judgement: Judgement): Promise<string> {
  if (judgement.verdict === "deny") return "denied";
  // The driver speaks COPY only as a stream; its rows are copy_masks_test's business, and the attacks'.
  if (judgement.statements.some(({ facts }) => facts.verb.startsWith("COPY"))) return "a copy";
  notices.length = 0;
  const { tainted } = judgement;
  const own = /^\s*(begin|start|commit|rollback)/i.test(text);
  try {
    if (!own) await sql.unsafe("BEGIN; SET LOCAL statement_timeout = 1500").simple();
    const raw: unknown = await sql.unsafe(text).simple().raw();
    const results = (judgement.statements.length > 1 ? raw : [raw]) as RawResult[];
    // The driver leaves out what only begins or ends a transaction.
    const told = judgement.statements.length === results.length
      ? judgement.statements
      : judgement.statements.filter(({ facts }) => facts.kind !== "transaction");
    const shown = results.map((result, index) => masked(result, planOf(told, index)));
    return JSON.stringify([shown, tainted ? [] : notices]);
  } catch (error) {
    const { code, message, detail } = error as { code?: string; message?: string; detail?: string };
    if (code === "57014") return tooSlow;
    return JSON.stringify(["error", code, tainted ? null : message, tainted ? null : detail]);
  } finally {
    await sql.unsafe("ROLLBACK").simple();
  }
}

type Plan = Judgement["statements"][number]["result"] | undefined;

/** FETCH and EXECUTE give what an earlier statement of the message kept by that name. */
function planOf(statements: Judgement["statements"], index: number): Plan {
  const { result, facts } = statements[index] ?? {};
  if (result?.kind !== "untraced" || facts === undefined) return result;
  const { cursors, statements: prepared } = facts.refers;
  const names = [...cursors, ...prepared];
  return statements.slice(0, index).findLast(({ keeps }) => keeps !== undefined && names.includes(keeps.name))
    ?.keeps?.result ?? result;
}

type RawResult = Uint8Array[][] & { readonly columns?: readonly unknown[]; readonly count: number };

function masked(result: RawResult, plan: Plan): unknown {
  const columns = result.columns?.length ?? 0;
  if (plan?.kind === "columns" && plan.masks.length !== columns) {
    return `refused: ${plan.masks.length}/${columns}`;
  }
  const show = (value: Uint8Array | null, mask: MaskRule | null | undefined) => {
    if (mask) return mask.mask.kind === "fixed" ? mask.mask.text : null;
    return value === null ? null : new TextDecoder().decode(value);
  };
  const rows = [...result].map((row) =>
    row.map((value, index) => {
      if (plan?.kind === "untraced") return null;
      return show(value, plan?.kind === "columns" ? plan.masks[index] : null);
    })
  );
  return { count: result.count, rows };
}
