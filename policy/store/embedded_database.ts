/** The store's database in a folder: PGlite, driven by its wire protocol so that statements stay prepared. */
import { PGlite, protocol } from "@electric-sql/pglite";
import { copyFolder } from "./backup.ts";
import { type Database, type Row, type Statement, vacuumText } from "./database.ts";
import { SyncedFolder } from "./embedded_files.ts";
import { partNames } from "./parts.ts";

const { serialize } = protocol;

const settings = {
  // Emscripten's fdatasync() does nothing at all; its fsync() asks the file system.
  wal_sync_method: "fsync",
  // Commits wait for no disk: what a crash takes back of them is in the spool, and is taken over once more.
  synchronous_commit: "off",
  // Small: the store appends, and reads pages. Each is memory of the one process.
  shared_buffers: "32MB",
  jit: "off",
  // Nobody collects statistics here, and without them a page of 200 rows would be read by bitmap and sorted.
  enable_bitmapscan: "off",
  random_page_cost: "1.1",
  // ANALYZE of a million events within some tenths of a second instead of some seconds.
  default_statistics_target: "10",
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
  const fs = new SyncedFolder(folder);
  return new EmbeddedDatabase(await PGlite.create({ dataDir: folder, fs, startParams }), fs);
}

/**
 * Room for a segment of the log (16 MB) and some pages: below it nothing is appended. A log that cannot grow
 * stops the whole database, and it starts again only when there is room; so far it still answers readers.
 */
const FREE_BYTES_MIN = 24 * 1024 * 1024;

/** SQLSTATE disk_full, as PostgreSQL itself would say. */
class DiskFull extends Error {
  readonly code = "53100";
}

class EmbeddedDatabase implements Database {
  readonly exclusive = true;
  #prepared = new Map<string, string>();
  /** The newest part of the record, and how many events it had. */
  #analysed: { readonly part: string | undefined; readonly events: number } = { part: undefined, events: 0 };
  #analysedIndex = 0;

  constructor(readonly db: PGlite, readonly fs: SyncedFolder) {}

  async transaction(first: readonly Statement[], rest: (rows: readonly Row[]) => readonly Statement[]) {
    if (this.fs.freeBytes < FREE_BYTES_MIN) {
      throw new DiskFull(`less than ${FREE_BYTES_MIN >> 20} MB are free`);
    }
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

  async settle() {
    await this.db.exec("SELECT pg_logical_emit_message(false, 'postern', '', true)");
  }

  async script(statements: readonly string[]) {
    await this.db.transaction(async (transaction) => {
      for (const statement of statements) await transaction.exec(statement);
    });
  }

  /** PGlite has no background processes: without this its log grows for ever, and plans go blind. */
  async upkeep() {
    await this.db.exec("CHECKPOINT");
    const [part] = await partNames(this);
    const [row] = await this.query({
      text: `SELECT coalesce(max(sequence) - min(sequence), 0)::text,
               (SELECT coalesce(max(sequence), 0)::text FROM statements),
               (SELECT age(datfrozenxid)::text FROM pg_database WHERE datname = current_database())
             FROM ${part}`,
      values: [],
    });
    const [events, indexed, age] = (row ?? []).map(Number) as [number, number, number];
    if (part !== this.#analysed.part || events > 2 * this.#analysed.events) {
      // Without the contents, which are never searched by an index.
      await this.db.exec(`ANALYZE ${part} (sequence, at, type, person, session, target)`);
      this.#analysed = { part, events };
    }
    // The index follows the events at its own pace.
    if (indexed > 2 * this.#analysedIndex) {
      await this.db.exec("ANALYZE statements");
      this.#analysedIndex = indexed;
    }
    // Each batch takes a transaction number, and after two thousand million the database would stop.
    if (age > FREEZE_AGE) await this.db.exec("VACUUM (FREEZE)");
  }

  async copy(into: string) {
    // The files are whole after it, and nothing writes before the copy is made: there is one connection.
    await this.db.exec("CHECKPOINT");
    copyFolder(this.fs.folder, into);
    return true;
  }

  get apart() {
    return this;
  }

  async listen() {
    // Nobody else is there to tell of anything.
  }

  async vacuum(table: string, anew: boolean) {
    const size = `SELECT pg_total_relation_size('${table}')::text`;
    const [row] = anew ? await this.query({ text: size, values: [] }) : [];
    // A log that cannot grow would stop the database.
    const room = this.fs.freeBytes - FREE_BYTES_MIN > 3 * Number(row?.[0] ?? 0);
    await this.db.exec(vacuumText(table, anew && room));
    await this.db.exec("CHECKPOINT");
  }

  async alive() {
    if (this.fs.aborted) return false;
    try {
      return (await this.db.query("SELECT 1")).rows.length === 1;
    } catch {
      return false;
    }
  }

  async close() {
    if (!this.fs.aborted) await this.db.close();
  }

  /** Executes them in one go; the rows of the last. */
  async #run(statements: readonly Statement[]): Promise<Row[]> {
    const frames: Uint8Array[] = [];
    for (const { text, values } of statements) {
      const statement = this.#prepared.get(text) ?? await this.#prepare(text, values.length);
      frames.push(serialize.bind({ statement, values: values.map(boundAs) }), serialize.execute({}));
    }
    return await this.#execute(frames, statements.length);
  }

  async #execute(frames: readonly Uint8Array[], statements: number): Promise<Row[]> {
    if (statements === 0) return [];
    if (this.fs.aborted) throw new Error("the embedded database stopped itself");
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

const encoder = new TextEncoder();

/** PostgreSQL's binary form of a text is its bytes. PGlite goes through a string's characters one by one, twice. */
const boundAs = (value: string | null) =>
  value === null || value.length < 1000 ? value : encoder.encode(value);

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
