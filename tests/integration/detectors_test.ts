/** Values that no rule named are found where a target's detectors are on: counted or masked, in every form of a result. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const card = "4111 1111 1111 1111";
const note = `paid by ${card}, ask ann@example.com`;
const hidden = "paid by **** **** **** 1111, ask ***********.***";
const clear = /4111|ann@|078-05/;

const tables = `
  CREATE TABLE orders (id int PRIMARY KEY, note text, amount bigint, doc json);
  INSERT INTO orders VALUES (1, '${note}', 4111111111111111, '{"ssn":"078-05-1120","n":1}');
  INSERT INTO orders VALUES (2, 'nothing here, 12 pieces', 1, '{}'), (3, NULL, NULL, NULL);
`;

/** Says a card number in every text that an error or a notice has. */
const telling = `
  CREATE FUNCTION tell(level text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF level = 'NOTICE' THEN
      RAISE NOTICE '${note}' USING DETAIL = '${note}', HINT = '${note}';
    ELSE
      RAISE EXCEPTION '${note}' USING DETAIL = '${note}', HINT = '${note}';
    END IF;
  END $$;
`;

interface Ticket {
  readonly user: string;
  readonly password: string;
}

async function ticket(gateway: TestGateway, target: string): Promise<Ticket> {
  const user = await gateway.signIn(devin);
  return await user.oneTimePassword(target);
}

async function asDevin(
  gateway: TestGateway,
  target: string,
  config: pg.QueryConfig,
): Promise<pg.QueryResult> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: gateway.ports.postgresql!,
    database: target,
    ...await ticket(gateway, target),
  });
  await client.connect();
  try {
    return await client.query(config);
  } finally {
    await client.end();
  }
}

type Detections = {
  detections: { target: string; column: string; kind: string; count: number; text: string }[];
};

