/** The impact of a statement on MySQL or MariaDB: EXPLAIN (never ANALYZE), and what information_schema says. */
import type { RelationUse } from "../../types.ts";
import { counted, gather, type Impact, type ImpactInput, type Part, type TableImpact } from "../impact.ts";
import { before, bound, countPart, explain, samplesPart } from "./impact_rows.ts";
import { Lexer } from "./lexer.ts";
import { modeOf } from "./mode.ts";
import { isTrivia, type Token } from "./tokens.ts";

type Row = readonly (string | null)[];

const explained = new Set(["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE"]);

export async function impactOf(input: ImpactInput): Promise<Impact> {
  const tokens = tokensOf(input);
  const parts: { name: string; of: () => Promise<Part> | Part }[] = [
    { name: "its tables", of: () => tablesPart(input) },
  ];
  if (tokens === null) {
    return {
      ...await gather(input, parts),
      missing: ["the plan: the message holds several statements; send them one by one for a plan"],
    };
  }
  const verb = tokens.find((token) => !isTrivia(token))?.keyword ?? "";
  if (explained.has(verb)) parts.push({ name: "the plan", of: () => planPart(input, tokens) });
  parts.push({ name: "locks", of: () => locksPart(input, tokens) });
  const { count, samples } = input.wants;
  if (count) parts.push({ name: "the exact count", of: () => countPart(input, tokens) });
  if (samples > 0) parts.push({ name: "sample rows", of: () => samplesPart(input, tokens) });
  return await gather(input, parts);
}

/** The tokens of a message's only statement; null where it holds more. */
function tokensOf({ text, state }: ImpactInput): readonly Token[] | null {
  const mode = modeOf(state);
  const { tokens, end } = new Lexer(text, 0, mode).statement();
  for (let at = end; at < text.length;) {
    const rest = new Lexer(text, at, mode).statement();
    if (!rest.tokens.every((token) => isTrivia(token) || token.kind === "end")) return null;
    at = rest.end;
  }
  return tokens.filter((token) => token.kind !== "end");
}

const literal = (text: string): string =>
  `_utf8mb4 x'${
    Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("")
  }'`;

async function planPart(input: ImpactInput, tokens: readonly Token[]): Promise<Part> {
  const { target, database, query, text } = input;
  // A READ ONLY session would not even explain a change; EXPLAIN changes nothing.
  const settings = before(input).filter((one) => !one.endsWith("READ ONLY"));
  const rows = await query(target, database, `${explain(input)} ${bound(input, text, tokens)}`, settings);
  const steps = rows.map(stepOf);
  const warnings = steps.filter(({ type, rows: count }) => type === "ALL" && (count ?? 0) >= 10_000)
    .map(({ table, rows: count }) => `it reads all of ${table}, about ${counted(count ?? 0)} rows`);
  const first = steps.find(({ rows: count }) => count !== null)?.rows ?? null;
  return { rows: first, plan: steps.map(words), warnings };
}

interface Step {
  readonly table: string;
  readonly type: string;
  readonly key: string | null;
  readonly rows: number | null;
}

/** MySQL has `partitions` and `filtered` beside MariaDB's columns. */
function stepOf(row: Row): Step {
  const [table, type, key, rows] = row.length >= 12 ? [2, 4, 6, 9] : [2, 3, 5, 8];
  const count = row[rows] ?? null;
  return {
    table: row[table] ?? "no table",
    type: row[type] ?? "",
    key: row[key] ?? null,
    rows: count === null ? null : Number(count),
  };
}

function words({ table, type, key, rows }: Step): string {
  const about = `about ${counted(rows ?? 0)} rows`;
  switch (type) {
    case "":
      return table === "no table" ? "no table is read" : `write to ${table}`;
    case "ALL":
      return `read the whole of ${table}, ${about}`;
    case "index":
      return `read the whole index ${key ?? ""} of ${table}, ${about}`;
    case "const":
    case "system":
      return `find one row of ${table} by the index ${key ?? ""}`;
    default:
      return `find ${about} of ${table} by the index ${key ?? ""} (${type})`;
  }
}

function locksPart({ facts }: ImpactInput, tokens: readonly Token[]): Part {
  const ddl = facts.some(({ kind }) => kind === "ddl");
  const names = [
    ...new Set(facts.flatMap(({ tables }) => tables).map(({ schema, name }) => `${schema}.${name}`)),
  ];
  if (names.length === 0) return {};
  const on = names.join(", ");
  if (ddl) {
    const online = tokens.some(({ keyword }) => keyword === "ALGORITHM");
    return {
      locks: [`metadata lock on ${on}: everybody waits for it while it is granted, readers too`],
      warnings: online
        ? []
        : ["it may copy the table; ALGORITHM=INSTANT or INPLACE would refuse to where it must not"],
    };
  }
  const write = facts.some(({ tables }) => tables.some(({ access }) => access === "write"));
  return {
    locks: [
      write
        ? `row locks on what it reads and changes of ${on} until COMMIT, on gaps between rows as well (InnoDB)`
        : `metadata lock on ${on}: keeps nobody waiting but schema changes`,
    ],
  };
}

async function tablesPart(input: ImpactInput): Promise<Part> {
  const { target, database, query, facts } = input;
  const ask = (sql: string) => query(target, database, sql, before(input));
  const uses = usesOf(facts.flatMap(({ tables }) => tables));
  if (uses.length === 0) return {};
  const tables = await sizes(uses, ask);
  const written = uses.filter(({ access }) => access === "write");
  const verbs = facts.map(({ verb }) => verb);
  const verb = ["DELETE", "UPDATE", "INSERT", "REPLACE"].find((one) => verbs.includes(one));
  if (written.length === 0 || verb === undefined) return { tables };
  return {
    tables,
    triggers: await triggersOf(written, verb, ask),
    cascades: await cascading(written, verb, facts.flatMap(({ columns }) => columns), ask),
  };
}

