/** SQL's own cursors and prepared statements: what FETCH and EXECUTE give is masked by the query that they mean. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, type Message, type RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import { signedIn } from "../support/raw_sign_in.ts";

const sql = `CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);
  INSERT INTO users VALUES (1, 'ann', 'top-0001'), (2, 'bob', 'top-0002'), (3, 'cid', 'top-0003');
  CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql AS $$
    DECLARE c refcursor := 'opened_one'; BEGIN OPEN c FOR SELECT id, ssn, upper(ssn), upper(name) FROM users ORDER BY id; RETURN c; END $$;`;

const sections = `rules:
  - { name: all, what: { kinds: [read, write, ddl, copy, session, transaction] }, then: allow }
  - { name: opens, what: { kinds: [read, write], unsafe: ["function:public.opened"] }, then: allow }
masks:
  - { columns: ["*.users.ssn"], mask: { kind: partial, keepLast: 4 } }
`;

/** Steps, each with the rows that it must give; an error by a part of its message. */
type Steps = readonly (readonly [text: string, ...rows: string[]])[];

const masked = ["1 ***-0001 -", "2 ***-0002 -", "3 ***-0003 -"] as const;
const query = "SELECT id, ssn, upper(ssn) FROM users ORDER BY id";

const stories: Readonly<Record<string, Steps>> = {
  "a cursor from its DECLARE to every FETCH": [
    ["BEGIN"],
    [`DECLARE c CURSOR FOR ${query}`],
    ["FETCH c", masked[0]],
    ["FETCH 5 FROM c", masked[1], masked[2]],
    ["CLOSE c"],
    ["COMMIT"],
  ],
  "WITH HOLD, after its transaction": [
    [`DECLARE h CURSOR WITH HOLD FOR ${query}`],
    ["BEGIN"],
    ["COMMIT"],
    ["FETCH ALL FROM h", ...masked],
    ["CLOSE h"],
    ["FETCH ALL FROM h", "does not exist"],
  ],
  "SCROLL, in every direction": [
    ["BEGIN"],
    [`DECLARE "S c" SCROLL CURSOR FOR ${query}`],
    ['FETCH LAST FROM "S c"', masked[2]],
    ['FETCH BACKWARD 1 FROM "S c"', masked[1]],
    ['FETCH ABSOLUTE 1 FROM "S c"', masked[0]],
    ['MOVE 1 FROM "S c"'],
    ['FETCH RELATIVE 1 FROM "S c"', masked[2]],
    ["COMMIT"],
  ],
  "several at once, each by its own query": [
    ["BEGIN"],
    [`DECLARE a CURSOR FOR ${query}`],
    ["DECLARE b CURSOR FOR SELECT id, name, upper(name) FROM users ORDER BY id"],
    ["FETCH a", masked[0]],
    ["FETCH b", "1 ann ANN"],
    ["FETCH a", masked[1]],
    ["CLOSE a"],
    ["DECLARE a CURSOR FOR SELECT id, name, upper(name) FROM users ORDER BY id"],
    ["FETCH a", "1 ann ANN"],
    ["CLOSE ALL"],
    [`DECLARE b CURSOR FOR ${query}`],
    ["FETCH b", masked[0]],
    ["COMMIT"],
  ],
  "a name that is taken back with its savepoint, and one that is not": [
    ["BEGIN"],
    ["SAVEPOINT s"],
    ["DECLARE c CURSOR FOR SELECT id, name, upper(name) FROM users ORDER BY id"],
    ["ROLLBACK TO s"],
    [`DECLARE c CURSOR FOR ${query}`],
    ["FETCH c", masked[0]],
    ["SAVEPOINT t"],
    ["DECLARE c CURSOR FOR SELECT id, name, upper(name) FROM users ORDER BY id", "42P03"],
    ["ROLLBACK TO t"],
    ["FETCH c", masked[1]],
    ["ROLLBACK"],
    ["BEGIN"],
    ["DECLARE c CURSOR FOR SELECT id, name, upper(name) FROM users ORDER BY id"],
    ["FETCH c", "1 ann ANN"],
    ["COMMIT"],
  ],
  "PREPARE and EXECUTE": [
    ["PREPARE p (int) AS SELECT id, ssn, upper(ssn) FROM users WHERE id = $1"],
    ["EXECUTE p (2)", masked[1]],
    ["CREATE TABLE stolen AS EXECUTE p (2)", "cannot be used this way"],
    ["EXPLAIN EXECUTE p (2)", "cannot be used this way"],
    ["DEALLOCATE p"],
    ["PREPARE p (int) AS SELECT id, name, upper(name) FROM users WHERE id = $1"],
    ["EXECUTE p (2)", "2 bob BOB"],
    ["DISCARD ALL"],
    ["EXECUTE p (2)", "does not exist"],
    ["CREATE TABLE stolen AS EXECUTE nobodys", "not known"],
  ],
  "a cursor that a function opened, which Postern did not see": [
    ["BEGIN"],
    ["SELECT opened()", "opened_one"],
    ["FETCH opened_one", "1 ***-0001 - -"],
    ["COMMIT"],
  ],
};

type Way = (client: RawPostgres, text: string) => Promise<readonly Message[]>;

