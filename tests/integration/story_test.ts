/** The story that Postern exists for, from a stock psql to the verified record, on a real PostgreSQL. */
import assert from "node:assert/strict";
import {
  ada,
  alex,
  devin,
  eve,
  grace,
  startTestGateway,
  targetYaml,
  type TestGateway,
} from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, runPsql, startPsql } from "../support/psql.ts";
import { sampleData } from "../demo/sample_data.ts";

const masks = `masks:
  - columns: ["public.customers.ssn", "public.customers.card_number"]
    mask: { kind: partial, keepLast: 4 }
`;

const connection = (gateway: TestGateway, user = "devin") =>
  `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=demo`;

/** Starts psql and lets it in through the link that it prints. */
async function connect(gateway: TestGateway, person = devin): Promise<PsqlSession> {
  const psql = startPsql({ connection: connection(gateway, person.name) });
  const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
  const user = await gateway.signIn(person);
  const page = await user.confirm(link);
  assert.equal(page.status, 200, page.text);
  await psql.expect(/demo=>|demo=#/);
  return psql;
}

testNeeding(
  ["psql", "script", postgresqlHere],
  "the story: sign in, mask, hold, approve, refuse, replay, verify",
  async (t) => {
    const target = await startPostgresql({ tls: "required", sql: sampleData, logStatements: true });
    const ca = await Deno.makeTempFile({ suffix: ".pem" });
    await Deno.writeTextFile(ca, target.tls?.ca ?? "");
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target, `{ mode: verify-full, ca: { file: ${ca} } }`),
      sections: masks,
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const psql = await connect(gateway);
      const approver = await gateway.signIn(ada);

      await t.step("masked in simple and prepared statements, under an alias, in an expression", async () => {
        await psql.send("\\pset pager off\nSELECT ssn, card_number AS c, name FROM customers WHERE id = 1;");
        await psql.expect(/1037 \|.*4444 \| Boris Brandt/);
        await psql.send("SELECT c.ssn AS harmless FROM customers c WHERE c.id = $1 \\bind 1 \\g");
        await psql.expect(/invalid command|1037/);
        await psql.send("SELECT upper(ssn) AS x FROM customers WHERE id = 1; SELECT 'done' AS marker;");
        await psql.expect(/marker/);
        assert.doesNotMatch(psql.transcript, /900-11-1037|5555 5555 5555/);
      });

      await t.step("an UPDATE waits, the approver sees it whole, and approving runs it", async () => {
        const sql = "UPDATE customers SET status = 'suspended' WHERE id = 7;";
        await psql.send(sql);
        await psql.expect(/NOTICE:.*[\s\S]*db-approvers[\s\S]*requests\/\w+/);
        const pending = await approver.pending("status = 'suspended'");
        const detail = await approver.json<{ request: Record<string, unknown> }>(
          `/api/requests/${pending.id}`,
        );
        assert.equal(detail.request.text, sql.slice(0, -1) + ";");
        assert.equal(detail.request.person, devin.email);
        assert.equal(detail.request.rule, "writes-need-approval");
        const decided = await approver.decide(pending.id, true);
        assert.equal(decided.status, 200, decided.text);
        await psql.expect(/UPDATE 1\n/);
        const rows = await target.query("SELECT status FROM customers WHERE id = 7");
        assert.equal(rows[0]?.status, "suspended");
      });

      await t.step("a refusal shows its reason and runs nothing", async () => {
        await psql.send("UPDATE customers SET status = 'gone' WHERE id = 8;");
        const pending = await approver.pending("status = 'gone'");
        const bare = await approver.decide(pending.id, false);
        assert.equal(bare.status >= 400, true, "a refusal without a reason is refused");
        await approver.decide(pending.id, false, "wrong customer");
        await psql.expect(/ERROR:[\s\S]*wrong customer/);
        const rows = await target.query("SELECT count(*)::int AS n FROM customers WHERE status = 'gone'");
        assert.equal(rows[0]?.n, 0);
      });

      await t.step("Ctrl-C withdraws the request", async () => {
        await psql.send("UPDATE customers SET status = 'x' WHERE id = 9;");
        const pending = await approver.pending("status = 'x'");
        await psql.interrupt();
        await psql.expect(/ERROR:.*(?:cancel|withdr)/i);
        const late = await approver.decide(pending.id, true);
        assert.equal(late.status >= 400, true, late.text);
        assert.match(late.text, /withdrawn/);
      });

      await t.step("nobody approves their own", async () => {
        const own = await connect(gateway, grace);
        await own.send("UPDATE customers SET status = 'mine' WHERE id = 10;");
        const self = await gateway.signIn(grace);
        const pending = await self.pending("status = 'mine'");
        const decided = await self.decide(pending.id, true);
        assert.equal(decided.status >= 400, true);
        assert.match(decided.text, /their own/);
        await own.interrupt();
        await own.close();
      });

      await t.step("DROP, and DELETE and UPDATE without WHERE, are refused with rule and hint", async () => {
        await psql.send("\\set VERBOSITY verbose");
        for (
          const sql of ["DROP TABLE payments;", "DELETE FROM orders;", "UPDATE orders SET status = 'open';"]
        ) {
          await psql.send(sql);
          await psql.expect(/ERROR:\s+42501:[\s\S]*?HINT:/);
        }
        const rows = await target.query("SELECT count(*)::int AS n FROM orders");
        assert.equal(rows[0]?.n, 120);
        assert.doesNotMatch(
          await target.readLog(),
          /statement: (DROP TABLE|DELETE FROM orders|UPDATE orders)/,
        );
      });

      await t.step("inside a transaction client and target agree on its state afterwards", async () => {
        await psql.send("BEGIN;");
        await psql.expect(/BEGIN\n.*demo=\*/);
        await psql.send("DROP TABLE payments;");
        await psql.expect(/42501[\s\S]*demo=!/);
        await psql.send("SELECT 1 AS one;");
        await psql.expect(/25P02/);
        await psql.send("ROLLBACK;");
        await psql.expect(/ROLLBACK\n.*demo=[>#]/);
      });
      await psql.close();

      await t.step("the session replays in order, and its export verifies; tampering shows", async () => {
        const auditor = await gateway.signIn(alex);
        const { sessions } = await auditor.json<{ sessions: { id: string; person: string }[] }>(
          "/api/sessions",
        );
        const session = sessions.find(({ person }) => person === devin.email);
        assert.ok(session);
        const page = await auditor.api(`/api/audit/export?session=${session.id}`);
        assert.equal(page.status, 200);
        await verifyAndTamper(page.text, gateway.folder);
      });
      await t.step("no secret in the store's export or the target's credentials at the client", async () => {
        const auditor = await gateway.signIn(alex);
        const page = await auditor.api("/api/audit/export");
        assert.doesNotMatch(page.text, /900-11-1037/);
        assert.equal(page.text.includes(target.password), false);
      });
    } finally {
      await gateway.close();
      await target.close();
      await Deno.remove(ca);
    }
  },
);

async function verifyAndTamper(text: string, folder: string): Promise<void> {
  const lines = text.trimEnd().split("\n");
  const verify = async (changed: string[]): Promise<{ code: number; output: string }> => {
    const file = `${folder}/export.jsonl`;
    await Deno.writeTextFile(file, changed.join("\n") + "\n");
    const run = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("../../main.ts", import.meta.url).pathname, "audit", "verify", file],
    }).output();
    const decoder = new TextDecoder();
    return { code: run.code, output: decoder.decode(run.stdout) + decoder.decode(run.stderr) };
  };
  const good = await verify(lines);
  assert.equal(good.code, 0, good.output);
  const middle = lines.findIndex((line) => line.includes("WHERE id = 7"));
  assert.ok(middle > 0);
  const changed = lines.with(middle, lines[middle]!.replace("WHERE id = 7", "WHERE id = 6"));
  const removed = lines.toSpliced(middle, 1);
  const reordered = lines.with(middle, lines[middle + 1]!).with(middle + 1, lines[middle]!);
  for (const [what, tampered] of Object.entries({ changed, removed, reordered })) {
    const found = await verify(tampered);
    assert.notEqual(found.code, 0, `${what}: ${found.output}`);
    assert.match(found.output, /line \d+/, what);
  }
}

testNeeding(
  ["psql", postgresqlHere],
  "a wrong group is refused before any connection to the target",
  async () => {
    const target = await startPostgresql({ logStatements: true, settings: { log_connections: "on" } });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
    });
    const before = (await target.readLog()).match(/connection authorized: user=app/g)?.length ?? 0;
    const psql = startPsql({ connection: connection(gateway) });
    try {
      const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
      const intern = await gateway.signIn(eve);
      await intern.confirm(link);
      await psql.expect(/may not connect to demo[\s\S]*engineers/);
      assert.notEqual(await psql.ended, 0);
      const after = (await target.readLog()).match(/connection authorized: user=app/g)?.length ?? 0;
      assert.equal(after, before);
    } finally {
      await psql.close();
      await gateway.close();
      await target.close();
    }
  },
);

testNeeding(
  ["psql", postgresqlHere],
  "without a sign-in the connection ends after the deadline, with a clear error",
  async () => {
    const target = await startPostgresql();
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
      signInTimeout: "5s",
    });
    try {
      const { code, stderr } = await runPsql({ connection: connection(gateway), args: ["-c", "SELECT 1"] });
      assert.notEqual(code, 0);
      assert.match(stderr, /sign/i);
      assert.match(stderr, /FATAL/);
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);
