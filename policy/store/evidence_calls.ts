/** What goes out of the house, as calls of the store's Worker: exports with their proof, and how far readers are. */
import type { ExportSource } from "../audit/export.ts";
import type { Cursors } from "../ports.ts";
import type { WorkerClient } from "./worker_client.ts";

/** `settled` resolves when the database has what was acknowledged so far. */
export function exportSource(
  client: WorkerClient,
  settled: () => Promise<void>,
  now: () => number,
): ExportSource {
  return {
    sign: async () => {
      await settled();
      return await client.call("sign", now());
    },
    signStatement: (statement) => client.call("signStatement", statement),
    publicKeys: () => client.call("publicKeys", null),
    heads: (after, to) => client.call("heads", { after, to }),
    bounds: (wanted) => client.call("bounds", wanted),
    range: (wanted, after, to) => client.call("range", { filter: wanted, after, to }),
    now,
  };
}

export function cursorsOf(client: WorkerClient, node: string): Cursors {
  return {
    claim: (name, start, forMs) => client.call("claimCursor", { name, start, forMs, node }),
    advance: (name, sequence) => client.call("advanceCursor", { name, sequence, node }),
    release: async (name) => {
      await client.call("releaseCursor", { name, node });
    },
  };
}
