/** Events as JSON Lines into a file that is rotated by size: FILE, FILE.1 (the one before), FILE.2, … */
import { canonical } from "../audit/canonical.ts";
import type { AuditEvent } from "../types.ts";
import { type Channel, networkError } from "./channel.ts";

export interface FileOptions {
  readonly path: string;
  readonly bytesMax: number;
  /** How many older files are kept. */
  readonly keep: number;
}

export function fileChannel(options: FileOptions): Channel {
  return new FileChannel(options);
}

class FileChannel implements Channel {
  readonly kind = "file";
  readonly batchMax = 500;
  readonly confirmMs = 0;
  #file: Deno.FsFile | null = null;
  #bytes = 0;

  constructor(private readonly options: FileOptions) {}

  async send(events: readonly AuditEvent[]): Promise<void> {
    try {
      for (const event of events) {
        const line = new TextEncoder().encode(`${canonical({ ...event })}\n`);
        const file = await this.#open(line.length);
        for (let at = 0; at < line.length;) at += await file.write(line.subarray(at));
        this.#bytes += line.length;
      }
      await this.#file?.syncData();
    } catch (error) {
      this.#close();
      throw networkError(fileError(error));
    }
  }

  close(): Promise<boolean> {
    this.#close();
    return Promise.resolve(true);
  }

  #close(): void {
    this.#file?.close();
    this.#file = null;
  }

  async #open(bytes: number): Promise<Deno.FsFile> {
    const { path, bytesMax } = this.options;
    if (this.#file !== null && this.#bytes + bytes <= bytesMax) return this.#file;
    if (this.#file !== null && this.#bytes > 0) {
      await this.#file.syncData();
      this.#close();
      await this.#rotate();
    }
    this.#file ??= await Deno.open(path, { read: true, write: true, create: true, mode: 0o640 });
    this.#bytes = await this.#file.seek(0, Deno.SeekMode.End);
    if (this.#bytes > 0) await this.#endLine(this.#file);
    return this.#file;
  }

  /** A crash may have left half a line: what comes next stands on its own, and that event comes again whole. */
  async #endLine(file: Deno.FsFile): Promise<void> {
    await file.seek(-1, Deno.SeekMode.End);
    const last = new Uint8Array(1);
    await file.read(last);
    if (last[0] === 0x0a) return;
    this.#bytes += await file.write(new Uint8Array([0x0a]));
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.options;
    if (keep === 0) return await Deno.truncate(path);
    for (let n = keep - 1; n >= 1; n--) {
      await Deno.rename(`${path}.${n}`, `${path}.${n + 1}`).catch(missingIsFine);
    }
    await Deno.rename(path, `${path}.1`);
  }
}

function missingIsFine(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Deno's errors carry the system's code only sometimes; their class tells the rest. */
function fileError(error: unknown): unknown {
  if (error instanceof Deno.errors.PermissionDenied) return { code: "EACCES" };
  if (error instanceof Deno.errors.NotFound) return { code: "ENOENT" };
  if (/no space left/i.test(String(error))) return { code: "ENOSPC" };
  return error;
}
