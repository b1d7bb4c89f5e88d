/**
 * The running gateway's local control socket: a unix socket in the data folder that only Postern's own user can
 * open (the folder is 0700). The folder's lock keeps a second process out of the store, so `postern audit export`
 * asks the first one here.
 */
import { request } from "node:http";
import { Hono } from "hono";
import type { EventFilter, EvidenceJournal, ExportFormat } from "../../policy/ports.ts";

/** What to export; it travels as JSON in a query, and both ends are this program. */
export interface WantedExport {
  readonly filter: EventFilter;
  readonly format: ExportFormat;
}

export interface Control {
  close(): Promise<void>;
}

const socketName = "control.sock";

function controlApp(journal: Pick<EvidenceJournal, "lines">): Hono {
  const app = new Hono();
  app.get("/audit/export", (c) => {
    const { filter, format } = JSON.parse(c.req.query("wanted") ?? "{}") as WantedExport;
    return c.body(ReadableStream.from(journal.lines(filter, format)).pipeThrough(new TextEncoderStream()));
  });
  return app;
}

/** Listens in the data folder; whoever calls holds that folder's lock, so a socket found there is a dead one's. */
export async function startControl(
  folder: string,
  journal: Pick<EvidenceJournal, "lines">,
): Promise<Control> {
  const path = `${folder}/${socketName}`;
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const server = Deno.serve({ path, onListen: () => {} }, controlApp(journal).fetch);
  await Deno.chmod(path, 0o600);
  return { close: () => server.shutdown() };
}

/** Streams an export from the gateway that runs on this folder to `write`; false where none runs. */
export function exportFromRunning(
  folder: string,
  wanted: WantedExport,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<boolean> {
  const path = `/audit/export?wanted=${encodeURIComponent(JSON.stringify(wanted))}`;
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: `${folder}/${socketName}`, path }, async (response) => {
      try {
        if (response.statusCode !== 200) {
          throw new Error(`the running Postern answered ${response.statusCode}`);
        }
        for await (const chunk of response) await write(chunk);
        resolve(true);
      } catch (error) {
        reject(error);
      }
    });
    asking.on("error", (error: Error & { code?: string }) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(false);
      else reject(error);
    });
    asking.end();
  });
}