type Ask = (sql: string) => Promise<(string | null)[][]>;

/** Each table once; written wins. */
function usesOf(uses: readonly RelationUse[]): RelationUse[] {
  const found = new Map<string, RelationUse>();
  for (const use of uses) {
    const key = `${use.schema}\0${use.name}`;
    if (found.get(key)?.access !== "write") found.set(key, use);
  }
  return [...found.values()];
}

const rowsOf = (uses: readonly { schema: string; name: string }[]) =>
  uses.map(({ schema, name }) => `(${literal(schema)}, ${literal(name)})`).join(", ");

async function sizes(uses: readonly RelationUse[], ask: Ask): Promise<TableImpact[]> {
  const rows = await ask(`
    SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_ROWS, t.DATA_LENGTH + t.INDEX_LENGTH,
      (SELECT count(DISTINCT s.INDEX_NAME) FROM information_schema.STATISTICS s
       WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA AND s.TABLE_NAME = t.TABLE_NAME)
    FROM information_schema.TABLES t WHERE (t.TABLE_SCHEMA, t.TABLE_NAME) IN (${rowsOf(uses)})`);
  const number = (text: string | null | undefined) => text == null ? null : Number(text);
  return rows.map(([schema, name, count, bytes, indexes]) => ({
    name: `${schema}.${name}`,
    access: uses.find((use) => use.schema === schema && use.name === name)?.access ?? "read",
    rows: number(count),
    bytes: number(bytes),
    indexes: Number(indexes ?? 0),
  }));
}

async function triggersOf(uses: readonly RelationUse[], verb: string, ask: Ask): Promise<string[]> {
  const events = verb === "REPLACE" ? "'INSERT', 'DELETE'" : `'${verb}'`;
  const rows = await ask(`
    SELECT g.TRIGGER_NAME, g.EVENT_OBJECT_SCHEMA, g.EVENT_OBJECT_TABLE, g.ACTION_TIMING
    FROM information_schema.TRIGGERS g WHERE g.EVENT_MANIPULATION IN (${events})
      AND (g.EVENT_OBJECT_SCHEMA, g.EVENT_OBJECT_TABLE) IN (${rowsOf(uses)}) ORDER BY 2, 3, 1`);
  return rows.map(([name, schema, table, timing]) =>
    `${name} on ${schema}.${table} runs ${timing?.toLowerCase()} each row`
  );
}

const actions: Readonly<Record<string, string>> = {
  CASCADE: "rows go or change with it (CASCADE)",
  "SET NULL": "its columns become NULL (SET NULL)",
  "SET DEFAULT": "its columns become their default (SET DEFAULT)",
};

async function cascading(
  uses: readonly RelationUse[],
  verb: string,
  columns: readonly string[],
  ask: Ask,
): Promise<string[]> {
  if (verb === "INSERT") return [];
  const rule = verb === "UPDATE" ? "UPDATE_RULE" : "DELETE_RULE";
  const found: string[] = [];
  const seen = new Set<string>();
  let level: readonly { schema: string; name: string }[] = uses;
  for (let depth = 1; depth <= 8 && level.length > 0; depth++) {
    const rows = await ask(`
      SELECT r.UNIQUE_CONSTRAINT_SCHEMA, r.REFERENCED_TABLE_NAME, r.CONSTRAINT_SCHEMA, r.TABLE_NAME, r.${rule},
        (SELECT t.TABLE_ROWS FROM information_schema.TABLES t
         WHERE t.TABLE_SCHEMA = r.CONSTRAINT_SCHEMA AND t.TABLE_NAME = r.TABLE_NAME),
        (SELECT group_concat(k.REFERENCED_COLUMN_NAME) FROM information_schema.KEY_COLUMN_USAGE k
         WHERE k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME
           AND k.TABLE_NAME = r.TABLE_NAME)
      FROM information_schema.REFERENTIAL_CONSTRAINTS r WHERE r.${rule} IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
        AND (r.UNIQUE_CONSTRAINT_SCHEMA, r.REFERENCED_TABLE_NAME) IN (${rowsOf(level)}) ORDER BY 1, 2, 3, 4`);
    const next: { schema: string; name: string }[] = [];
    for (const [fromSchema, from, schema, name, action, count, keys] of rows) {
      const key = `${schema}\0${name}`;
      if (seen.has(key) || (verb === "UPDATE" && depth === 1 && !sets(columns, keys ?? ""))) continue;
      seen.add(key);
      const at = depth > 1 ? ` (level ${depth})` : "";
      const size = count === null ? "of unknown size" : `of about ${counted(Number(count))} rows`;
      found.push(
        `from ${fromSchema}.${from} on to ${schema}.${name}, ${size}: ${actions[action ?? ""]}${at}`,
      );
      if (action === "CASCADE") next.push({ schema: schema ?? "", name: name ?? "" });
    }
    level = next;
  }
  return found;
}

/** Whether one of the referenced columns is among those that the statement names. */
function sets(columns: readonly string[], keys: string): boolean {
  const named = new Set(columns.map((column) => column.slice(column.lastIndexOf(".") + 1).toLowerCase()));
  return keys.toLowerCase().split(",").some((key) => named.has(key));
}
