/**
 * Records conversations between real clients and a real PostgreSQL, byte by byte, into
 * tests/vectors/postgres/conversations.json: what fuzz tests mutate and machine tests replay.
 * Run by hand: deno run -A tests/support/record_postgres.ts
 */
import { createConnection, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { startPostgresql } from "./postgresql.ts";
import { RawPostgres, say } from "./raw_postgres.ts";

export interface Conversation {
  readonly name: string;
  /** In order; hex. The start-up (up to the first ReadyForQuery) is left out. */
  readonly turns: readonly { readonly from: "client" | "target"; readonly bytes: string }[];
}

type Turn = { from: "client" | "target"; bytes: string };

const scripts: Record<string, (port: number, ready: () => void) => Promise<void>> = {
  "simple: rows, several statements, an error, an empty one": (port, ready) =>
    raw(port, ready, async (client) => {
      await client.ask(say.query("SELECT id, name, ssn FROM users ORDER BY id LIMIT 5"));
      await client.ask(say.query("SELECT 1; SELECT 'two'"));
      await client.ask(say.query("SELECT * FROM missing"));
      await client.ask(say.query(""));
      await client.ask(say.query("BEGIN"));
      await client.ask(say.query("UPDATE users SET name = 'x' WHERE id = 1"));
      await client.ask(say.query("ROLLBACK"));
    }),
  "extended: named and unnamed, portals, an error in the middle": (port, ready) =>
    raw(port, ready, async (client) => {
      await client.ask(
        say.parse("s", "SELECT name, ssn FROM users WHERE id = $1"),
        say.describe("S", "s"),
        say.sync(),
      );
      await client.ask(say.bind("", "s", ["3"], [1]), say.execute(""), say.sync());
      await client.ask(say.query("BEGIN"));
      await client.ask(
        say.parse("", "SELECT id FROM users ORDER BY id"),
        say.bind("p", ""),
        say.describe("P", "p"),
        say.execute("p", 2),
        say.execute("p", 2),
        say.close("P", "p"),
        say.sync(),
      );
      await client.ask(
        say.parse("", "SELECT 1"),
        say.bind("", ""),
        say.describe("P", ""),
        say.execute(""),
        say.parse("", "SELEC"),
        say.bind("", ""),
        say.describe("P", ""),
        say.execute(""),
        say.sync(),
      );
      await client.ask(say.query("ROLLBACK"));
      await client.ask(say.close("S", "s"), say.sync());
    }),
  "COPY: out, in, a failed one": (port, ready) =>
    raw(port, ready, async (client) => {
      await client.ask(say.query("COPY (SELECT id, name FROM users) TO STDOUT"));
      await client.send(say.query("CREATE TEMP TABLE c (id int, name text)"));
      await client.until("Z");
      await client.send(say.query("COPY c FROM STDIN"));
      await client.until("G");
      await client.send(say.copyData("1\tone\n"), say.copyData("2\ttwo\n"), say.copyDone());
      await client.until("Z");
      await client.send(say.query("COPY c FROM STDIN"));
      await client.until("G");
      await client.send(say.copyFail("enough"));
      await client.until("Z");
    }),
  "node-postgres: parameters, a notice, a setting": async (port, ready) => {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "app", database: "app" });
    await client.connect();
    ready();
    await client.query("SELECT name FROM users WHERE id = $1 AND ssn <> $2", [2, "x"]);
    await client.query("DO $$ BEGIN RAISE NOTICE 'heard'; END $$");
    await client.query("SET standard_conforming_strings = on");
    await client.query("SET search_path = public");
    await client.end();
  },
};

async function raw(
  port: number,
  ready: () => void,
  run: (client: RawPostgres) => Promise<void>,
): Promise<void> {
  const client = await RawPostgres.ready(port, { user: "app", database: "app" });
  ready();
  await run(client);
  await client.send(say.terminate());
  client.close();
}

async function record(name: string, target: number): Promise<Conversation> {
  const turns: Turn[] = [];
  let recording = false;
  const add = (from: Turn["from"], chunk: Uint8Array) => {
    if (!recording) return;
    const bytes = chunk.toHex();
    const last = turns.at(-1);
    if (last?.from === from) last.bytes += bytes;
    else turns.push({ from, bytes });
  };
  const relay = createServer((client) => {
    const server = createConnection(target, "127.0.0.1");
    client.on("data", (chunk) => (add("client", chunk), server.write(chunk)));
    server.on("data", (chunk) => (add("target", chunk), client.write(chunk)));
    client.on("close", () => server.destroy()).on("error", () => {});
    server.on("close", () => client.destroy()).on("error", () => {});
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  await scripts[name]!((relay.address() as AddressInfo).port, () => recording = true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  relay.close();
  return { name, turns };
}

if (import.meta.main) {
  const server = await startPostgresql({
    auth: "trust",
    sql: `CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);
      INSERT INTO users SELECT g, 'user ' || g, '078-05-' || to_char(g, 'FM0000') FROM generate_series(1, 9) g;`,
  });
  const conversations: Conversation[] = [];
  for (const name of Object.keys(scripts)) conversations.push(await record(name, server.port));
  await server.close();
  const file = new URL("../vectors/postgres/conversations.json", import.meta.url);
  await Deno.writeTextFile(
    file,
    `${JSON.stringify({ source: "PostgreSQL 15 on Debian 12", conversations }, null, 1)}\n`,
  );
}
