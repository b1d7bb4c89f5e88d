/**
 * The clients of a soak, in a process of their own so that the gateway's memory is the gateway's. Asks its
 * parent for credentials by a line on standard output, one request at a time, and gets them by a line on
 * standard input: `want postgresql` -> `{"user": …, "password": …, "port": …}`. `done {…}` is its last line.
 */
import { createInterface } from "node:readline";
import process from "node:process";
import * as mysql2 from "mysql2/promise";
import pg from "pg";
import { bytesOf, message, RawPostgres, say, sslRequest } from "../support/raw_postgres.ts";

interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly port: number;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let asking: Promise<unknown> = Promise.resolve();

function credentials(protocol: string): Promise<Credentials> {
  const mine = asking.then(async () => {
    console.log(`want ${protocol}`);
    const { value } = await lines.next();
    return JSON.parse(value ?? "") as Credentials;
  });
  asking = mine;
  return mine;
}

const counts = { statements: 0, connections: 0, refused: 0, cancelled: 0, vanished: 0 };
const pause = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the soak found: ${what}`);
}

async function refusedBy(run: () => Promise<unknown>): Promise<void> {
  const error = await run().then(() => null, (thrown) => thrown);
  check(error !== null, "a statement that must be refused ran");
  counts.refused++;
}

const postgresqlActs: readonly ((client: pg.Client) => Promise<unknown>)[] = [
  (client) =>
    client.query("SELECT id, name FROM customers WHERE id = $1", [1 + Math.floor(Math.random() * 100)]),
  (client) => client.query({ name: "by id", text: "SELECT name FROM customers WHERE id = $1", values: [7] }),
  async (client) => {
    const { rows } = await client.query("SELECT ssn FROM customers WHERE id < 20") as {
      rows: { ssn: string }[];
    };
    check(rows.every(({ ssn }) => /^\*{3}-\*\*-\d{4}$/.test(ssn)), `a masked value: ${rows[0]?.ssn}`);
  },
  async (client) => {
    const { rows } = await client.query("SELECT repeat('x', 100000) AS big FROM generate_series(1, 20)");
    check(rows.length === 20 && rows[19].big.length === 100_000, "a cut result");
  },
  (client) => refusedBy(() => client.query("DROP TABLE customers")),
  (client) => refusedBy(() => client.query("SELECT 1 / 0")),
  async (client) => {
    await client.query("BEGIN");
    await client.query("INSERT INTO notes (body) VALUES ($1)", ["soak"]);
    await refusedBy(() => client.query("DELETE FROM notes"));
    await client.query("ROLLBACK");
  },
  async (client) => {
    const pid = client as unknown as { processID: number; secretKey: number };
    let over = false;
    const slow = client.query("SELECT pg_sleep(20)").then(() => null, (error: { code?: string }) => error)
      .finally(() => over = true);
    const key = new DataView(new ArrayBuffer(4));
    key.setInt32(0, pid.secretKey);
    // As with the database itself, one that comes while the statement is on its way may find nothing to cancel.
    for (let wait = 50; !over; wait = 500) {
      await pause(wait);
      const other = await RawPostgres.open(client.port);
      await other.send(cancelFrame(pid.processID, new Uint8Array(key.buffer)));
      await other.rest();
      other.close();
    }
    check((await slow)?.code === "57014", "a cancel that cancelled nothing");
    counts.cancelled++;
  },
];

function cancelFrame(pid: number, secret: Uint8Array): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(12));
  numbers.setInt32(0, 12 + secret.length);
  numbers.setInt32(4, 80_877_102);
  numbers.setInt32(8, pid);
  return bytesOf(new Uint8Array(numbers.buffer), secret);
}

const mysqlActs: readonly ((client: mysql2.Connection) => Promise<unknown>)[] = [
  (client) => client.query("SELECT id, name FROM customers WHERE id = 5"),
  (client) =>
    client.execute("SELECT name FROM customers WHERE id = ?", [1 + Math.floor(Math.random() * 100)]),
  async (client) => {
    const [rows] = await client.query("SELECT ssn FROM customers WHERE id < 20");
    const list = rows as { ssn: string }[];
    check(list.every(({ ssn }) => /^\*{3}-\*\*-\d{4}$/.test(ssn)), `a masked value: ${list[0]?.ssn}`);
  },
  async (client) => {
    const [rows] = await client.query("SELECT REPEAT('x', 100000) AS big FROM customers LIMIT 20");
    check((rows as unknown[]).length === 20, "a cut result");
  },
  (client) => refusedBy(() => client.query("DROP TABLE customers")),
  (client) => refusedBy(() => client.query("SELECT * FROM customers WHERE")),
  async (client) => {
    await client.beginTransaction();
    await client.execute("INSERT INTO notes (body) VALUES (?)", ["soak"]);
    await client.rollback();
  },
];

async function postgresqlClient(until: number, paceMs: number): Promise<void> {
  while (Date.now() < until) {
    const { user, password, port } = await credentials("postgresql");
    const client = new pg.Client({ host: "127.0.0.1", port, user, password, database: "demo" });
    client.on("error", () => {});
    await client.connect();
    counts.connections++;
    const leaveAt = Math.min(until, Date.now() + 20_000 + Math.random() * 100_000);
    while (Date.now() < leaveAt) {
      await pick(postgresqlActs)(client);
      counts.statements++;
      await pause(paceMs);
    }
    await client.end();
  }
}

async function mysqlClient(until: number, paceMs: number): Promise<void> {
  while (Date.now() < until) {
    const { user, password, port } = await credentials("mysql");
    const client = await mysql2.createConnection({
      host: "127.0.0.1",
      port,
      user,
      password,
      database: "shop",
    });
    counts.connections++;
    const leaveAt = Math.min(until, Date.now() + 20_000 + Math.random() * 100_000);
    while (Date.now() < leaveAt) {
      await pick(mysqlActs)(client);
      counts.statements++;
      await pause(paceMs);
    }
    if (Math.random() < 0.5) await client.end();
    else client.destroy();
  }
}

/** Port scans, half a start-up, clients that vanish while they wait for a browser, nonsense. */
async function rudeClient(until: number, ports: readonly number[]): Promise<void> {
  const moments: readonly (() => Uint8Array)[] = [
    () => new Uint8Array(0),
    () => sslRequest,
    () => crypto.getRandomValues(new Uint8Array(200)),
    () => message("Q", "SELECT 1\0"),
    () => say.sync(),
  ];
  while (Date.now() < until) {
    const client = await RawPostgres.open(pick(ports));
    await client.send(pick(moments)()).catch(() => {});
    await pause(300);
    client.close();
    counts.vanished++;
    await pause(2_000);
  }
}

const [seconds = 10, clients = 10, paceMs = 100, ...ports] = process.argv.slice(2).map(Number);
const until = Date.now() + seconds * 1_000;
const rude = Math.max(1, Math.floor(clients / 10));
const work = Array.from({ length: clients }, (_, at) => {
  if (at < rude) return rudeClient(until, ports);
  return at % 2 === 0 ? postgresqlClient(until, paceMs) : mysqlClient(until, paceMs);
});
const outcomes = await Promise.allSettled(work);
const problems = outcomes.flatMap((one) =>
  one.status === "rejected" ? [String(one.reason?.stack ?? one.reason)] : []
);
console.log(`done ${JSON.stringify({ ...counts, problems })}`);
process.exit(0);