const ways: Readonly<Record<string, Way>> = {
  "simple": async (client, text) => (await client.ask(say.query(text))).messages,
  "prepared, described": async (client, text) =>
    (await client.ask(
      ...[say.parse("", text), say.describe("S", ""), say.bind("", ""), say.execute(""), say.sync()],
    )).messages,
  "prepared, not described, row by row": async (client, text) => {
    const more = /^(FETCH|EXECUTE)/.test(text) ? [say.execute("", 1), say.execute("")] : [];
    return (await client.ask(say.parse("", text), say.bind("", ""), say.execute("", 1), ...more, say.sync()))
      .messages;
  },
  "prepared, binary": async (client, text) =>
    (await client.ask(say.parse("", text), say.bind("", "", [], [1]), say.execute(""), say.sync())).messages,
};

function rowsOf(messages: readonly Message[], binary: boolean): string[] {
  return messages.flatMap((message) => {
    if (message.type === "E") return [fieldsOf(message)["M"] ?? ""];
    if (message.type !== "D") return [];
    return [
      valuesOf(message).map((value) => {
        if (value === null) return "-";
        return binary && value.startsWith("\0\0\0") ? String(value.charCodeAt(3)) : value;
      }).join(" "),
    ];
  });
}

function noSecrets(messages: readonly Message[], step: string): void {
  for (const { body } of messages) {
    assert.doesNotMatch(Buffer.from(body).toString("latin1"), /top-?000\d/i, step);
  }
}

async function world(run: (gateway: TestGateway, client: RawPostgres) => Promise<void>): Promise<void> {
  const server = await startPostgresql({ sql });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", server),
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    const client = await signedIn(gateway.ports["postgresql"]!, "demo", await gateway.signIn(devin));
    await run(gateway, client);
    client.close();
  } finally {
    await gateway.close();
    await server.close();
  }
}

testNeeding(
  [postgresqlHere],
  "SQL cursors and EXECUTE are masked by their queries, in every protocol",
  async (t) => {
    await world(async (_, client) => {
      for (const [how, way] of Object.entries(ways)) {
        for (const [what, steps] of Object.entries(stories)) {
          await t.step(`${what}: ${how}`, async () => {
            for (const text of ["ROLLBACK", "DISCARD ALL"]) await client.ask(say.query(text));
            for (const [text, ...rows] of steps) {
              const messages = await way(client, text);
              noSecrets(messages, text);
              const got = rowsOf(messages, how.endsWith("binary"));
              assert.equal(got.length, rows.length, `${text}: ${got.join("; ")}`);
              got.forEach((row, at) => assert.ok(row.includes(rows[at] ?? ""), `${text}: ${row}`));
            }
          });
        }
      }
    });
  },
);

testNeeding(
  [postgresqlHere],
  "a cursor is followed within one message, and within one pipeline",
  async () => {
    await world(async (_, client) => {
      const clear = "SELECT id, name, upper(name) FROM users ORDER BY id";
      const together = `BEGIN; DECLARE c CURSOR FOR ${query}; FETCH c; CLOSE c;
      DECLARE c CURSOR FOR ${clear}; FETCH c; COMMIT; PREPARE p AS ${query}; EXECUTE p; DEALLOCATE p`;
      const { messages } = await client.ask(say.query(together));
      assert.deepEqual(rowsOf(messages, false), [masked[0], "1 ann ANN", ...masked]);
      const one = (text: string) => [say.parse("", text), say.bind("", ""), say.execute("")];
      const pipeline = [
        "BEGIN",
        `DECLARE c CURSOR FOR ${query}`,
        "FETCH c",
        "CLOSE c",
        `DECLARE c CURSOR FOR ${clear}`,
        "FETCH c",
        "COMMIT",
      ];
      const { messages: piped } = await client.ask(...pipeline.flatMap(one), say.sync());
      assert.deepEqual(rowsOf(piped, false), [masked[0], "1 ann ANN"]);
      // Several messages at once, each before the answers to those before it.
      await client.send(...pipeline.map(say.query));
      const answers: Message[] = [];
      for (const _ of pipeline) answers.push(...await client.until("Z"));
      assert.deepEqual(rowsOf(answers, false), [masked[0], "1 ann ANN"]);
    });
  },
);

testNeeding([postgresqlHere], "a cursor in binary has valid masked values", async () => {
  await world(async (_, client) => {
    const text = `BEGIN; DECLARE c BINARY CURSOR FOR ${query}; FETCH ALL FROM c; COMMIT`;
    const { messages } = await client.ask(say.query(text));
    noSecrets(messages, text);
    assert.deepEqual(rowsOf(messages, true), [...masked]);
  });
});

testNeeding(
  [postgresqlHere],
  "what a long text prepared is understood without keeping others waiting",
  async () => {
    await world(async (_, client) => {
      const long = `PREPARE p AS SELECT id, ssn, upper(ssn) FROM users WHERE id IN (${
        Array.from({ length: 3_000 }, (_, at) => at).join(",")
      }) ORDER BY id`;
      await client.ask(say.query(long));
      assert.deepEqual(rowsOf((await client.ask(say.query("EXECUTE p"))).messages, false), [...masked]);
      await client.ask(say.query(long.replace("PREPARE p", "PREPARE q")));
      const both = await client.ask(say.query("EXECUTE p; EXECUTE q"));
      assert.match(rowsOf(both.messages, false).join(), /too long to be read together/);
      assert.deepEqual(rowsOf((await client.ask(say.query("EXECUTE q"))).messages, false), [...masked]);
    });
  },
);
