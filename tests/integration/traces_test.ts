/** OpenTelemetry traces: what a collector gets of sign-ins, sessions and statements, and what it never gets. */
import assert from "node:assert/strict";
import mysql2 from "mysql2/promise";
import pg from "pg";
import { ada, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { freePort } from "../support/ports.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { until } from "../support/receivers.ts";
import { type SeenSpan, startCollector } from "../support/traces.ts";

/** In statements, parameters, masked rows, comments, passwords and headers; in no span. */
const planted = "PLANTED-31337";
const table = (text: string) =>
  `CREATE TABLE people (name ${text}, ssn ${text}); INSERT INTO people VALUES ('Boris', '${planted}-ssn');`;
const rules = `masks: [{ columns: ["*.people.ssn"], mask: { kind: partial, keepLast: 1 } }]
rules:
  - { name: reads, what: { kinds: [read, session, transaction] }, then: allow }
  - { name: deletes, what: { kinds: [write], verbs: [DELETE] }, then: approve, approvers: { groups: [db-approvers] } }
`;

async function world(sections: string, env: Record<string, string> = {}) {
  const postgresql = await startPostgresql({ sql: table("text") });
  const mariadb = await startMariadb({ sql: table("VARCHAR(200)") });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", postgresql) +
      targetYaml("shop", "mysql", mariadb).replaceAll("TARGET_PASSWORD", "SHOP_PASSWORD"),
    env: { TARGET_PASSWORD: postgresql.password, SHOP_PASSWORD: mariadb.password, ...env },
    sections: rules + sections,
  });
  const user = await gateway.signIn(devin);
  const connect = {
    async demo() {
      const { user: name, password } = await user.password("demo");
      const port = gateway.ports.postgresql!;
      const client = new pg.Client({ host: "127.0.0.1", port, user: name, password, database: "demo" });
      client.on("error", () => {});
      await client.connect();
      return {
        run: (text: string, values?: string[]) => client.query(text, values),
        end: () => client.end(),
        password,
      };
    },
    async shop() {
      const { user: name, password } = await user.password("shop");
      const port = gateway.ports.mysql!;
      const client = await mysql2.createConnection({
        host: "127.0.0.1",
        port,
        user: name,
        password,
        database: "shop",
      });
      return {
        run: (text: string, values?: string[]) =>
          values === undefined ? client.query(text) : client.execute(text.replace("$1", "?"), values),
        end: () => client.end(),
        password,
      };
    },
  };
  return {
    gateway,
    user,
    connect,
    async close() {
      await gateway.close();
      await Promise.all([postgresql.close(), mariadb.close()]);
    },
  };
}

testNeeding(
  [postgresqlHere, mariadbHere],
  "traces show a session's statements judged, held, recorded and answered, and nothing that is secret",
  async (t) => {
    const collector = startCollector();
    const { gateway, user, connect, close } = await world(
      `traces: { url: "${collector.url}", headers: { authorization: { env: OTLP } }, service: gate }`,
      { OTLP: `Bearer ${planted}-token` },
    );
    const secrets = [planted];
    const approver = await gateway.signIn(ada);
    const statements = () => collector.spans().filter(({ name }) => name === "statement");
    try {
      for (const [target, system] of [["demo", "postgresql"], ["shop", "mysql"]] as const) {
        await t.step(target, async () => {
          const already = statements().length;
          const client = await connect[target]();
          secrets.push(client.password);
          await client.run(
            `SELECT ssn FROM people /* ${planted} */ WHERE name = 'Boris' OR name = '${planted}'`,
          );
          await client.run("SELECT name FROM people WHERE name = $1", [planted]);
          await assert.rejects(async () => await client.run("DROP TABLE people"));
          await assert.rejects(async () =>
            await client.run(`SELECT name FROM people WHERE name = '${planted}`)
          );
          const gone = client.run(`DELETE FROM people WHERE name = '${planted}'`);
          const { id } = await user.pending("DELETE FROM people");
          await approver.decide(id, true, planted);
          await gone;
          const refused = assert.rejects(client.run(`DELETE FROM people WHERE name = '${planted}2'`));
          const again = await user.pending(`${planted}2`);
          await approver.decide(again.id, false, planted);
          await refused;
          await client.end();
          const mine = () =>
            statements().slice(already).filter((one) => one.attributes["postern.target"] === target);
          const session = () =>
            collector.spans().find(({ name, attributes }) =>
              name === "session" && attributes["postern.target"] === target
            );
          await until(() => session() !== undefined && mine().length >= 6, "its spans", mine);
          checkStatements(collector.spans(), mine(), session()!, system, id);
          const signIn = collector.spans().find((one) => one.spanId === session()!.parentSpanId);
          assert.equal(signIn?.name, "sign-in");
          assert.equal(signIn.attributes["postern.method"], "one-time password");
        });
      }
      assert.equal(collector.service(), "gate");
      assert.equal(collector.all[0]!.headers.get("authorization"), `Bearer ${planted}-token`);
      const text = collector.text();
      for (const secret of [...secrets, devin.email, ada.email, "Boris"]) {
        assert.ok(!text.includes(secret), `${secret} is in no span`);
      }
    } finally {
      await close();
      await collector.close();
    }
  },
);

