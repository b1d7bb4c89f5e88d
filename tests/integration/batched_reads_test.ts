/** `audit: { reads: batched }`: a read and its end in one event where it is answered at once, and whole all the same. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import pg from "pg";
import { verifyFile } from "../../policy/audit/commands.ts";
import type { AuditEvent } from "../../policy/types.ts";
import type { Step, Steps } from "../../ui/contract.ts";
import { alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { eventually } from "../support/news.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const sections = `audit: { reads: batched }
rules:
  - { name: all, what: { kinds: [read, write, session, transaction] }, then: allow }
`;

interface Client {
  run(text: string): Promise<unknown>;
  close(): Promise<void>;
}

async function postgresql(gateway: TestGateway): Promise<Client> {
  const user = await gateway.signIn(devin);
  const client = new pg.Client(await user.url("demo"));
  await client.connect();
  return { run: (text) => client.query(text), close: () => client.end() };
}

async function mysql(gateway: TestGateway): Promise<Client> {
  const user = await gateway.signIn(devin);
  const client = await mysql2.createConnection(await user.url("demo"));
  return { run: (text) => client.query(text), close: () => client.end() };
}

async function check(
  t: Deno.TestContext,
  gateway: TestGateway,
  connect: () => Promise<Client>,
  sleep: string,
) {
  const auditor = await gateway.signIn(alex);
  const client = await connect();
  for (let id = 1; id <= 20; id++) await client.run(`SELECT n FROM numbers WHERE n = ${id}`);
  await client.run("INSERT INTO numbers VALUES (6000)");
  await client.run("SELECT n FROM numbers WHERE n = 6000");
  await client.run(sleep);
  await client.run("SELECT n FROM numbers");
  await assert.rejects(() => client.run("SELECT nothing FROM numbers"));
  await client.close();
  let steps: Step[] = [];
  await eventually(async () => {
    const { sessions } = await auditor.json<{ sessions: { id: string; live: boolean }[] }>("/api/sessions");
    const id = sessions[0]?.id ?? "";
    steps = (await auditor.json<Steps>(`/api/sessions/${id}/events?limit=500`)).steps;
    return sessions[0]?.live === false;
  }, "the session's end");
  const statements = steps.filter((step) => step.step === "statement");
  const outcomes = steps.filter((step) => step.step === "outcome");
  await t.step("each statement is there once, in order, and each has its end", () => {
    const texts = statements.map(({ text }) => text).filter((text) => /numbers|slee?p/i.test(text));
    assert.deepEqual(texts, [
      ...Array.from({ length: 20 }, (_, at) => `SELECT n FROM numbers WHERE n = ${at + 1}`),
      "INSERT INTO numbers VALUES (6000)",
      "SELECT n FROM numbers WHERE n = 6000",
      sleep,
      "SELECT n FROM numbers",
      "SELECT nothing FROM numbers",
    ]);
    const ended = new Map(outcomes.map((outcome) => [outcome.statement, outcome]));
    assert.equal(ended.size, outcomes.length);
    const rows = statements.filter(({ text }) => /numbers/.test(text) && text !== sleep).map(
      ({ statement }) => {
        const end = ended.get(statement);
        assert.ok(end !== undefined, statement);
        return end.error === null ? end.rows : "error";
      },
    );
    assert.deepEqual(rows.slice(0, 20), Array(20).fill(1));
    assert.deepEqual(rows.slice(20), [1, 1, 5001, "error"]);
  });
  await t.step("most reads are one event, the others two, and the record verifies", async () => {
    const text = (await auditor.api("/api/audit/export")).text;
    const events = text.trimEnd().split("\n").map((line) => JSON.parse(line)).map((line): AuditEvent =>
      line.event ?? line
    );
    const judged = events.filter(({ type }) => type === "statement.judged");
    const whole = judged.filter(({ data }) => data.finished !== undefined);
    const ends = events.filter(({ type }) => type === "statement.finished");
    assert.equal(whole.length + ends.length, judged.length);
    assert.ok(whole.length > 0, "some are one event");
    assert.ok(whole.every(({ data }) => data.kind === "read" && data.verdict === "allow"));
    const alone = judged.filter(({ data }) => data.finished === undefined).map(({ data }) => data.text);
    for (const one of ["INSERT INTO numbers VALUES (6000)", sleep, "SELECT n FROM numbers"]) {
      assert.ok(alone.includes(one), one);
    }
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, text);
    const verdict = await verifyFile(file);
    assert.ok(verdict.ok, verdict.text);
    await Deno.remove(file);
  });
}

testNeeding([postgresqlHere], "PostgreSQL: reads in batches are recorded with their ends", async (t) => {
  const server = await startPostgresql({
    sql: "CREATE TABLE numbers AS SELECT g AS n FROM generate_series(1, 5000) g;",
  });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", server),
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    await check(t, gateway, () => postgresql(gateway), "SELECT pg_sleep(0.5)");
  } finally {
    await gateway.close();
    await server.close();
  }
});

testNeeding([mariadbHere], "MariaDB: reads in batches are recorded with their ends", async (t) => {
  const server = await startMariadb();
  await server.query("CREATE TABLE numbers (n int)");
  await server.query("INSERT INTO numbers SELECT seq FROM seq_1_to_5000");
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "mysql", server),
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    await check(
      t,
      gateway,
      () => mysql(gateway),
      "SELECT count(*) AS slept FROM numbers AS a JOIN numbers AS b ON a.n < b.n",
    );
  } finally {
    await gateway.close();
    await server.close();
  }
});
