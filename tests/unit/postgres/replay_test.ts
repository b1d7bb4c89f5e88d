import assert from "node:assert/strict";
import { conversations, settle, startReplay } from "../../support/replay_postgres.ts";

for (const { name, turns } of conversations) {
  Deno.test(`recorded and replayed, byte for byte, whole and cut in small pieces: ${name}`, async () => {
    for (const pieceBytes of [Infinity, 7, 1]) {
      const replay = await startReplay();
      const said = { client: "", target: "" };
      for (const { from, bytes } of turns) {
        const turn = Uint8Array.fromHex(bytes);
        for (let at = 0; at < turn.length; at += Math.min(pieceBytes, turn.length)) {
          replay[from].say(turn.subarray(at, at + pieceBytes));
        }
        said[from] += bytes;
        await settle();
      }
      replay.client.hangUp();
      replay.target.hangUp();
      await replay.done;
      assert.equal(replay.client.bytes.toHex(), said.target, `to the client, in pieces of ${pieceBytes}`);
      assert.equal(replay.target.bytes.toHex(), said.client, `to the target, in pieces of ${pieceBytes}`);
      assert.deepEqual(replay.failures, []);
      for (const { outcome, run } of replay.gatekeeper.records) assert.notEqual(outcome, null, run.text);
    }
  });
}
