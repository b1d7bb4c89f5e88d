/** The store's database on a PostgreSQL reached by URL, so that several nodes share one record. */
import { type Channel, channels, type Database, type Row, type Statement, vacuumText } from "./database.ts";
import { watchHalfOpen } from "./half_open.ts";
import { Line, type LineOptions } from "./url_line.ts";

/** The first connection may take so long: a server that has just begun to start, a name that is looked up. */
const FIRST_CONNECT_MS = 10_000;
/** A later one: whoever asks next waits behind it. */
const CONNECT_MS = 5_000;

/**
 * How long the lease's own connection may take to come about, and to answer: one that is lost, one that does not
 * come about, and the next beat fit into the lease, see `beatTimes` in fleet.ts.
 */
export const beatMsFor = (leaseMs: number): number => Math.min(CONNECT_MS, leaseMs / 8);

/**
 * `url`: `postgres://user:password@host:port/database?sslmode=…`; `leaseMs`: how long a node may be silent. Rejects
 * where it cannot connect.
 */
export async function openUrl(url: string, leaseMs = 30_000): Promise<Database> {
  const database = new UrlDatabase(url, beatMsFor(leaseMs));
  try {
    await database.connect();
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** Not for longer: whoever asks next waits behind it, and a database that is down is no matter of a moment. */
const AGAIN_MS = 1_000;
const PAUSE_MS = 100;

/** A connection that stood was cut; one that cannot be made says that the database is down. */
function isCut(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^(?:57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/.test(code);
}

/** Statements one after the other, on one connection at a time: a new one where the last was lost. */
class Lane {
  #line: Line | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #closed = false;

  constructor(private readonly url: string, private readonly options: LineOptions) {}

  /** `connectMs`: where it must be opened, in the place of the usual time. */
  use<T>(work: (line: Line) => Promise<T>, connectMs = this.options.connectMs): Promise<T> {
    const done = this.#last.then(async () => await work(await this.#open(connectMs)));
    this.#last = done.catch(() => {});
    return done;
  }

  /** The connection that stands, if one does. */
  get line(): Line | null {
    return this.#line?.isLost === false ? this.#line : null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#line?.close();
  }

  async #open(connectMs: number): Promise<Line> {
    if (this.#closed) throw new Error("the database is closed");
    if (this.#line?.isLost === false) return this.#line;
    try {
      this.#line = await Line.open(turned(this.url, this.#failures), { ...this.options, connectMs });
      this.#failures = 0;
      return this.#line;
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }
}

/** With several hosts in the URL, one that swallows what it is sent must not always be the first that is tried. */
function turned(url: string, by: number): string {
  return url.replace(/^(\w+:\/\/(?:[^/?]*@)?)([^/?]*,[^/?]*)/, (_, before: string, list: string) => {
    const hosts = list.split(",");
    return before + hosts.map((_, i) => hosts[(i + by) % hosts.length]).join(",");
  });
}

/** A question that a lost connection left without an answer is asked again: a fail-over refuses nobody. */
async function ask(lane: Lane, statement: Statement): Promise<readonly Row[]> {
  const isQuestion = statement.text.startsWith("SELECT");
  const until = performance.now() + AGAIN_MS;
  for (let tries = 0;; tries++) {
    try {
      return await lane.use((line) => line.run(statement, false));
    } catch (error) {
      // Once more in any case: that a connection was half open shows only after a while.
      const late = tries > 0 && performance.now() >= until;
      if (!isQuestion || late || !isCut(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

const sqlOf = (text: string): Statement => ({ text, values: [] });

class UrlDatabase implements Database {
  readonly exclusive = false;
  readonly #main: Lane;
  readonly #apart: Lane;
  readonly apart: Pick<Database, "query">;
  #news: Line | null = null;
  #newsTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  readonly #watched: () => void;

  constructor(private readonly url: string, beatMs: number) {
    this.#main = new Lane(url, { name: "postern store", connectMs: CONNECT_MS, answerMs: null });
    this.#apart = new Lane(url, { name: "postern store beat", connectMs: beatMs, answerMs: beatMs });
    this.apart = { query: (statement) => ask(this.#apart, statement) };
    this.#watched = watchHalfOpen(this.apart, () => this.#main.line);
  }

  async connect() {
    const opened = [this.#main, this.#apart].map((lane) =>
      lane.use(() => Promise.resolve(), FIRST_CONNECT_MS)
    );
    await Promise.all(opened);
  }

  async transaction(first: readonly Statement[], rest: (rows: readonly Row[]) => readonly Statement[]) {
    // Not awaited one by one: the driver sends them in one go.
    const all = (line: Line, statements: readonly Statement[], prepare: boolean) =>
      Promise.all(statements.map((statement) => line.run(statement, prepare)));
    await this.#whole(async (line, begun) => {
      const answers = await Promise.all([begun, ...first.map((statement) => line.run(statement, true))]);
      await all(line, rest(first.length > 0 ? answers.at(-1)! : []), true);
    });
  }

  query(statement: Statement): Promise<readonly Row[]> {
    return ask(this.#main, statement);
  }

  async script(statements: readonly string[]) {
    await this.#whole(async (line, begun) => {
      await begun;
      for (const statement of statements) await line.run(sqlOf(statement), false);
    });
  }

  /** One transaction, committed if `work` resolves. */
  async #whole(work: (line: Line, begun: Promise<Row[]>) => Promise<void>): Promise<void> {
    await this.#main.use(async (line) => {
      try {
        await work(line, line.run(sqlOf("BEGIN"), false));
      } catch (error) {
        // Statements that were sent with the one that failed are answered before it.
        await line.run(sqlOf("ROLLBACK"), false).catch(() => line.close());
        throw error;
      }
      await line.run(sqlOf("COMMIT"), false);
    });
  }

  async settle() {
    // Each commit waits for it, by the connection's settings.
  }

  async upkeep() {
    // Its own business.
  }

  /** On a connection of its own, opened anew where it is lost: then there may be news, too. */
  async listen(heard: (channel: Channel) => void, tries = 0) {
    const again = (before: number) => {
      if (this.#closed) return;
      const next = () => void this.listen(heard, before + 1).catch(() => again(before + 1));
      this.#newsTimer = setTimeout(next, PAUSE_MS);
    };
    const known = Object.values(channels);
    let standing = false;
    const line = await Line.open(turned(this.url, tries), {
      name: "postern store news",
      connectMs: tries === 0 ? FIRST_CONNECT_MS : CONNECT_MS,
      answerMs: CONNECT_MS,
      notified: (told) => known.filter((channel) => channel === told).forEach(heard),
      lost: () => standing && again(0),
    });
    if (this.#closed) return await line.close();
    this.#news = line;
    await Promise.all(known.map((channel) => line.run(sqlOf(`LISTEN "${channel}"`), false)));
    standing = true;
    known.forEach(heard);
  }

  /** The database's own tools copy it. */
  copy() {
    return Promise.resolve(false);
  }

  async vacuum(table: string, anew: boolean) {
    await this.query(sqlOf(vacuumText(table, anew)));
  }

  async alive() {
    // The next statement has a new connection where it needs one: what failed says nothing of it.
    return await Promise.resolve(true);
  }

  async close() {
    this.#closed = true;
    clearTimeout(this.#newsTimer);
    this.#watched();
    await Promise.all([this.#main.close(), this.#apart.close(), this.#news?.close()]);
  }
}
