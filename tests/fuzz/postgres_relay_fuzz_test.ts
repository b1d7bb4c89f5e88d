/**
 * Both directions at once: recorded conversations with bytes changed, cut, doubled and swapped, in any order and
 * cut anywhere. The relay ends cleanly, fails in no way of its own, and no text reaches the target that was not
 * recorded before.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { conversations, messagesOf, settle, startReplay } from "../support/replay_postgres.ts";

const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);

const mask = { column: "users.ssn", mask: { kind: "partial" as const, keepFirst: 0, keepLast: 2 } };

/** By where a column comes from: a client's changes cannot talk it away. */
const masks = (origin: string) => origin.endsWith(".3") ? mask : null;

/** Some of everything: masks, refusals, holds, settings, tainted texts. */
function judge(statement: string): ScriptedVerdict {
  if (/ssn/.test(statement)) {
    return { result: { kind: "columns", masks: [null, mask] }, tainted: true };
  }
  if (/update/i.test(statement)) return { verdict: "approve" };
  if (/missing|drop/i.test(statement)) return { verdict: "deny" };
  if (/set|begin/i.test(statement)) return { facts: { kind: "session", verb: "SET" } };
  return {};
}

type Change = {
  readonly kind: "flip" | "cut" | "double" | "insert";
  readonly at: number;
  readonly byte: number;
};

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("flip", "flip", "cut", "double", "insert"),
  at: fc.nat(),
  byte: fc.nat(255),
});

function changed(bytes: Uint8Array, { kind, at, byte }: Change): Uint8Array {
  const where = at % (bytes.length + 1);
  if (kind === "cut") return bytes.subarray(0, where);
  if (kind === "double") return Uint8Array.from([...bytes.subarray(0, where), ...bytes]);
  if (kind === "insert") {
    return Uint8Array.from([...bytes.subarray(0, where), byte, ...bytes.subarray(where)]);
  }
  const copy = bytes.slice();
  if (copy.length > 0) copy[where % copy.length] = byte;
  return copy;
}

const story = fc.record({
  conversation: fc.constantFrom(...conversations),
  /** Which turns are changed, and how. */
  changes: fc.array(fc.tuple(fc.nat(), change), { maxLength: 4 }),
  /** Turns that come too early. */
  swaps: fc.array(fc.nat(), { maxLength: 2 }),
  pieceBytes: fc.constantFrom(1_000_000, 1_000_000, 64, 9, 1),
  /** Who hangs up first. */
  first: fc.constantFrom("client" as const, "target" as const),
});

Deno.test("the relay takes whatever comes from either side", async () => {
  const until = Date.now() + seconds * 1000;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(story, async ({ conversation, changes, swaps, pieceBytes, first }) => {
      const turns = conversation.turns.map(({ from, bytes }) => ({ from, bytes: Uint8Array.fromHex(bytes) }));
      let honestTarget = true;
      for (const [index, what] of changes) {
        const turn = turns[index % turns.length]!;
        if (turn.from === "target") honestTarget = false;
        turn.bytes = changed(turn.bytes, what) as Uint8Array<ArrayBuffer>;
      }
      for (const swap of swaps) turns.push(...turns.splice(swap % turns.length, 1));
      const replay = await startReplay({ judge, masks });
      for (const { from, bytes } of turns) {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          replay[from].say(bytes.subarray(at, at + pieceBytes));
        }
        await settle();
        replay.gatekeeper.holds.at(-1)?.settle(changes.length % 2 === 0 ? "approved" : "denied");
      }
      replay[first].hangUp();
      await settle();
      replay.client.hangUp();
      replay.target.hangUp();
      await replay.done;
      assert.deepEqual(replay.failures, []);
      const recorded = new Set(replay.gatekeeper.texts);
      for (const { type, body } of messagesOf(replay.target.bytes)) {
        if (type !== "Q") continue;
        const text = new TextDecoder().decode(body.subarray(0, -1));
        assert.ok(recorded.has(text) || text.startsWith("refused_by_postern"), `unrecorded: ${text}`);
      }
      const shown = new TextDecoder().decode(replay.client.bytes);
      // A target that lies about its columns could send anything anywhere.
      if (honestTarget) assert.doesNotMatch(shown, /078-05-000\d/, "a masked value came out");
      runs++;
    }),
    {
      numRuns: 10_000_000,
      interruptAfterTimeLimit: Math.max(1, until - Date.now()),
      markInterruptAsFailure: false,
    },
  );
  assert.ok(runs > 0);
});
