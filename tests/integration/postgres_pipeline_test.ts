/** The extended protocol against a real PostgreSQL, message by message: order, errors, refusals, masks, holds. */
import assert from "node:assert/strict";
import { fieldsOf, int16, message, RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import { postgresql18Here } from "../support/embedded_postgresql.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import type { ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { type ScriptedProxy, startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

const sql = `
  CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);
  INSERT INTO users SELECT g, 'user ' || g, '078-05-' || to_char(g, 'FM0000') FROM generate_series(1, 50) g;
`;

const ssnMasked = {
  kind: "columns" as const,
  masks: [null, {
    column: "public.users.ssn",
    mask: { kind: "partial" as const, keepFirst: 0, keepLast: 4 },
  }],
};

function session(statement: string): ScriptedVerdict {
  const [verb = "", name] = statement.split(" ");
  return {
    facts: {
      kind: "session",
      verb: verb.toUpperCase() === "DISCARD" ? "DISCARD ALL" : verb.toUpperCase(),
      refers: {
        statements: verb.toUpperCase() === "DEALLOCATE" && name !== "ALL" ? [name ?? ""] : [],
        cursors: verb.toUpperCase() === "CLOSE" && name !== "ALL" ? [name ?? ""] : [],
      },
    },
  };
}

function judge(statement: string): ScriptedVerdict {
  if (/^(set|reset|discard|deallocate|close)/i.test(statement)) return session(statement);
  if (/^execute /i.test(statement)) {
    return { facts: { refers: { statements: [statement.slice(8)], cursors: [] } } };
  }
  if (/^(begin|commit|rollback)/i.test(statement)) return { facts: { kind: "transaction" } };
  if (/^drop/i.test(statement)) return { verdict: "deny", rule: "no-ddl", reason: "Not here" };
  if (/^(update|delete)/i.test(statement)) return { verdict: "approve", rule: "writes" };
  if (/^select id, ssn/i.test(statement)) return { result: ssnMasked, tainted: true };
  if (/^select ssn, id, name/i.test(statement)) return { result: ssnMasked, tainted: true };
  return {};
}

async function world(
  version: 15 | 18,
  run: (proxy: ScriptedProxy, client: RawPostgres) => Promise<void>,
): Promise<void> {
  const server = await startPostgresql({ sql, version });
  const proxy = await startScriptedProxy({ target: targetOf(server, "postgresql"), judge });
  const client = await RawPostgres.ready(proxy.port);
  try {
    await run(proxy, client);
    assert.deepEqual(proxy.warnings, []);
  } finally {
    client.close();
    await proxy.close();
    await server.close();
  }
}

for (const version of [15, 18] as const) {
  testNeeding(
    [version === 15 ? postgresqlHere : postgresql18Here],
    `PostgreSQL ${version}, pipelines: order, errors, refusals, masks and holds`,
    async (t) => {
      await world(version, async (proxy, client) => {
        await t.step("answers come in order, of several syncs in one write", async () => {
          await client.send(
            say.parse("a", "SELECT $1::int"),
            say.bind("", "a", ["1"]),
            say.describe("P", ""),
            say.execute(""),
            say.sync(),
            say.bind("", "a", ["2"]),
            say.execute(""),
            say.sync(),
          );
          const first = await client.until("Z");
          const second = await client.until("Z");
          assert.equal(first.map(({ type }) => type).join(""), "12TDCZ");
          assert.equal(second.map(({ type }) => type).join(""), "2DCZ");
          assert.deepEqual(valuesOf(second[1]!), ["2"]);
        });

        await t.step("an error in the middle skips to Sync, and later pipelines run", async () => {
          const before = proxy.gatekeeper.records.length;
          await client.send(
            say.parse("", "SELECT 1"),
            say.bind("", ""),
            say.execute(""),
            say.parse("", "SELECT 1/0"),
            say.bind("", ""),
            say.execute(""),
            say.parse("", "SELECT 'never'"),
            say.bind("", ""),
            say.execute(""),
            say.sync(),
            say.query("SELECT 'after'"),
          );
          const failed = await client.until("Z");
          assert.equal(failed.map(({ type }) => type).join(""), "12DC1EZ");
          const after = await client.until("Z");
          assert.deepEqual(valuesOf(after[1]!), ["after"]);
          const outcomes = proxy.gatekeeper.records.slice(before).map(({ outcome }) =>
            outcome?.error?.code ?? outcome?.tag
          );
          assert.deepEqual(outcomes, ["SELECT 1", "22012", "57014", "SELECT 1"]);
        });

        await t.step(
          "a refused statement fails its pipeline at its own place, and the target agrees",
          async () => {
            const { types, messages } = await client.ask(
              say.parse("", "SELECT 1"),
              say.bind("", ""),
              say.execute(""),
              say.parse("", "DROP TABLE users"),
              say.bind("", ""),
              say.execute(""),
              say.sync(),
            );
            assert.equal(types, "12DCEZ");
            const error = fieldsOf(messages[4]!);
            assert.equal(error.C, "42501");
            assert.match(error.M ?? "", /Not here/);
            assert.match(error.D ?? "", /no-ddl/);
            assert.equal((await client.ask(say.query("SELECT count(*) FROM users"))).types, "TDCZ");
          },
        );

        await t.step("refused inside a transaction: the target itself aborts it", async () => {
          await client.ask(say.query("BEGIN"));
          const { types, messages } = await client.ask(say.parse("", "DROP TABLE users"), say.sync());
          assert.equal(types, "EZ");
          assert.deepEqual([...messages[1]!.body], [..."E"].map((char) => char.charCodeAt(0)));
          const next = await client.ask(say.query("SELECT 1"));
          assert.equal(fieldsOf(next.messages[0]!).C, "25P02");
          await client.ask(say.query("ROLLBACK"));
          await client.ask(say.query("BEGIN"));
          const simple = await client.ask(say.query("DROP TABLE users"));
          assert.equal(simple.types, "EZ");
          assert.equal(fieldsOf(simple.messages[0]!).C, "42501");
          assert.equal(String.fromCharCode(...simple.messages[1]!.body), "E");
          await client.ask(say.query("ROLLBACK"));
        });

        await t.step("masked without a Describe: Postern asks for the columns itself (proto02)", async () => {
          const { types, messages } = await client.ask(
            say.parse("", "SELECT id, ssn FROM users WHERE id = $1"),
            say.bind("", "", ["7"]),
            say.execute(""),
            say.sync(),
          );
          assert.equal(types, "12DCZ");
          assert.deepEqual(valuesOf(messages[2]!), ["7", "***-**-0007"]);
        });

        await t.step("masked in binary format, after a Describe of the statement", async () => {
          await client.ask(
            say.parse("m", "SELECT id, ssn FROM users WHERE id = $1"),
            say.describe("S", "m"),
            say.sync(),
          );
          const { types, messages } = await client.ask(
            say.bind("", "m", ["7"], [1]),
            say.execute(""),
            say.sync(),
          );
          assert.equal(types, "2DCZ");
          assert.equal(valuesOf(messages[1]!)[1], "***-**-0007");
        });

        await t.step("a result with other columns than were judged is withheld", async () => {
          const { types, messages } = await client.ask(say.query("SELECT ssn, id, name FROM users"));
          assert.equal(types, "EZ");
          assert.match(fieldsOf(messages[0]!).M ?? "", /withheld/);
          const extended = await client.ask(
            say.parse("", "SELECT ssn, id, name FROM users"),
            say.bind("", ""),
            say.describe("P", ""),
            say.execute(""),
            say.sync(),
          );
          assert.equal(extended.types, "12TEZ");
          assert.equal((await client.ask(say.query("SELECT 1"))).types, "TDCZ");
        });

        await t.step("portals: rows in portions, one record with all of them", async () => {
          await client.ask(say.query("BEGIN"));
          const { types } = await client.ask(
            say.parse("", "SELECT id, ssn FROM users ORDER BY id"),
            say.bind("p", ""),
            say.execute("p", 20),
            say.execute("p", 20),
            say.execute("p", 20),
            say.sync(),
          );
          assert.equal(types, `12${"D".repeat(20)}s${"D".repeat(20)}s${"D".repeat(10)}CZ`);
          await client.ask(say.query("COMMIT"));
          const record = proxy.gatekeeper.records.at(-2);
          assert.equal(record?.outcome?.rows, 50);
          const gone = await client.ask(say.execute("p"), say.sync());
          assert.equal(fieldsOf(gone.messages[0]!).C, "34000");
        });

        await t.step(
          "a Parse that fails leaves the older statement of its name as it was judged",
          async () => {
            await client.ask(say.parse("u", "UPDATE users SET name = 'x' WHERE id = 1"), say.sync());
            const again = await client.ask(say.parse("u", "SELECT 1"), say.sync());
            assert.equal(fieldsOf(again.messages[0]!).C, "42P05");
            const held = proxy.gatekeeper.nextHold();
            await client.send(say.bind("", "u"), say.execute(""), say.sync());
            assert.equal((await held).run.text, "UPDATE users SET name = 'x' WHERE id = 1");
            (await held).settle("denied", "ada@example.test", "not today");
            const messages = await client.until("Z");
            assert.equal(messages.map(({ type }) => type).join(""), "NEZ");
            assert.match(
              fieldsOf(messages[1]!).M ?? "",
              /ada@example\.test denied this statement: not today/,
            );
          },
        );

        await t.step(
          "held at Execute with its parameters; earlier answers arrive, later messages wait",
          async () => {
            const next = proxy.gatekeeper.nextHold();
            await client.send(
              say.parse("", "SELECT 'earlier'"),
              say.bind("", ""),
              say.execute(""),
              say.parse("", "UPDATE users SET name = $1 WHERE id = $2", [25, 23]),
              say.bind("", "", ["new", "3"]),
              say.execute(""),
              say.parse("", "SELECT name FROM users WHERE id = 3"),
              say.bind("", ""),
              say.execute(""),
              say.sync(),
            );
            const hold = await next;
            assert.deepEqual(hold.run.parameters, [
              { text: "new", type: "text", bytes: 3 },
              { text: "3", type: "int4", bytes: 1 },
            ]);
            assert.equal(hold.run.inTransaction, true, "the earlier statement of its pipeline has run");
            const early = [];
            for (let count = 0; count < 6; count++) early.push((await client.next())?.type);
            assert.equal(early.join(""), "12DC1N");
            const before = proxy.gatekeeper.texts.length;
            hold.settle("approved");
            const messages = await client.until("Z");
            assert.equal(messages.map(({ type }) => type).join(""), "2C12DCZ");
            assert.deepEqual(valuesOf(messages[4]!), ["new"]);
            assert.equal(proxy.gatekeeper.records[before]?.approval !== undefined, true);
          },
        );

        await t.step("function-call messages are refused by rule (proto01)", async () => {
          const { types, messages } = await client.ask(
            message("F", [0, 0, 0, 1], int16(0), int16(0), int16(0)),
          );
          assert.equal(types, "EZ");
          assert.match(fieldsOf(messages[0]!).D ?? "", /no function calls/);
        });

        await t.step(
          "bytes behind the text's end, and text that is not UTF-8, are refused (proto08, proto09)",
          async () => {
            const behind = await client.ask(message("Q", "SELECT 1\0DROP TABLE users\0"));
            assert.equal(behind.types, "EZ");
            const broken = await client.ask(message("Q", "SELECT '", [0xff, 0xfe], "'\0"));
            assert.equal(broken.types, "EZ");
            assert.match(fieldsOf(broken.messages[0]!).M ?? "", /UTF-8/);
            assert.equal((await client.ask(say.query("SELECT 1"))).types, "TDCZ");
          },
        );

        await t.step("several statements in one message; an empty one", async () => {
          assert.equal((await client.ask(say.query("SELECT 1; SELECT 2"))).types, "TDCTDCZ");
          assert.equal((await client.ask(say.query(""))).types, "IZ");
          assert.equal((await client.ask(say.query("SELECT 1; DROP TABLE users"))).types, "EZ");
          assert.equal(
            (await client.ask(say.parse("", ""), say.bind("", ""), say.execute(""), say.sync())).types,
            "12IZ",
          );
        });

        await t.step("Flush without Sync", async () => {
          await client.send(say.parse("", "SELECT 5"), say.bind("", ""), say.flush());
          assert.deepEqual([(await client.next())?.type, (await client.next())?.type], ["1", "2"]);
          await client.send(say.execute(""), say.flush());
          assert.deepEqual([(await client.next())?.type, (await client.next())?.type], ["D", "C"]);
          assert.equal((await client.ask(say.sync())).types, "Z");
        });

        await t.step(
          "search_path is followed, though this target does not report it: SET, SET LOCAL, ROLLBACK, RESET",
          async () => {
            const path = () => proxy.gatekeeper.records.at(-1)?.run.state.search_path;
            await client.ask(say.query("SELECT 1"));
            const first = path();
            await client.send(say.query("SET search_path = pg_catalog"), say.query("SELECT 2"));
            await client.until("Z");
            await client.until("Z");
            assert.equal(path(), "pg_catalog");
            for (const text of ["BEGIN", "SET LOCAL search_path = public", "SELECT 3"]) {
              await client.ask(say.query(text));
            }
            assert.equal(path(), "public");
            for (const text of ["ROLLBACK", "SELECT 4"]) await client.ask(say.query(text));
            assert.equal(path(), "pg_catalog");
            // In one pipeline, where asking must not end the implicit transaction.
            const { types } = await client.ask(
              say.parse("", "INSERT INTO public.users VALUES (900, 'implicit')"),
              say.bind("", ""),
              say.execute(""),
              say.parse("", "RESET search_path"),
              say.bind("", ""),
              say.execute(""),
              say.parse("", "SELECT 5"),
              say.bind("", ""),
              say.execute(""),
              say.parse("", "SELECT 1/0"),
              say.bind("", ""),
              say.execute(""),
              say.sync(),
            );
            assert.equal(types, "12C12C12DC1EZ");
            const five = proxy.gatekeeper.records.find(({ run }) => run.text === "SELECT 5");
            assert.equal(five?.run.state.search_path, first);
            const count = await client.ask(say.query("SELECT count(*) FROM public.users WHERE id = 900"));
            assert.deepEqual(valuesOf(count.messages[1]!), ["0"], "the error took the whole pipeline back");
            assert.equal(path(), "pg_catalog", "and the RESET with it");
            await client.ask(say.query("RESET search_path"));
          },
        );

        await t.step(
          "SQL may not run what the protocol prepared, past its verdict; DEALLOCATE and DISCARD are followed",
          async () => {
            await client.ask(
              say.parse("w", "UPDATE users SET name = 'x' WHERE id = 1"),
              say.parse("r", "SELECT 1"),
              say.sync(),
            );
            const refused = await client.ask(say.query("EXECUTE w"));
            assert.equal(refused.types, "EZ");
            assert.match(fieldsOf(refused.messages[0]!).M ?? "", /made by the protocol's own messages/);
            assert.equal((await client.ask(say.query("EXECUTE r"))).types, "TDCZ");
            assert.equal((await client.ask(say.query("DEALLOCATE r"))).types, "CZ");
            const gone = await client.ask(say.bind("", "r"), say.sync());
            assert.equal(fieldsOf(gone.messages[0]!).C, "26000");
            await client.ask(say.query("DISCARD ALL"));
            const all = await client.ask(say.bind("", "w"), say.sync());
            assert.equal(fieldsOf(all.messages[0]!).C, "26000");
          },
        );

        await t.step("COPY in both protocols; Sync sent ahead is read over by the target", async () => {
          await client.send(say.query("COPY users FROM STDIN"));
          assert.equal((await client.next())?.type, "G");
          await client.send(say.copyData("100\tcopied\t1\n"), say.copyDone());
          assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "CZ");
          await client.send(
            say.parse("", "COPY users FROM STDIN"),
            say.bind("", ""),
            say.execute(""),
            say.sync(),
          );
          assert.equal((await client.until("G")).map(({ type }) => type).join(""), "12G");
          await client.send(say.copyData("101\tcopied\t1\n"), say.copyDone(), say.sync());
          assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "CZ");
          await client.send(
            say.parse("", "COPY users FROM STDIN"),
            say.bind("", ""),
            say.execute(""),
            say.sync(),
          );
          await client.until("G");
          await client.send(
            say.copyData("not a number\n"),
            say.copyData("1\tx\ty\n"),
            say.copyDone(),
            say.sync(),
          );
          assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "EZ");
          await client.send(say.query("COPY users FROM STDIN"));
          await client.until("G");
          await client.send(say.copyFail("changed my mind"));
          assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "EZ");
          assert.deepEqual(
            valuesOf((await client.ask(say.query("SELECT count(*) FROM users"))).messages[1]!),
            [
              "52",
            ],
          );
        });
      });
    },
  );
}
