/** A client that sends anything, to a target that answers anything, through the whole connection. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Capability, Command } from "../../proxy/mysql/constants.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { devin, startGate, targetOf } from "../support/mysql_gate.ts";
import { answerOf, definition, error, ok, packets, textRow } from "../support/mysql_answers.ts";
import { playTarget } from "../support/mysql_target.ts";
import { modernCapabilities, plainCapabilities, WireClient } from "../support/mysql_wire.ts";

const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);
const bounds = { numRuns: 1_000_000, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };

const command = fc.oneof(
  fc.tuple(
    fc.constant(Command.query),
    fc.constantFrom("SELECT 1", "DROP TABLE t", "SELECT 2; SELECT 3", "", "SET x"),
  ),
  fc.tuple(fc.constant(Command.statementPrepare), fc.constantFrom("SELECT ?", "DROP TABLE t")),
  fc.tuple(
    fc.constantFrom(
      Command.statementExecute,
      Command.statementFetch,
      Command.statementSendLongData,
      Command.statementReset,
      Command.statementClose,
      Command.processKill,
      Command.initDb,
      Command.fieldList,
      Command.changeUser,
      Command.resetConnection,
      Command.ping,
    ),
    fc.uint8Array({ maxLength: 30 }),
  ),
  fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 })),
);

const sql: ReadonlySet<number> = new Set([Command.query, Command.statementPrepare]);
const honest = (flags: number) => answerOf([definition("a", 253)], [textRow("x"), textRow(null)], flags, 2);

Deno.test("any commands: each is answered or ends the connection, and what reaches the target was recorded", async () => {
  const target = await playTarget({
    answer: (payload, { capabilities }) => {
      switch (payload[0]) {
        case Command.query:
          return packets(1, ...honest(capabilities));
        case Command.statementPrepare:
          return packets(1, Buffer.from("000100000000000000000000", "hex"));
        case Command.statementExecute:
        case Command.statementFetch:
          return packets(1, error(1210, "HY000", "no"));
        case Command.statementClose:
        case Command.statementSendLongData:
          return new Uint8Array(0);
        default:
          return packets(1, ok({ status: 2 }));
      }
    },
  });
  const gate = await startGate({ target: targetOf(target) });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(
          plainCapabilities,
          modernCapabilities,
          plainCapabilities | Capability.queryAttributes,
        ),
        fc.option(fc.tuple(fc.nat(200), fc.nat(255))),
        async (commands, capabilities, bent) => {
          const { user, password } = gate.passwords.issue(devin, "orders-prod");
          const options = { port: gate.port, user, password, database: "orders-prod", capabilities };
          const client = await WireClient.connect(options);
          const bytes = Buffer.concat([
            ...commands.map(([code, body]) =>
              encodePacket(0, Buffer.concat([Buffer.from([code]), Buffer.from(body as string)]))
            ),
            encodePacket(0, Uint8Array.of(Command.quit)),
          ]);
          if (bent !== null) bytes[bent[0] % bytes.length] = bent[1];
          await client.channel.write(bytes);
          // It goes by itself, but for a length that was bent: more bytes are waited for then.
          const late = setTimeout(() => client.channel.stream.end(), 100);
          while (!client.channel.ended) await client.channel.more();
          clearTimeout(late);
          const answers = client.channel.reader;
          // Numbers start anew with each answer, so lengths alone are checked.
          for (let left = answers.queue.length; left > 0;) {
            const header = answers.queue.take(4);
            assert.ok(header !== null, "a cut header");
            const length = header[0]! | header[1]! << 8 | header[2]! << 16;
            assert.ok(answers.queue.take(length) !== null, "a cut packet");
            left -= 4 + length;
          }
        },
      ),
      bounds,
    );
    assert.ok(gate.runs.length > 10);
    const allowed = gate.runs.filter(({ run }) => run.judgement.verdict === "allow");
    const recorded = new Set(allowed.map(({ run }) => run.text));
    const own = /^(SET SESSION |SELECT @@sql_mode)/;
    const queries = target.asked.filter(({ command, text }) => command === Command.query && !own.test(text));
    // Bytes that are no text were refused, so latin1 here is what was recorded.
    for (const { text } of queries) assert.ok(recorded.has(Buffer.from(text, "latin1").toString()), text);
    // Bent, it may be a schema's name; as a statement it never arrives.
    assert.ok(!target.asked.some(({ command, text }) => sql.has(command) && /^DROP\b/.test(text)));
    assert.deepEqual(gate.logs.filter(({ fields }) => /Postern failed/.test(String(fields.problem))), []);
  } finally {
    await gate.close();
    await target.close();
  }
});

Deno.test("any answers: the client gets whole packets or an end, and the gateway goes on", async () => {
  let answer: Uint8Array = new Uint8Array(0);
  const target = await playTarget({ answer: () => answer });
  const gate = await startGate({ target: targetOf(target), limits: { maskedRowBytesMax: 1000 } });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 100 }),
          fc.tuple(fc.nat(200), fc.nat(255)).map(([at, byte]) => {
            const bytes = packets(1, ...honest(modernCapabilities));
            bytes[at % bytes.length] = byte;
            return bytes;
          }),
        ),
        async (bytes) => {
          answer = bytes;
          const { user, password } = gate.passwords.issue(devin, "orders-prod");
          const client = await WireClient.connect({
            port: gate.port,
            user,
            password,
            database: "orders-prod",
          });
          await client.send(Command.query, "SELECT 1");
          await Promise.race([client.channel.more(), new Promise((resolve) => setTimeout(resolve, 20))]);
          client.close();
        },
      ),
      bounds,
    );
    assert.deepEqual(gate.logs.filter(({ fields }) => /Postern failed/.test(String(fields.problem))), []);
  } finally {
    await gate.close();
    await target.close();
  }
});

Deno.test("any sign-in: an error or an end, within its time", async () => {
  const target = await playTarget();
  const gate = await startGate({ target: targetOf(target), limits: { startupTimeoutMs: 500 } });
  try {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (noise, framed) => {
        const client = await WireClient.greeted(gate.port);
        await client.channel.write(framed ? encodePacket(1, noise) : noise);
        client.channel.stream.end();
        while (!client.channel.ended) await client.channel.more();
        assert.equal(gate.sessions.length, 0);
      }),
      bounds,
    );
    assert.deepEqual(gate.logs.filter(({ fields }) => /Postern failed/.test(String(fields.problem))), []);
  } finally {
    await gate.close();
    await target.close();
  }
});
