/**
 * Ways to get at masked values, run through a whole Postern against two databases that differ only in their secrets:
 * what a client gets of both must be the same, byte by byte. The rules allow everything, so that nothing but masks
 * and the built-in floor stands in the way.
 *
 * A file of attacks: blocks between empty lines; `# what it tries`, then one message a line, continued by
 * indentation. `#18`, `#mysql` and the like: for that server only. `+`: it must run, and be masked. `~`: a write
 * into a masked column, which by its nature asks a question: it may tell yes or no, where a rule lets it through.
 */
import { Buffer } from "node:buffer";
import { createConnection } from "mariadb";
import { Command } from "../../proxy/mysql/constants.ts";
import { type DashboardUser, type TargetEntry, targetYaml } from "./gateway.ts";
import { patient, startMariadb } from "./mariadb.ts";
import { startMysql } from "./mysql.ts";
import * as mysql from "./mysql_lab.ts";
import * as postgresql from "./postgresql_lab.ts";
import { startPostgresql } from "./postgresql.ts";
import { executeBody, WireClient } from "./mysql_wire.ts";
import { fieldsOf, type Message, type RawPostgres, say, valuesOf } from "./raw_postgres.ts";
import { signedIn } from "./raw_sign_in.ts";

export interface Attack {
  readonly what: string;
  /** Of one server only; empty for all. */
  readonly only: string;
  readonly mustRun: boolean;
  readonly asks: boolean;
  readonly steps: readonly string[];
}

export function attacksOf(file: string): Attack[] {
  const text = Deno.readTextFileSync(new URL(`../vectors/attacks/${file}`, import.meta.url));
  return text.trim().split(/\n\n+/).map((block) => {
    const [head = "", ...lines] = block.split("\n");
    const { only = "", mark = "", what = "" } =
      /^#(?<only>\w*)(?<mark>[+~]?) (?<what>.*)$/.exec(head)?.groups ??
        {};
    if (what === "") throw new Error(`no attack begins with ${head}`);
    const steps: string[] = [];
    for (const line of lines) {
      if (/^\s/.test(line)) steps[steps.length - 1] += `\n${line.trim()}`;
      else steps.push(line);
    }
    return { what, only, mustRun: mark === "+", asks: mark === "~", steps };
  });
}

/** What a client got, as lines; `Postern` in one where it refused. */
export type Answers = readonly string[];

export interface Attacker {
  /** The steps, one after the other, plain or as prepared statements; changes are rolled back. */
  run(steps: readonly string[], prepared: boolean): Promise<Answers>;
  close(): void;
}

/** Databases are named alike but for their last letter. */
const alike = (text: string) =>
  text.replaceAll(/(app|target-)[ab]\b/g, "$1x").replaceAll(/@example.test \w{16}/g, "@example.test");

export async function attackPostgresql(
  port: number,
  target: string,
  user: DashboardUser,
): Promise<Attacker> {
  let client = await signedIn(port, target, user);
  return {
    run: async (steps, prepared) => {
      const answers: string[] = [];
      const say = (list: readonly Message[]) => answers.push(...list.map(shown).map(alike));
      try {
        say(await exchange(client, "BEGIN", false));
        for (const step of steps) say(await exchange(client, step, prepared));
        for (const end of ["ROLLBACK", "CLOSE ALL", "DEALLOCATE ALL"]) await exchange(client, end, false);
      } catch {
        answers.push("the connection ended");
        client.close();
        client = await signedIn(port, target, user);
      }
      return answers;
    },
    close: () => client.close(),
  };
}

async function exchange(client: RawPostgres, text: string, prepared: boolean): Promise<readonly Message[]> {
  await client.send(
    ...(prepared
      ? [say.parse("", text), say.describe("S", ""), say.bind("", ""), say.execute(""), say.sync()]
      : [say.query(text)]),
  );
  const messages = await client.until("Z");
  if (messages.at(-1)?.type !== "Z") throw new Error("ended");
  return messages;
}

function shown(message: Message): string {
  const { type, body } = message;
  switch (type) {
    case "E":
    case "N":
    case "A":
      return `${type} ${
        JSON.stringify(type === "A" ? Buffer.from(body.subarray(4)).toString() : fieldsOf(message))
      }`;
    case "D":
      return `D ${JSON.stringify(valuesOf(message))}`;
    // OIDs of tables and types differ between databases.
    case "T":
      return `T ${new DataView(body.buffer, body.byteOffset).getInt16(0)}`;
    case "t":
      return `t ${body.length}`;
    default:
      return `${type} ${Buffer.from(body).toString("latin1")}`;
  }
}

export async function attackMysql(port: number, target: string, user: DashboardUser): Promise<Attacker> {
  const connect = async () =>
    await WireClient.connect({ port, database: target, ...await user.oneTimePassword(target) });
  let client = await connect();
  return {
    run: async (steps, prepared) => {
      const answers: string[] = [];
      const say = (packets: readonly Uint8Array[]) => {
        for (const packet of packets) {
          answers.push(alike(JSON.stringify(Buffer.from(packet).toString("latin1"))));
        }
      };
      try {
        await client.query("START TRANSACTION");
        for (const step of steps) say(await (prepared ? executed(client, step) : client.query(step)));
        await client.query("ROLLBACK");
        if (!steps.some((step) => step.startsWith("USE "))) return answers;
        client.close();
        client = await connect();
      } catch {
        answers.push("the connection ended");
        client.close();
        client = await connect();
      }
      return answers;
    },
    close: () => client.close(),
  };
}

