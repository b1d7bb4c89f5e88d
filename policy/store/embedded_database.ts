/** The store's database in a folder: PGlite, driven by its wire protocol so that statements stay prepared. */
import { PGlite, protocol } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";
import { fdatasyncSync } from "node:fs";
import type { Database, Row, Statement } from "./database.ts";

const { serialize } = protocol;

/** The part of Emscripten's module that is changed here. */
interface FileSystemModule {
  NODEFS: { stream_ops: { fsync?: (stream: { nfd: number }) => number } };
}

/**
 * PGlite's file system has no fsync, so PGlite runs without it: a commit would survive kill -9 (the bytes are
 * the kernel's) but a power loss could take the newest ones, or tear the data files. With it, each commit is
 * an fdatasync of the log, and a power loss takes nothing that was acknowledged, as on any PostgreSQL.
 */
class SyncedFolder extends NodeFS {
  override async init(...[pg, options]: Parameters<NodeFS["init"]>): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(pg, options);
    const before = emscriptenOpts.preRun ?? [];
    const addSync = (module: unknown) => {
      (module as FileSystemModule).NODEFS.stream_ops.fsync = ({ nfd }) => {
        fdatasyncSync(nfd);
        return 0;
      };
    };
    return {
      emscriptenOpts: {
        ...emscriptenOpts,
        preRun: [...(Array.isArray(before) ? before : [before]), addSync],
      },
    };
  }
}

const settings = {
  // Emscripten's fdatasync() does nothing at all; its fsync() asks the file system.
  wal_sync_method: "fsync",
  // Small: the store appends, and reads pages. Each is memory of the one process.
  shared_buffers: "32MB",
  jit: "off",
  // Nobody collects statistics here, and without them a page of 200 rows would be read by bitmap and sorted.
  enable_bitmapscan: "off",
  random_page_cost: "1.1",
  // The log is kept until a checkpoint, which the engine asks for; this is how much is kept for reuse after it.
  min_wal_size: "32MB",
  max_wal_size: "96MB",
};

/** The folder is created where it is missing (about 5 s). Rejects with what PGlite says of a folder it cannot open. */
export async function openEmbedded(folder: string): Promise<Database> {
  const startParams = [
    ...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const db = await PGlite.create({ dataDir: folder, fs: new SyncedFolder(folder), startParams });
  return new EmbeddedDatabase(db);
}

class EmbeddedDatabase implements Database {
  readonly exclusive = true;
  #prepared = new Map<string, string>();
  #analysed = 0;

  constructor(readonly db: PGlite) {}

  async transaction(first: readonly Statement[], rest: (rows: readonly Row[]) => readonly Statement[]) {
    if (first.length === 0) {
      // Everything up to one Sync is one transaction: no BEGIN, no COMMIT, one crossing into WASM.
      await this.#run(rest([]));
      return;
    }
    await this.db.exec("BEGIN");
    try {
      await this.#run(rest(await this.#run(first)));
      await this.db.exec("COMMIT");
    } catch (error) {
      await this.db.exec("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  query({ text, values }: Statement): Promise<readonly Row[]> {
    // Unnamed: filters make many texts, and a plan for the very values finds the right index.
    return this.#execute([
      serialize.parse({ text, types: textTypes(values.length) }),
      serialize.bind({ values: [...values] }),
      serialize.execute({}),
    ], 1);
  }

  async script(statements: readonly string[]) {
    await this.db.transaction(async (transaction) => {
      for (const statement of statements) await transaction.exec(statement);
    });
  }

  /** PGlite has no background processes: without this its log grows for ever, and plans go blind. */
  async upkeep() {
    await this.db.exec("CHECKPOINT");
    const [row] = await this.query({
      text: `SELECT coalesce(max(sequence), 0)::text,
               (SELECT age(datfrozenxid)::text FROM pg_database WHERE datname = current_database())
             FROM events`,
      values: [],
    });
    const [events, age] = (row ?? []).map(Number) as [number, number];
    if (events > 2 * this.#analysed) {
      // Without the contents, which are never searched by an index.
      await this.db.exec("ANALYZE events (sequence, at, type, person, session, target)");
      this.#analysed = events;
    }
    // Each batch takes a transaction number, and after two thousand million the database would stop.
    if (age > FREEZE_AGE) await this.db.exec("VACUUM (FREEZE)");
  }

  async alive() {
    try {
      return (await this.db.query("SELECT 1")).rows.length === 1;
    } catch {
      return false;
    }
  }

  async close() {
    await this.db.close();
  }

  /** Executes them in one go; the rows of the last. */
  async #run(statements: readonly Statement[]): Promise<Row[]> {
    const frames: Uint8Array[] = [];
    for (const { text, values } of statements) {
      const statement = this.#prepared.get(text) ?? await this.#prepare(text, values.length);
      frames.push(serialize.bind({ statement, values: [...values] }), serialize.execute({}));
    }
    return await this.#execute(frames, statements.length);
  }

  async #execute(frames: readonly Uint8Array[], statements: number): Promise<Row[]> {
    if (statements === 0) return [];
    const { messages } = await this.db.execProtocol(concat([...frames, serialize.sync()]), NO_FILE_SYNC);
    const rows: Row[] = [];
    let done = 0;
    for (const message of messages) {
      if (message.name === "dataRow" && done === statements - 1) {
        rows.push((message as unknown as { fields: (string | null)[] }).fields);
      } else if (message.name === "commandComplete") {
        done++;
      }
    }
    if (done !== statements) throw new Error(`the store ran ${done} of ${statements} statements`);
    return rows;
  }

  async #prepare(text: string, parameters: number): Promise<string> {
    const name = `s${this.#prepared.size}`;
    const parse = serialize.parse({ name, text, types: textTypes(parameters) });
    await this.db.execProtocol(concat([parse, serialize.sync()]), NO_FILE_SYNC);
    this.#prepared.set(text, name);
    return name;
  }
}

const FREEZE_AGE = 500_000_000;

const TEXT_OID = 25;
const textTypes = (count: number) => Array<number>(count).fill(TEXT_OID);

/** The folder needs no copying after a statement: PGlite wrote to it already. */
const NO_FILE_SYNC = { syncToFs: false };

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
