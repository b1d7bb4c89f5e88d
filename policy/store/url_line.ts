/**
 * One connection to a PostgreSQL reached by URL: used until it is lost, and never again. Its driver would connect
 * anew by itself, but must not be left to (postgres.js 3.4.9, src/connection.js): what was about to be written when
 * the connection closed stays in its way, so that the new one's first message never leaves and each try waits for
 * its whole timeout (`nextWriteTimer` is cleared and not set to null); a statement after the end, as the ROLLBACK
 * of its `begin`, writes to no socket, which no caller can catch (porsager/postgres issues 1066, 1154, 1208); a
 * start-up that the server ends is begun again without end (1193); and after a longer outage it pauses for up to
 * 20 seconds. So each connection has a driver of its own, asked for nothing once the connection is gone.
 */
import postgres from "postgres";
import type { Row, Statement } from "./database.ts";
import { letGoOfLost, type Watched } from "./half_open.ts";

export interface LineOptions {
  /** How the server lists it. */
  readonly name: string;
  /** Up to the end of its start-up; rejects then. */
  readonly connectMs: number;
  /** A statement that is not answered for so long loses the connection; null for no limit. */
  readonly answerMs: number | null;
  /** Told of notifications. */
  readonly notified?: (channel: string) => void;
  /** Told once, when it is lost. */
  readonly lost?: () => void;
}

type Reserved = Awaited<ReturnType<postgres.Sql["reserve"]>>;

const decoder = new TextDecoder();

export class Line implements Watched {
  #reserved: Reserved | null = null;
  #over = false;
  #pid = "";
  #asked = 0;
  #answered = 0;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #sql: postgres.Sql;

  private constructor(url: string, readonly options: LineOptions) {
    const settings: postgres.Options<Record<string, never>> & { onnotify?: (channel: string) => void } = {
      max: 1,
      prepare: true,
      // What a type is called is looked up otherwise; everything here is text.
      fetch_types: false,
      onnotice: () => {},
      onnotify: options.notified ?? (() => {}),
      onclose: () => this.lose("the connection to the database was lost"),
      connect_timeout: options.connectMs / 1000,
      max_lifetime: null,
      // Not of one that is used: of one that comes about after nobody waits for it any more.
      idle_timeout: 1,
      connection: {
        application_name: options.name,
        client_encoding: "UTF8",
        // Whatever the database's default is: what is acknowledged here must survive its crash.
        synchronous_commit: "on",
        ...letGoOfLost,
      },
    };
    this.#sql = postgres(url, settings);
  }

  /** Rejects with what the database said, or with the code CONNECT_TIMEOUT. */
  static async open(url: string, options: LineOptions): Promise<Line> {
    const line = new Line(url, options);
    const timer = setTimeout(
      () =>
        line.lose(`the database did not let Postern in within ${options.connectMs} ms`, "CONNECT_TIMEOUT"),
      options.connectMs,
    );
    try {
      const [backend] = await line.#answer(line.#sql.unsafe("SELECT pg_backend_pid()::text AS pid"));
      line.#pid = backend!.pid;
      line.#reserved = await line.#answer(line.#sql.reserve());
      return line;
    } catch (error) {
      line.lose("the connection to the database did not come about");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get isLost(): boolean {
    return this.#over;
  }

  get pid(): string {
    return this.#pid;
  }

  get waitingFor(): number | null {
    return this.#asked === this.#answered ? null : this.#answered;
  }

  /** `prepare`: the text is prepared once and kept. Rejects with what the database said; those after it are still run. */
  async run(statement: Statement, prepare: boolean): Promise<Row[]> {
    if (this.#over || this.#reserved === null) throw lostError("the connection to the database was lost");
    const { answerMs } = this.options;
    const timer = answerMs === null
      ? undefined
      : setTimeout(() => this.lose(`the database did not answer within ${answerMs} ms`), answerMs);
    this.#asked++;
    try {
      const query = this.#reserved.unsafe(statement.text, [...statement.values], { prepare }).raw();
      const rows = await this.#answer(query);
      return rows.map((row: (Uint8Array | null)[]) =>
        row.map((value) => value === null ? null : decoder.decode(value))
      );
    } finally {
      this.#answered++;
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#reserved?.release();
    await this.#sql.end({ timeout: 1 });
  }

  /** The driver forgets some of those who wait when a connection ends: they are told here. */
  #answer<T>(asked: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      asked.then(
        (answer) => {
          this.#waiting.delete(reject);
          resolve(answer);
        },
        (error) => {
          this.#waiting.delete(reject);
          reject(error);
        },
      );
    });
  }

  /** Whoever waits is told at once; so is the owner. */
  lose(why: string, code = "CONNECTION_CLOSED"): void {
    if (this.#over) return;
    this.#over = true;
    const error = lostError(why, code);
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    void this.#sql.end({ timeout: 0 });
    this.options.lost?.();
  }
}

/** With the driver's own code for it. */
function lostError(why: string, code = "CONNECTION_CLOSED"): Error {
  return Object.assign(new Error(why), { code });
}
