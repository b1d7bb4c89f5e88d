/** The store's database on a PostgreSQL reached by URL, so that several nodes share one record. */
import postgres from "postgres";
import { type Channel, channels, type Database, type Row, type Statement, vacuumText } from "./database.ts";

type Connection = Pick<postgres.Sql, "unsafe">;

/** `url`: `postgres://user:password@host:port/database?sslmode=…`. Rejects where it cannot connect. */
export async function openUrl(url: string): Promise<Database> {
  const sql = postgres(url, {
    max: 2,
    prepare: true,
    // What a type is called is looked up otherwise; everything here is text.
    fetch_types: false,
    onnotice: () => {},
    connect_timeout: 10,
    connection: {
      application_name: "postern store",
      client_encoding: "UTF8",
      // Whatever the database's default is: what is acknowledged here must survive its crash.
      synchronous_commit: "on",
    },
  });
  try {
    await sql.unsafe("SELECT 1");
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw error;
  }
  return new UrlDatabase(sql);
}

async function run(connection: Connection, statement: Statement, prepare: boolean): Promise<Row[]> {
  const rows = await connection.unsafe(statement.text, [...statement.values], { prepare }).raw();
  return rows.map((row: (Uint8Array | null)[]) =>
    row.map((value) => value === null ? null : decoder.decode(value))
  );
}

const decoder = new TextDecoder();

/** Not for longer: whoever asks next waits behind it, and a database that is down is no matter of a moment. */
const AGAIN_MS = 1_000;
const PAUSE_MS = 100;

/** A connection that stood was cut; one that cannot be made says that the database is down. */
function isCut(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^(?:57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/.test(code);
}

class UrlDatabase implements Database {
  readonly exclusive = false;

  constructor(readonly sql: postgres.Sql) {}

  async transaction(first: readonly Statement[], rest: (rows: readonly Row[]) => readonly Statement[]) {
    await this.sql.begin(async (transaction) => {
      // Not awaited one by one: the driver sends them in one go.
      const answers = await Promise.all(first.map((statement) => run(transaction, statement, true)));
      await Promise.all(rest(answers.at(-1) ?? []).map((statement) => run(transaction, statement, true)));
    });
  }

  /** A question that a lost connection left without an answer is asked again: a fail-over refuses nobody. */
  async query(statement: Statement): Promise<readonly Row[]> {
    const until = performance.now() + (statement.text.startsWith("SELECT") ? AGAIN_MS : 0);
    for (;;) {
      try {
        return await run(this.sql, statement, false);
      } catch (error) {
        if (performance.now() >= until || !isCut(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async script(statements: readonly string[]) {
    await this.sql.begin(async (transaction) => {
      for (const statement of statements) await transaction.unsafe(statement);
    });
  }

  async settle() {
    // Each commit waits for it, by the connection's settings.
  }

  async upkeep() {
    // Its own business.
  }

  async listen(heard: (channel: Channel) => void) {
    // A connection of its own, which the driver opens anew where it is lost: then there may be news, too.
    const { listen } = this.sql;
    await Promise.all(
      Object.values(channels).map((channel) => listen(channel, () => heard(channel), () => heard(channel))),
    );
  }

  /** The database's own tools copy it. */
  copy() {
    return Promise.resolve(false);
  }

  async vacuum(table: string, anew: boolean) {
    await this.sql.unsafe(vacuumText(table, anew));
  }

  async alive() {
    // The driver connects anew by itself: what failed says nothing of the next statement.
    return await Promise.resolve(true);
  }

  async close() {
    await this.sql.end({ timeout: 5 });
  }
}
