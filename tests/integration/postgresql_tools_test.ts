/** What stock tools ask at start-up passes without approval noise; catalogs of other versions are read as well. */
import assert from "node:assert/strict";
import { PGlite } from "@electric-sql/pglite";
import { postgresqlDialect } from "../../policy/sql/postgresql/mod.ts";
import type { Target } from "../../policy/types.ts";
import { run } from "../support/daemons.ts";
import { postgresql18Here } from "../support/embedded_postgresql.ts";
import { cases } from "../unit/sql/postgresql_fixture.ts";
import {
  corpus,
  fixtureSql,
  judge,
  masks,
  rightVerdicts,
  startLab,
  twoSecrets,
  verdictOf,
} from "../support/postgresql_lab.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { required, testNeeding } from "../support/programs.ts";

const commands =
  `\\d \\dt+ \\d_users \\d+_users \\d+_v_users \\d_mv_users \\d_seq1 \\d_users_pkey \\da \\dA+ \\db+ \\dc \\dC+ \\dd \\dD+
  \\ddp \\dE \\des+ \\det \\dew+ \\df+ \\do+ \\dF+ \\dFd \\dFp \\dFt \\dg+ \\di+ \\dl \\dL+ \\dm \\dn+ \\dO \\dp \\dP \\drds
  \\dRp+ \\ds \\dS \\dT+ \\du+ \\dv \\dx+ \\dy \\l+ \\sf_f_get \\sv_v_users \\conninfo \\z_users \\dconfig \\dAc \\dAf \\dX`;

/** The statements in a log that was written with log_statement = all. */
function statementsIn(log: string): string[] {
  const entries = log.split(/^(?=\d{4}-\d\d-\d\d )/m);
  return entries.flatMap((entry) => {
    const match = entry.match(/LOG: {2}(?:statement|execute [^:]*): ([\s\S]*)/);
    return match === null ? [] : [match[1]!.replaceAll("\n\t", "\n").trimEnd()];
  });
}

testNeeding(
  [postgresqlHere, "psql", "pg_dump"],
  "psql's \\d commands and pg_dump pass, but for masked data",
  async () => {
    const server = await startPostgresql({ logStatements: true, sql: fixtureSql(twoSecrets[0]) });
    try {
      const before = (await server.readLog()).length;
      const connection =
        `host=${server.host} port=${server.port} user=${server.user} dbname=${server.database}`;
      const env = { PGPASSWORD: server.password, PAGER: "cat" };
      const lines = commands.split(/\s+/).map((command) =>
        command.replaceAll("_users", " users").replace(/_(?=[vmsf])/, " ")
      );
      await run([required("psql"), "-X", connection], {
        env,
        stdin: `${lines.join("\n")}\n\\d v_users\n\\sf f_get\n`,
      });
      await run([required("pg_dump"), "-d", connection], { env });
      await run([required("pg_dump"), "-d", connection, "--inserts", "-t", "orders"], { env });
      const asked = [...new Set(statementsIn((await server.readLog()).slice(before)))];
      assert.ok(asked.length > 100, `${asked.length} statements`);
      const lab = await read(async (sql) => (await server.query(sql)).map((row) => Object.values(row)));
      const refused = asked.filter((text) => judge(lab, text).verdict !== "allow");
      const copies = refused.filter((text) => text.startsWith("COPY "));
      assert.deepEqual(refused.filter((text) => !copies.includes(text)), []);
      // COPY is for approval under the test's rules; of a table with masked columns it is masked.
      for (const text of copies) {
        const masked = /users|staff|files|events|audit|indexed|hr\.notes/.test(text);
        const { verdict, statements } = judge(lab, text);
        assert.equal(verdict, "approve", text);
        assert.equal(statements[0]?.result.kind, masked ? "columns" : "clean", text);
      }
      for (
        const text of asked.filter((each) => / pg_catalog\.|pg_class/.test(each) && /^SELECT/.test(each))
      ) {
        const answer = lab.analyse(text, {});
        assert.ok(
          !("refused" in answer) && answer.every(({ facts }) => facts.catalogOnly && facts.kind === "read"),
          text,
        );
      }
    } finally {
      await server.close();
    }
  },
);

async function read(query: (sql: string) => Promise<unknown[][]>) {
  await postgresqlDialect.ready();
  const text = async (_: Target, __: string, sql: string) =>
    (await query(sql)).map((row) => row.map((value) => value === null ? null : String(value)));
  return (await postgresqlDialect.readCatalog({} as Target, "app", text)).analyst("lab", masks);
}

function assertVerdicts(analyst: Awaited<ReturnType<typeof read>>): void {
  const wrong = cases().filter(({ text, verdict }) => verdictOf(judge(analyst, text)) !== verdict);
  assert.deepEqual(wrong, []);
  for (const one of corpus()) {
    const judgement = judge(analyst, one.sql ?? "");
    assert.ok(rightVerdicts(one, judgement).includes(verdictOf(judgement)), one.sql);
  }
}

testNeeding([postgresql18Here], "PostgreSQL 18's catalog gives the same verdicts", async () => {
  const lab = await startLab(18);
  try {
    assertVerdicts(lab.analyst);
  } finally {
    await lab.close();
  }
});

Deno.test("the embedded database's catalog gives the same verdicts", async () => {
  const db = await PGlite.create();
  try {
    await db.exec(fixtureSql(twoSecrets[0]));
    const analyst = await read(async (sql) => {
      const { rows } = await db.query<unknown[]>(sql, [], { rowMode: "array" });
      return rows;
    });
    assertVerdicts(analyst);
  } finally {
    await db.close();
  }
});
