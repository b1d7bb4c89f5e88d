/**
 * Judges PostgreSQL's own regression SQL: what is judged a read runs in a READ ONLY transaction of a real server,
 * where a write fails with SQLSTATE 25006. By hand, not in CI: `deno run -A tests/support/postgresql_regression.ts
 * FOLDER [CHANGES [PART/PARTS]]`, FOLDER being src/test/regress/sql of the server's source (`apt-get source
 * postgresql-15`); the catalog is read again after so many changes of it (1); of the files one part in order (all).
 */
import postgres from "postgres";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "../../policy/sql/postgresql/parser.ts";
import { postgresqlDialect } from "../../policy/sql/postgresql/mod.ts";
import type { Analyst } from "../../policy/sql/dialect.ts";
import type { Target } from "../../policy/types.ts";
import { startPostgresql } from "./postgresql.ts";

/** What would wait, or take long for nothing. */
const avoided = /\b(?:pg_sleep|pg_advisory|statement_timeout|generate_series\(1, ?\d{6})/i;

/** The statements of a script, without what is psql's own: commands, variables, rows of COPY. */
function statementsIn(script: string): string[] {
  const text = script.replace(/^\\\.$/gm, "").replace(/\\g(?:set|exec|desc)?\b.*$/gm, ";").replace(
    /^\s*\\.*$/gm,
    "",
  )
    .replace(/:'?\w+'?(?=[^:\w])/g, (found, at: number) => script[at - 1] === ":" ? found : "1");
  const parsed = parse(text);
  if ("statements" in parsed) {
    const bytes = new TextEncoder().encode(text);
    return parsed.statements.map(({ stmt_location: from = 0, stmt_len: length }) =>
      new TextDecoder().decode(bytes.subarray(from, length === undefined ? undefined : from + length)).trim()
    );
  }
  // A script with a mistake in it, which the regression tests have on purpose: cut at line ends.
  return text.split(/;[ \t]*(?:--.*)?\n/).map((each) => each.trim()).filter((each) => each !== "");
}

const server = await startPostgresql({});
await postgresqlDialect.ready();
const connect = () =>
  postgres({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: server.database,
    max: 1,
    fetch_types: false,
    onnotice: () => {},
  });

const sql = connect();
/** For catalogs: what a script sets does not count here. */
const aside = connect();

const run = (text: string): Promise<string> =>
  sql.unsafe(text).simple().then(() => "", (error: { code?: string }) => error.code ?? "unknown");

async function analyst(): Promise<Analyst> {
  const catalog = await postgresqlDialect.readCatalog({} as Target, "app", async (_, __, query) => {
    const rows = await aside.unsafe(query).values();
    return rows.map((row) => [...row].map((value) => value === null ? null : String(value)));
  });
  return catalog.analyst("regression", () => null);
}

const changesMax = Number(Deno.args[1] ?? "1");
/** Prepared by statements that Postern refuses: behind it, EXECUTE finds nothing of that name. */
const neverPrepared = new Set<string>();
const counts = { statements: 0, notParsed: 0, reads: 0, others: 0, refused: 0, misjudged: 0 };
const folder = Deno.args[0] ?? ".";
const first = ["test_setup.sql", "copy.sql", "create_index.sql"];
const [part = 1, parts = 1] = (Deno.args[2] ?? "1/1").split("/").map(Number);
const files = readdirSync(folder).filter((name) => name.endsWith(".sql") && !first.includes(name)).sort()
  .filter((_, at, { length }) => Math.floor(at * parts / length) === part - 1);
for (const file of [...first.filter((name) => name !== "copy.sql"), ...files]) {
  await run("ROLLBACK; RESET ALL; SET statement_timeout = '3s'");
  let judging = await analyst();
  let changes = 0;
  for (const text of statementsIn(readFileSync(`${folder}/${file}`, "utf8"))) {
    if (avoided.test(text) || /\bcopy\b[^]*\bstd(?:in|out)\b/i.test(text)) continue;
    counts.statements++;
    const answer = judging.analyse(text, {});
    if ("refused" in answer) {
      counts.notParsed++;
      continue;
    }
    const facts = answer.map((one) => one.facts);
    const unsafe = facts.some(({ unsafe }) => unsafe.length > 0);
    for (const { keeps } of answer) {
      if (keeps?.what !== "statement") continue;
      if (unsafe) neverPrepared.add(keeps.name);
      else neverPrepared.delete(keeps.name);
    }
    const names = facts.flatMap(({ refers }) => refers.statements);
    if (unsafe || names.some((name) => neverPrepared.has(name))) counts.refused++;
    else if (facts.length > 0 && facts.every(({ kind }) => kind === "read")) {
      counts.reads++;
      const code = await run(`BEGIN READ ONLY; ${text}`);
      await run("ROLLBACK");
      if (code === "25006") {
        counts.misjudged++;
        console.log("MISJUDGED", file, text.replace(/\s+/g, " ").slice(0, 200));
      }
      continue;
    } else counts.others++;
    if (facts.some(({ kind }) => kind === "transaction")) continue;
    await run(text);
    if (facts.some(({ kind }) => kind === "ddl")) changes++;
    // A catalog for each change would take hours; without masks names alone count for little.
    if (changes >= changesMax) {
      judging = await analyst();
      changes = 0;
    }
  }
  console.log(file, JSON.stringify(counts));
}
await sql.end({ timeout: 1 });
await aside.end({ timeout: 1 });
await server.close();