/** The totals of one target once they are there; they are noted after the answer. */
async function totals(gateway: TestGateway, target: string, least: number): Promise<Map<string, number>> {
  const auditor = await gateway.signIn(alex);
  for (let tries = 0;; tries++) {
    const { detections } = await auditor.json<Detections>("/api/detections");
    const own = detections.filter((one) => one.target === target);
    if (own.length >= least) {
      return new Map(own.map(({ column, kind, count }) => [`${column} ${kind}`, count]));
    }
    assert.ok(tries < 1200, `only ${JSON.stringify(own)} was found`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

testNeeding(
  [postgresqlHere, "psql"],
  "PostgreSQL: detectors mask text, binary, JSON and COPY; or count",
  async (t) => {
    const server = await startPostgresql({ sql: tables + telling });
    const entry = (name: string, detectors: string) =>
      `${targetYaml(name, "postgresql", server)}    detectors: ${detectors}\n`;
    const gateway = await startTestGateway({
      targets: entry("masking", "mask") + entry("counting", "{ mode: audit, kinds: [card] }") +
        entry("silent", "off") + entry("exempt", "{ mode: mask, except: { groups: [engineers] } }"),
      sections: `rules:
  - { name: all, what: { kinds: [read, session, transaction, copy, call, unknown] }, then: allow }
  - { name: notifies, what: { verbs: [NOTIFY] }, then: allow }
  - { name: tells, what: { functions: [public.tell], unsafe: ["function:public.tell"] }, then: allow }
`,
      env: { TARGET_PASSWORD: server.password },
    });
    const text = "SELECT id, note, amount, doc, note || '!' AS loud FROM orders ORDER BY id";
    try {
      for (const binary of [false, true]) {
        await t.step(`masks ${binary ? "binary" : "text"} rows, and nothing that is no text`, async () => {
          const asked = { text: `${text} LIMIT $1`, values: [3], binary };
          const { rows } = await asDevin(gateway, "masking", asked);
          assert.equal(rows[0].note, hidden);
          assert.equal(rows[0].loud, `${hidden}!`);
          // The driver reads large numbers in binary as others: the comparison is with the target's own answer.
          const bare = new pg.Client({ ...server, connectionString: undefined } as pg.ClientConfig);
          await bare.connect();
          const direct = await bare.query(asked);
          await bare.end();
          assert.equal(String(rows[0].amount), String(direct.rows[0].amount), "a number is no text");
          assert.doesNotMatch(JSON.stringify(rows[0].doc), clear);
          assert.equal(
            JSON.parse(typeof rows[0].doc === "string" ? rows[0].doc : JSON.stringify(rows[0].doc)).n,
            1,
          );
          assert.equal(rows[1].note, "nothing here, 12 pieces");
          assert.equal(rows[2].note, null);
        });
      }

      await t.step("masks COPY in text and CSV, also behind an escape; not in binary", async () => {
        const copy = async (sql: string) => {
          const { user, password } = await ticket(gateway, "masking");
          const where = `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=masking`;
          return await runPsql({
            connection: `${where} sslmode=disable`,
            args: ["-c", sql],
            env: { PGPASSWORD: password },
          });
        };
        const found = await copy(`COPY (SELECT 1, E'card\\n${card}', 'x') TO STDOUT`);
        assert.equal(found.stdout, "1\tcard\\n**** **** **** 1111\tx\n", found.stderr);
        const csv = await copy("COPY (SELECT id, note FROM orders ORDER BY id) TO STDOUT (FORMAT csv)");
        assert.equal(csv.stdout, `1,"${hidden}"\n2,"nothing here, 12 pieces"\n3,\n`, csv.stderr);
        const binary = await copy("COPY orders TO STDOUT (FORMAT binary)");
        assert.doesNotMatch(binary.stdout, clear);
        assert.match(binary.stderr, /not offered where detectors mask/);
      });

      await t.step(
        "a value too long to search with care is masked coarsely, and long rows pass where only counted",
        async () => {
          const long = `SELECT repeat('x 12 ', 200000) || '${card} ann@example.com' AS v`;
          const { rows } = await asDevin(gateway, "masking", { text: long });
          assert.equal(rows[0].v.length, 1_000_000 + card.length + 16);
          assert.doesNotMatch(rows[0].v, clear);
          const counted = await asDevin(gateway, "counting", { text: long });
          assert.match(counted.rows[0].v, clear);
        },
      );

      await t.step(
        "masks the target's errors and notices, every field of them, and notifications",
        async () => {
          for (const target of ["masking", "counting"]) {
            const client = new pg.Client({
              host: "127.0.0.1",
              port: gateway.ports.postgresql!,
              database: target,
              ...await ticket(gateway, target),
            });
            const heard: unknown[] = [];
            client.on(
              "notice",
              ({ message, detail, hint, where }: pg.DatabaseError) =>
                heard.push({ message, detail, hint, where }),
            );
            const notified = new Promise((resolve) => client.on("notification", resolve));
            await client.connect();
            try {
              for (
                const failing of [
                  "SELECT CAST(note AS int) FROM orders WHERE id = 1",
                  { text: "SELECT CAST(note || $1 AS date) FROM orders WHERE id = 1", values: ["!"] },
                  "SELECT ('[\"' || note || '\", x]')::json FROM orders WHERE id = 1",
                  "SELECT tell('EXCEPTION')",
                ]
              ) {
                const error = await client.query(failing).then(() => null, (error: Error) => error);
                assert.ok(error instanceof Error, JSON.stringify(failing));
                heard.push({ ...error, message: error.message });
              }
              await client.query("SELECT tell('NOTICE')");
              await client.query("LISTEN till");
              await client.query(`NOTIFY till, '${note}'`);
              heard.push((await notified as pg.Notification).payload);
            } finally {
              await client.end();
            }
            assert.equal(heard.length, 6, JSON.stringify(heard));
            for (const one of heard) {
              const text = JSON.stringify(one);
              if (target === "masking") assert.doesNotMatch(text, clear);
              assert.match(text, target === "masking" ? /\*{4} 1111/ : /4111 1111/);
            }
          }
          const found = await totals(gateway, "counting", 3);
          const expected = { "error text card": 6, "notice text card": 3, "notification card": 1 };
          assert.deepEqual(Object.fromEntries(found), expected);
        },
      );

      await t.step("masks what is left of a value that the target cut in its error", async () => {
        for (let before = 0; before < 70; before += 3) {
          const value = `${"x".repeat(before)}${card.replaceAll(" ", "")}`;
          const text = `SELECT ('{"a": "${value}", bc}' || repeat(' ', $1::int))::json`;
          const error = await asDevin(gateway, "masking", { text, values: [40] })
            .then(() => null, (error: pg.DatabaseError) => error);
          assert.ok(error !== null);
          const told = JSON.stringify([error.message, error.detail, error.where]);
          assert.match(told, /JSON/);
          assert.doesNotMatch(told, /41|1{5}/, told);
        }
      });

      await t.step("only counts where told so, by column and kind; off is off", async () => {
        for (const target of ["counting", "silent", "exempt"]) {
          const { rows } = await asDevin(gateway, target, { text });
          assert.equal(rows[0].note, note, target);
        }
        const counted = await totals(gateway, "counting", 2);
        assert.equal(counted.get("public.orders.note card"), 1);
        assert.equal(counted.get("loud card"), 1);
        const auditor = await gateway.signIn(alex);
        const { detections } = await auditor.json<Detections>("/api/detections");
        assert.ok(detections.some((one) => one.text === "public.orders.note contained 1 card number"));
        assert.deepEqual(detections.filter(({ target }) => target === "silent" || target === "exempt"), []);
        const engineer = await gateway.signIn(devin);
        assert.equal((await engineer.api("/api/detections")).status, 403);
      });

      await t.step("the record has the counts, and none of the values", async () => {
        const auditor = await gateway.signIn(alex);
        const { text: lines } = await auditor.api("/api/audit/export");
        const events = lines.split("\n").filter((line) => line.includes("values.detected"));
        assert.ok(events.length > 0, lines.slice(0, 500));
        assert.ok(events.some((line) => line.includes("public.orders.note")));
        // Hashes and ids have any digits.
        for (const line of events) assert.doesNotMatch(line.replaceAll(/[\da-f-]{16,}/g, ""), clear);
      });
    } finally {
      await gateway.close();
      await server.close();
    }
  },
);

testNeeding([mariadbHere], "MariaDB: detectors mask rows of plain and of prepared statements", async () => {
  const server = await startMariadb({ sql: tables });
  const gateway = await startTestGateway({
    targets: `${targetYaml("shop", "mysql", server)}    detectors: mask\n`,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    const connection = await createConnection({
      host: "127.0.0.1",
      port: gateway.ports.mysql!,
      database: "shop",
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...await ticket(gateway, "shop"),
    });
    try {
      const text = "SELECT id, note, amount, doc, CONCAT(note, '!') AS loud FROM orders ORDER BY id";
      for (const how of ["query", "execute"] as const) {
        const [found] = await (how === "query" ? connection.query(text) : connection.execute(text));
        const rows = found as Record<string, unknown>[];
        assert.equal(rows[0]!.note, hidden, how);
        assert.equal(rows[0]!.loud, `${hidden}!`, how);
        assert.equal(String(rows[0]!.amount), "4111111111111111", how);
        assert.doesNotMatch(JSON.stringify(rows[0]!.doc), clear, how);
        assert.equal(rows[1]!.note, "nothing here, 12 pieces", how);
        assert.equal(rows[2]!.note, null, how);
        const asked = (sql: string) => how === "query" ? connection.query(sql) : connection.execute(sql);
        const failing = `SELECT EXTRACTVALUE('<a/>', '~${card}')`;
        const error = await asked(failing).then(() => null, (error: Error) => error);
        assert.match(String(error), /\*{4} 1111/, String(error));
        assert.doesNotMatch(String(error), clear, how);
        const digits = card.replaceAll(" ", "");
        for (let before = 7; before < 140; before += 7) {
          const value = `${"x".repeat(before)}${digits}`;
          const cut = await asked(`SELECT EXTRACTVALUE('<a/>', '~${value}')`).then(() => null, String);
          assert.match(cut ?? "", /XPATH/);
          assert.doesNotMatch(cut ?? "", /41|1{5}/, `${how} ${before} ${cut}`);
          await asked(`SELECT CAST('${value}' AS int)`);
          const [warnings] = await connection.query("SHOW WARNINGS");
          assert.match(JSON.stringify(warnings), /Truncated/, `${how} ${before} ${JSON.stringify(warnings)}`);
          assert.doesNotMatch(
            JSON.stringify(warnings),
            /41|1{5}/,
            `${how} ${before} ${JSON.stringify(warnings)}`,
          );
        }
        await asked("SELECT CAST(note AS int) FROM orders WHERE id = 1");
        const [warnings] = await connection.query("SHOW WARNINGS");
        assert.match(JSON.stringify(warnings), /\*{4} 1111/, how);
        assert.doesNotMatch(JSON.stringify(warnings), clear, how);
      }
    } finally {
      await connection.end();
    }
    const found = await totals(gateway, "shop", 4);
    assert.equal(found.get("app.orders.note card"), 2, JSON.stringify([...found]));
    assert.equal(found.get("app.orders.doc ssn"), 2, JSON.stringify([...found]));
  } finally {
    await gateway.close();
    await server.close();
  }
});
