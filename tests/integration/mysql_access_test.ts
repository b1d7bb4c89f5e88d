/** Access for a time on a real MariaDB: the link in an error, the remark before the end, and the end. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import { run } from "../support/daemons.ts";
import { alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { testNeeding } from "../support/programs.ts";

const sections = `rules:
  - { name: all, what: { kinds: [read, write, session, transaction] }, then: allow }
`;

testNeeding(
  [mariadbHere, "mariadb"],
  "access to a MariaDB target: asked for, remarked before its end, and over",
  async () => {
    const target = await startMariadb({
      sql: "CREATE TABLE notes(id INT PRIMARY KEY, n INT); INSERT INTO notes VALUES (1, 0);",
    });
    const gateway = await startTestGateway({
      targets: `${
        targetYaml("shop", "mysql", target)
      }    access: [{ name: at-once, then: grant, durationMax: 2h }]\n`,
      sections,
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const person = await gateway.signIn(devin);
      const early = await person.oneTimePassword("shop");
      const refused = await run(
        [
          "mariadb",
          "-h127.0.0.1",
          `-P${gateway.ports.mysql}`,
          `-u${early.user}`,
          "-Dshop",
          "-Ne",
          "SELECT 1",
        ],
        { env: { MYSQL_PWD: early.password } },
      );
      assert.match(
        refused.stderr,
        /you have no access to shop now: ask for it at http\S+\/access\?target=shop&wait=\w+/,
      );

      const record = await (await gateway.signIn(alex)).api("/api/audit/export");
      assert.match(
        record.text,
        /"rule":"targets\.shop\.access"[^\n]*"type":"session\.refused"/,
        "it is in the record",
      );

      const asked = await person.post("/api/access", {
        target: "shop",
        reason: "ticket 4711",
        durationMs: 12_000,
      });
      assert.equal(asked.status, 200, asked.text);
      const connection = await createConnection({
        host: "127.0.0.1",
        port: gateway.ports.mysql!,
        database: "shop",
        ...await person.oneTimePassword("shop"),
      });
      connection.on("error", () => {});
      // The stock client counts it with the next statement's end, and lists it where it lists warnings.
      const stock = run(
        [
          "sh",
          "-c",
          `
          for n in $(seq 40); do echo "SELECT id FROM notes;"; sleep 0.25; done |
          mariadb -h127.0.0.1 -P${gateway.ports.mysql} -u"$NAME" -Dshop --show-warnings -vv -n`,
        ],
        await (async () => {
          const { user, password } = await person.oneTimePassword("shop");
          return { env: { MYSQL_PWD: password, NAME: user } };
        })(),
      );
      let remark = "";
      const failure = await (async () => {
        for (;;) {
          const [header] = await connection.query("UPDATE notes SET n = n + 1 WHERE id = 1");
          const { info } = header as { info: string };
          if (info.includes("Postern")) remark = info;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      })().catch((error: Error) => error.message);
      assert.match(
        remark,
        /Rows matched: 1 .*Postern: your access to shop ends in \d s, and this session with it\. It ends at \S+ UTC/,
      );
      assert.match(String(failure), /Your access to shop has ended: its time was over|closed/);
      connection.destroy();
      const { stdout, stderr } = await stock;
      assert.match(stdout, /1 row in set, 1 warning/, stderr);
      assert.match(
        stdout,
        /Warning \(Code 1642\): Postern: your access to shop ends in \d+ s, and this session/,
      );
      assert.equal(stdout.match(/Code 1642/g)?.length, 1, "told once");
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);
