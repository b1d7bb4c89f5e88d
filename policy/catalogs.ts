/** The targets' catalogs: read once per database, shared by its sessions, read again after DDL and by time. */
import type { Clock, TargetQuery } from "./ports.ts";
import type { Catalog, Dialect } from "./sql/dialect.ts";
import type { Target } from "./types.ts";
import { asPosternError, PosternError } from "./errors.ts";

export interface Catalogs {
  /** The catalog of a database, read if need be. Rejects with TargetUnavailable or PolicyDenied. */
  load(target: Target, database: string): Promise<void>;
  /** As it is now: read again unless nothing has changed. Rejects like load. */
  renew(target: Target, database: string): Promise<void>;
  /** The newest catalog that was read; null where none was, or where it is too old to be trusted. */
  current(target: Target, database: string): Catalog | null;
  /** What is known of each database that was asked for. */
  states(): readonly CatalogState[];
  /** A DDL passed, or a result did not fit its plan: read it again soon. */
  refresh(target: Target, database: string): void;
}

export interface CatalogState {
  readonly target: string;
  readonly database: string;
  /** When the newest catalog was read; null where none was. Epoch milliseconds. */
  readonly readAt: number | null;
  /** What went wrong at the last reading; null where it went well. */
  readonly problem: string | null;
}

export interface CatalogDeps {
  readonly dialectOf: (protocol: string) => Dialect | undefined;
  readonly queryOf: (protocol: string) => TargetQuery;
  readonly clock: Clock;
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
  /** Read again when older. */
  readonly freshMs?: number;
  /** Refuse to judge by one that is older: columns may have moved since. */
  readonly staleMs?: number;
}

interface Entry {
  readonly target: string;
  readonly database: string;
  problem: string | null;
  catalog: Catalog | null;
  /** Dialect.catalogMark as of the moment before it was read; null where there is none. */
  mark: string | null;
  reading: Promise<void> | null;
  /** Asked for while a reading was under way, which may have missed the change. */
  again: boolean;
  /** When the last reading began: a target that is down is not asked at every statement. */
  triedAt: number;
}

const retryMs = 5_000;

export function createCatalogs(deps: CatalogDeps): Catalogs {
  return new KnownCatalogs(deps);
}

class KnownCatalogs implements Catalogs {
  readonly #entries = new Map<string, Entry>();
  /** The same by the target's object and the database: each statement asks several times. */
  readonly #found = new WeakMap<Target, Map<string, Entry>>();
  readonly #freshMs: number;
  readonly #staleMs: number;

  constructor(private readonly deps: CatalogDeps) {
    this.#freshMs = deps.freshMs ?? 60_000;
    this.#staleMs = deps.staleMs ?? 600_000;
  }

  async load(target: Target, database: string): Promise<void> {
    const entry = this.#entryOf(target, database);
    if (entry.catalog !== null && this.#age(entry.catalog) < this.#freshMs) return;
    await this.#read(entry, target, database);
  }

  async renew(target: Target, database: string): Promise<void> {
    const entry = this.#entryOf(target, database);
    const { catalog, mark } = entry;
    if (catalog !== null && mark !== null && await this.#markOf(target, database) === mark) return;
    // One that is under way may have missed what changed since it began.
    await entry.reading?.catch(() => {});
    await this.#read(entry, target, database);
  }

  current(target: Target, database: string): Catalog | null {
    const entry = this.#entryOf(target, database);
    if (entry.catalog === null) return null;
    const old = this.#age(entry.catalog);
    const due = old >= this.#freshMs && this.deps.clock() - entry.triedAt >= retryMs;
    if (due && entry.reading === null) this.#inBackground(entry, target, database);
    return old < this.#staleMs ? entry.catalog : null;
  }

  states(): CatalogState[] {
    return [...this.#entries.values()].map(({ target, database, catalog, problem }) => ({
      target,
      database,
      readAt: catalog?.readAt ?? null,
      problem,
    }));
  }

  refresh(target: Target, database: string): void {
    const entry = this.#entryOf(target, database);
    if (entry.reading !== null) entry.again = true;
    else this.#inBackground(entry, target, database);
  }

  #entryOf(target: Target, database: string): Entry {
    const found = this.#found.get(target)?.get(database);
    if (found !== undefined) return found;
    const entry = this.#entryAt(target, database);
    const known = this.#found.get(target) ?? new Map<string, Entry>();
    this.#found.set(target, known.set(database, entry));
    return entry;
  }

  #entryAt(target: Target, database: string): Entry {
    // With its address: after a reload the name may stand for another server.
    const key = [target.name, target.host, target.port, database].join("\n");
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = {
        target: target.name,
        database,
        problem: null,
        catalog: null,
        mark: null,
        reading: null,
        again: false,
        triedAt: -Infinity,
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #read(entry: Entry, target: Target, database: string): Promise<void> {
    if (entry.reading !== null) return entry.reading;
    const { dialectOf, queryOf, clock } = this.deps;
    const dialect = dialectOf(target.protocol);
    if (dialect === undefined) {
      return Promise.reject(new PosternError("Internal", `No dialect for the protocol ${target.protocol}`));
    }
    entry.again = false;
    entry.triedAt = clock();
    entry.reading = this.#markOf(target, database).then(async (mark) => {
      entry.catalog = await dialect.readCatalog(target, database, queryOf(target.protocol));
      entry.mark = mark;
      entry.problem = null;
    }).catch((error) => {
      entry.problem = asPosternError(error).message;
      throw error;
    }).finally(() => {
      entry.reading = null;
      if (entry.again) this.#inBackground(entry, target, database);
    });
    return entry.reading;
  }

  async #markOf(target: Target, database: string): Promise<string | null> {
    const { dialectOf, queryOf } = this.deps;
    return await dialectOf(target.protocol)?.catalogMark?.(target, database, queryOf(target.protocol)) ??
      null;
  }

  #inBackground(entry: Entry, target: Target, database: string): void {
    this.#read(entry, target, database).catch((error) => {
      this.deps.log("warn", "a target's catalog could not be read", {
        target: target.name,
        database,
        error: String(error),
      });
    });
  }

  #age(catalog: Catalog): number {
    return this.deps.clock() - catalog.readAt;
  }
}
