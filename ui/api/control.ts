/**
 * The running gateway's local control socket: a unix socket in the data folder that only Postern's own user can
 * open (the folder is 0700). The folder's lock keeps a second process out of the store, so `postern audit export`
 * asks the first one here.
 */
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { Hono } from "hono";
import { rmSync } from "node:fs";
import { asPosternError } from "../../policy/errors.ts";
import type { Log } from "../../policy/log.ts";
import { EnduringServer } from "./enduring_server.ts";
import type { EventFilter, EvidenceJournal, ExportFormat, KeptRecord, Removal } from "../../policy/ports.ts";

/** What to export; it travels as JSON in a query, and both ends are this program. */
export interface WantedExport {
  readonly filter: EventFilter;
  readonly format: ExportFormat;
}

export interface Control {
  close(): Promise<void>;
}

const socketName = "control.sock";

/** Deno 2.9 has none on Windows: github.com/denoland/deno/issues/18236. */
const hasSockets = Deno.build.os !== "windows";

export interface ControlDeps {
  readonly journal: Pick<EvidenceJournal, "lines" | "remove"> & KeptRecord;
  readonly log: Log;
  /** Reads the config anew; resolves with what to tell the person. Rejects with a PosternError. */
  readonly reload: (by: string) => Promise<string>;
}

function controlApp({ journal, reload }: ControlDeps): Hono {
  const app = new Hono();
  app.post("/reload", (c) =>
    reload("postern reload").then((said) => c.text(said), (error) => {
      return c.text(asPosternError(error).message, 409);
    }));
  app.post("/audit/erase", async (c) => {
    try {
      return c.text(String(await journal.remove(await c.req.json() as Removal)));
    } catch (error) {
      return c.text(asPosternError(error).message, 409);
    }
  });
  app.get("/audit/export", (c) => {
    const { filter, format } = JSON.parse(c.req.query("wanted") ?? "{}") as WantedExport;
    return c.body(ReadableStream.from(journal.lines(filter, format)).pipeThrough(new TextEncoderStream()));
  });
  app.post("/backup", async (c) => {
    try {
      return c.json(await journal.backup(c.req.query("to") ?? ""));
    } catch (error) {
      const { message, hint } = asPosternError(error);
      return c.text(hint === undefined ? message : `${message}\n  ${hint}`, 409);
    }
  });
  return app;
}

/** Listens in the data folder; whoever calls holds that folder's lock, so a socket found there is a dead one's. */
export function startControl(folder: string, deps: ControlDeps): Control {
  if (!hasSockets) {
    const problem = "the runtime has no unix sockets on Windows";
    deps.log("warn", "commands cannot reach this Postern: stop it for export, erasure and backup", {
      problem,
    });
    return { close: () => Promise.resolve() };
  }
  const path = `${folder}/${socketName}`;
  const app = controlApp(deps);
  const server = new EnduringServer(() => {
    // The one before, if it ended by itself.
    rmSync(path, { force: true });
    const begun = Deno.serve({ path, onListen: () => {} }, app.fetch);
    Deno.chmodSync(path, 0o600);
    return begun;
  }, deps.log);
  return { close: () => server.shutdown() };
}

/** One call to the gateway that runs on this folder; null where none runs. */
function askRunning(
  folder: string,
  method: "GET" | "POST",
  path: string,
  body?: string,
): Promise<IncomingMessage | null> {
  if (!hasSockets) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: `${folder}/${socketName}`, method, path }, resolve);
    asking.on("error", (error: Error & { code?: string }) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(null);
      else reject(error);
    });
    asking.end(body);
  });
}

/** Streams an export from the gateway that runs on this folder to `write`; false where none runs. */
export async function exportFromRunning(
  folder: string,
  wanted: WantedExport,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<boolean> {
  const path = `/audit/export?wanted=${encodeURIComponent(JSON.stringify(wanted))}`;
  const response = await askRunning(folder, "GET", path);
  if (response === null) return false;
  if (response.statusCode !== 200) throw new Error(`the running Postern answered ${response.statusCode}`);
  for await (const chunk of response) await write(chunk);
  return true;
}

/** Erases from the record of the gateway that runs on this folder: how many contents; null where none runs. */
export async function eraseFromRunning(folder: string, removal: Removal): Promise<number | null> {
  const response = await askRunning(folder, "POST", "/audit/erase", JSON.stringify(removal));
  if (response === null) return null;
  const said = await text(response);
  if (response.statusCode !== 200) throw new Error(said);
  return Number(said);
}

/** Makes the gateway that runs on this folder read its config anew; null where none runs. */
export async function reloadRunning(folder: string): Promise<{ ok: boolean; text: string } | null> {
  const response = await askRunning(folder, "POST", "/reload");
  return response && { ok: response.statusCode === 200, text: await text(response) };
}

/** Makes the gateway that runs on this folder back its record up; null where none runs. */
export async function backupRunning(
  folder: string,
  to: string,
): Promise<{ ok: boolean; text: string } | null> {
  const response = await askRunning(folder, "POST", `/backup?to=${encodeURIComponent(to)}`);
  return response && { ok: response.statusCode === 200, text: await text(response) };
}