function checkStatements(
  all: readonly SeenSpan[],
  mine: readonly SeenSpan[],
  session: SeenSpan,
  system: string,
  approval: string,
): void {
  const inside = (one: SeenSpan) => all.filter(({ parentSpanId }) => parentSpanId === one.spanId);
  const by = (wanted: (attributes: SeenSpan["attributes"]) => boolean) => {
    const found = mine.find((one) => wanted(one.attributes));
    assert.ok(found, `none of ${JSON.stringify(mine.map(({ attributes }) => attributes))}`);
    return found;
  };
  for (const one of mine) {
    assert.equal(one.attributes["db.system.name"], system);
    assert.equal(one.attributes["postern.session"], session.attributes["postern.session"]);
    assert.deepEqual(one.links.map(({ spanId }) => spanId), [session.spanId]);
    assert.notEqual(one.traceId, session.traceId, "a trace of its own");
    for (const child of inside(one)) {
      assert.ok(child.start >= one.start && child.end <= one.end && child.end >= child.start, child.name);
    }
  }
  const names = (one: SeenSpan) => inside(one).map(({ name }) => name).toSorted();
  const read = by((has) => has["postern.verdict"] === "allow" && has["postern.masked"] === true);
  assert.equal(read.attributes["postern.rule"], "reads");
  assert.equal(read.attributes["postern.kind"], "read");
  assert.match(String(read.attributes["db.query.summary"]), /^SELECT \w+\.people$/);
  assert.match(String(read.attributes["postern.template"]), /^[0-9a-f]{16}$/);
  assert.equal(read.attributes["db.response.returned_rows"], 1);
  assert.deepEqual(names(read), ["judge", "record", "target"]);
  const drop = by((has) => has["db.query.summary"]?.toString().startsWith("DROP TABLE") === true);
  assert.equal(drop.attributes["postern.verdict"], "deny");
  assert.ok(drop.failed && !names(drop).includes("target"));
  const held = all.filter(({ name }) => name === "hold");
  const outcome = (said: string) => {
    const hold = held.find((one) =>
      one.attributes["postern.outcome"] === said && mine.some(({ spanId }) => spanId === one.parentSpanId)
    );
    assert.ok(hold, said);
    return { hold, whole: mine.find(({ spanId }) => spanId === hold.parentSpanId)! };
  };
  const approved = outcome("approved");
  assert.equal(approved.hold.attributes["postern.approval"], approval);
  assert.deepEqual(names(approved.whole), ["hold", "judge", "record", "target"]);
  assert.ok(!names(outcome("denied").whole).includes("target"));
}

testNeeding(
  [postgresqlHere, mariadbHere],
  "a collector that is down, silent or full keeps no statement waiting, and traces that are sampled away are not made",
  async (t) => {
    for (const [name, answer] of [["silent", () => null], ["full", () => 503], ["gone", null]] as const) {
      await t.step(name, async () => {
        const collector = startCollector(answer ?? undefined);
        if (answer === null) await collector.close();
        const ops = freePort();
        const metrics = `metrics: { listen: "127.0.0.1:${ops}" }\n`;
        const { connect, close } = await world(`${metrics}traces: { url: "${collector.url}", sample: 0 }`);
        try {
          for (const target of ["demo", "shop"] as const) {
            const client = await connect[target]();
            for (let at = 0; at < 20; at++) await client.run("SELECT name FROM people");
            await client.end();
          }
          const counts = async () => {
            const text = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
            return (result: string) =>
              Number(text.match(new RegExp(`^postern_spans_total\\{result="${result}"\\} (\\d+)`, "m"))?.[1]);
          };
          // Two sign-ins and two sessions; of the statements none.
          await until(async () => (await counts())("made") === 4, "the spans of sessions");
          if (answer?.() !== null) {
            await until(async () => (await counts())("failed") === 4, "they were given up");
          }
          assert.equal((await counts())("sent"), 0);
        } finally {
          // Ends although nobody takes what is left.
          await close();
          await collector.close();
        }
      });
    }
  },
);