async function executed(client: WireClient, text: string): Promise<readonly Uint8Array[]> {
  const packets = [await client.ask(Command.statementPrepare, text)];
  const [first] = packets;
  if (first === undefined || first[0] !== 0) return packets;
  const view = new DataView(first.buffer, first.byteOffset);
  const definitions = view.getUint16(5, true) + view.getUint16(7, true);
  for (let at = 0; at < definitions; at++) packets.push(await client.receive());
  const id = view.getUint32(1, true);
  // Numbers of statements are the session's own.
  packets[0] = first.slice(5);
  await client.send(Command.statementExecute, executeBody(id, []));
  return [...packets, ...await client.result()];
}

/** Two databases of one server. */
export interface Pair {
  /** The config's `targets:` target-a and target-b; the password is in TARGET_PASSWORD. */
  readonly targets: string;
  readonly password: string;
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

/** Tables of which numbers about the rows tell about the values: rows by value 0 or 1, or each its own. */
const numbered = (first: boolean) => `SELECT i, i % ${first ? 2 : 1000} FROM n`;
const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)";

const mysqlCounted = (first: boolean) => `
  CREATE TABLE repeats(id INT PRIMARY KEY, pin INT, KEY by_pin(pin));
  CREATE TABLE summed(id INT PRIMARY KEY, pin INT) ENGINE = MyISAM CHECKSUM = 1;
  CREATE TABLE ranged(id INT, pin INT) PARTITION BY RANGE (pin)
    (PARTITION low VALUES LESS THAN (50), PARTITION high VALUES LESS THAN MAXVALUE);
  ${
  ["repeats", "summed", "ranged"].map((name) => `INSERT INTO ${name} ${numbers} ${numbered(first)};`).join("")
}
  CREATE VIEW v_index AS SELECT TABLE_NAME AS name, CARDINALITY AS distincts FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE();
  CREATE PROCEDURE p_index() SELECT CARDINALITY FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE();
  CREATE PROCEDURE p_status() SHOW TABLE STATUS;
  CREATE TABLE counts(id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT);
  ANALYZE TABLE repeats, summed, ranged;`;

const postgresqlCounted = (first: boolean) => `
  CREATE TABLE repeats(id int PRIMARY KEY, pin int, word text);
  CREATE INDEX repeats_low ON repeats(id) WHERE pin < 50;
  CREATE TABLE ranged(id int, pin int) PARTITION BY RANGE (pin);
  CREATE TABLE ranged_low PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO (50);
  CREATE TABLE ranged_high PARTITION OF ranged FOR VALUES FROM (50) TO (MAXVALUE);
  INSERT INTO ranged ${numbers} ${numbered(first)};
  INSERT INTO repeats ${numbers} SELECT t.*, repeat('x', ${first ? 3 : 30}) FROM (${numbered(first)}) t;
  CREATE SEQUENCE turns;
  CREATE VIEW v_renamed AS SELECT pin AS p, tenant AS t, id AS k FROM indexed;
  CREATE VIEW v_again AS SELECT k AS a, t AS b FROM v_renamed;
  CREATE VIEW v_computed AS SELECT id + 0 AS k, tenant + 0 AS t FROM indexed;
  CREATE VIEW v_chosen AS SELECT k FROM v_renamed WHERE t = 7;
  CREATE VIEW v_of_chosen AS SELECT k AS c FROM v_chosen;
  CREATE VIEW v_pairs AS SELECT a.id, b.id AS other FROM indexed a JOIN indexed b ON b.tenant = a.tenant;
  CREATE STATISTICS repeats_both ON id, pin FROM repeats;
  ANALYZE;`;

export async function postgresqlPair(version: 15 | 18): Promise<Pair> {
  const server = await startPostgresql({ version });
  for (const [at, database] of ["appa", "appb"].entries()) {
    await server.query(`CREATE DATABASE ${database} OWNER app`, { superuser: true });
    // A bitmap hides the order of the index that it was made of.
    await server.query(`ALTER DATABASE ${database} SET enable_bitmapscan = off`, { superuser: true });
    await server.query(
      `${postgresql.fixtureSql(postgresql.twoSecrets[at]!)} ${postgresqlCounted(at === 0)}`,
      {
        database,
      },
    );
  }
  return pairOf("postgresql", server, postgresql.twoSecrets);
}

export async function mysqlPair(flavour: "mariadb" | "mysql"): Promise<Pair> {
  const grants = ["appa", "appb"].flatMap((name) => [
    `CREATE DATABASE ${name} CHARACTER SET utf8mb4`,
    `GRANT ALL ON ${name}.* TO app@'%'`,
  ]);
  const server = flavour === "mariadb"
    ? await startMariadb({ settings: { "log-bin-trust-function-creators": "1" }, rootSql: grants.join("; ") })
    : await startMysql(`${grants.join(";\n")};\nGRANT SHOW_ROUTINE ON *.* TO app@'%';`);
  const { host, port, user, password } = server;
  for (const [at, database] of ["appa", "appb"].entries()) {
    const own = { multipleStatements: true, allowPublicKeyRetrieval: true, ...patient };
    const connection = await createConnection({ host, port, user, password, database, ...own });
    await connection.query(mysql.fixtureSql(mysql.twoSecrets[at]!, flavour) + mysqlCounted(at === 0));
    await connection.end();
  }
  return pairOf("mysql", server, mysql.twoSecrets);
}

function pairOf(
  protocol: string,
  server: Omit<TargetEntry, "database"> & { readonly password: string; close(): Promise<void> },
  secrets: readonly (typeof mysql.twoSecrets[number] | typeof postgresql.twoSecrets[number])[],
): Pair {
  return {
    targets: ["a", "b"].map((last) =>
      targetYaml(`target-${last}`, protocol, { ...server, database: `app${last}` })
    )
      .join(""),
    password: server.password,
    secrets: secrets.flatMap(({ ssns, cards, born }) => [...ssns, ...cards, ...born]),
    close: () => server.close(),
  };
}
