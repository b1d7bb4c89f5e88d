/** Long texts, which a Worker reads: a client need not wait for it, and what was held is judged again by it. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { ada, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { cancelRequest, fieldsOf, RawPostgres, say } from "../support/raw_postgres.ts";
import { signedIn } from "../support/raw_sign_in.ts";

const tables = "CREATE TABLE orders (id int, note text);";
/** Each another one, so that none is known from before. */
const long = (n: number, what = "SELECT 1 FROM orders WHERE id IN") => `${what} (${n}${", 7".repeat(9_000)})`;
/** A cancel may come after the answer: it is tried until one comes before. */
const triesMax = 50;

testNeeding([postgresqlHere], "PostgreSQL: a cancel ends the wait for a long text at once", async (t) => {
  const server = await startPostgresql({ sql: tables });
  const gateway = await startTestGateway({
    targets: targetYaml("shop", "postgresql", server),
    env: { TARGET_PASSWORD: server.password },
  });
  const client = await signedIn(
    gateway.ports.postgresql!,
    "shop",
    await gateway.signIn(devin),
  );
  const cancel = async () => {
    const other = await RawPostgres.open(gateway.ports.postgresql!);
    await other.send(cancelRequest(client.pid, client.secret));
    await other.rest();
    other.close();
  };
  const ways = {
    "a query": [(text: string) => [say.query(text)], ""],
    "a query in a transaction": [(text: string) => [say.query(text)], "BEGIN"],
    "a prepared statement": [(text: string) => [
      say.parse("", text),
      say.bind("", ""),
      say.execute(""),
      say.sync(),
    ], ""],
  } as const;
  let n = 0;
  try {
    for (const [name, [frames, before]] of Object.entries(ways)) {
      await t.step(name, async () => {
        for (let tries = 0;; tries++) {
          assert.ok(tries < triesMax, "no cancel came in time");
          if (before !== "") await client.ask(say.query(before));
          await client.send(...frames(long(++n)));
          await cancel();
          const messages = await client.until("Z");
          const error = messages.find(({ type }) => type === "E");
          if (before !== "") await client.ask(say.query("ROLLBACK"));
          if (error === undefined) continue;
          assert.equal(fieldsOf(error)["C"], "57014");
          if (/had not understood it yet/.test(fieldsOf(error)["M"] ?? "")) break;
        }
        const { types } = await client.ask(say.query(long(++n)));
        assert.match(types, /^TCZ$/, "and the next one is served");
      });
    }
  } finally {
    client.close();
    await gateway.close();
    await server.close();
  }
});

testNeeding([mariadbHere], "MariaDB: KILL QUERY ends the wait for a long text at once", async () => {
  const server = await startMariadb({ sql: tables });
  const gateway = await startTestGateway({
    targets: targetYaml("shop", "mysql", server),
    env: { TARGET_PASSWORD: server.password },
  });
  const user = await gateway.signIn(devin);
  const connect = async () =>
    await createConnection({
      host: "127.0.0.1",
      port: gateway.ports.mysql!,
      database: "shop",
      ...await user.oneTimePassword("shop"),
    });
  const [client, second] = [await connect(), await connect()];
  try {
    for (let tries = 0;; tries++) {
      assert.ok(tries < triesMax, "no KILL came in time");
      const answer = client.query(long(tries)).then(() => "ran", (error) => String(error.message));
      await second.query(`KILL QUERY ${client.threadId}`);
      const what = await answer;
      if (/had not understood it yet/.test(what)) break;
      assert.match(what, /ran|interrupted/);
    }
    await client.query(long(triesMax));
  } finally {
    await client.end();
    await second.end();
    await gateway.close();
    await server.close();
  }
});

for (const protocol of ["postgresql", "mysql"] as const) {
  testNeeding(
    [protocol === "mysql" ? mariadbHere : postgresqlHere],
    `${protocol}: a long text that was held is judged again when it is approved`,
    async () => {
      const server = await (protocol === "mysql" ? startMariadb : startPostgresql)({ sql: tables });
      const rules = (then: string) =>
        `rules:
  - { name: late, what: { kinds: [write] }, then: ${then}, ${
          then === "approve" ? "approvers: { groups: [db-approvers] }" : "message: not any more"
        } }
`;
      const env: Record<string, string> = {
        TARGET_PASSWORD: server.password,
        CLIENT_SECRET: "test-client-secret",
      };
      const gateway = await startTestGateway({
        targets: targetYaml("shop", protocol, server),
        sections: rules("approve"),
        env,
      });
      const at = {
        host: "127.0.0.1",
        port: gateway.ports[protocol]!,
        database: "shop",
        ...await (await gateway.signIn(devin)).oneTimePassword("shop"),
      };
      const client = protocol === "mysql" ? await createConnection(at) : new pg.Client(at);
      try {
        if (client instanceof pg.Client) await client.connect();
        const approver = await gateway.signIn(ada);
        const run = (n: number) =>
          (client.query(`INSERT INTO orders VALUES (${n}, 'a')${`, (${n}, 'b')`.repeat(2_000)}`) as Promise<
            unknown
          >).then(() => "ran", (error) => String(error.message));
        const first = run(1);
        await approver.decide((await approver.pending("(1, 'a')")).id, true);
        assert.equal(await first, "ran");
        const second = run(2);
        const { id } = await approver.pending("(2, 'a')");
        await gateway.edit((text) => text.replace(rules("approve"), rules("deny")));
        await gateway.gateway.reload(
          {
            text: await Deno.readTextFile(gateway.configFile),
            file: gateway.configFile,
            env: (name) => env[name],
          },
          "a test",
        );
        await approver.decide(id, true);
        assert.match(await second, /not any more/);
      } finally {
        await client.end();
        await gateway.close();
        await server.close();
      }
    },
  );
}
