/**
 * Judges the SQL of MariaDB's own test-suite, and compares with what a real MariaDB takes each statement for. By
 * hand, not in CI: `deno run -A tests/support/mariadb_test_data.ts FOLDER [MAX [PART/PARTS]]`, FOLDER being where the
 * package mariadb-test-data is unpacked (`apt-get download mariadb-test-data && dpkg -x *.deb FOLDER`).
 */
import { type Connection, createConnection } from "mariadb";
import { readdirSync, readFileSync } from "node:fs";
import { catalogOf, stateOf } from "./mysql_lab.ts";
import { startMariadb } from "./mariadb.ts";

/** Commands of the test language, which are no SQL. */
const commands = new RegExp(
  "^(?:append_file|assert|cat_file|change_user|character_set|chmod|connect|connection|copy_file|dec|delimiter|die|" +
    "diff_files|dirty_close|disable_\\w+|disconnect|echo|enable_\\w+|end|eval|evalp|error|exec|exec_in_background|" +
    "exit|file_exists|force-\\w+|horizontal_results|if|inc|let|list_files\\w*|lowercase_result|mkdir|move_file|" +
    "output|perl|ping|query\\w*|real_sleep|reap|remove_file\\w*|replace_\\w+|require|reset_connection|result_format|" +
    "rmdir|save_master_pos|send\\w*|shutdown_server|skip|sleep|sorted_result|source|start_timer|sync_\\w+|system|" +
    "vertical_results|wait_for_\\w+|while|write_file)\\b",
  "i",
);

/** What would end the server, or the run. */
const avoided =
  /\b(?:shutdown|kill|sleep|benchmark|get_lock|max_statement_time|debug\w*|crash|wait_until|read_only|performance_schema|setup_\w+|mysql|sys|install|uninstall|master|slave|replica\w*|flush|grant|revoke|user|role|password|global)\b/i;

function statementsIn(text: string): string[] {
  const found: string[] = [];
  let delimiter = ";";
  let pending = "";
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (pending === "" && (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith("--"))) continue;
    const change = /^delimiter\s+(\S+?)\s*;?\s*$/i.exec(trimmed.replace(delimiter, (d) => d));
    if (pending === "" && change !== null) {
      delimiter = change[1] === ";" ? ";" : (change[1] ?? ";").replace(/;$/, "") || ";";
      continue;
    }
    pending += `${line}\n`;
    if (!trimmed.endsWith(delimiter)) continue;
    const statement = pending.trim().slice(0, -delimiter.length).trim();
    pending = "";
    const usable = statement !== "" && !commands.test(statement) && !/[$}{]/.test(statement) &&
      !avoided.test(statement) && !statement.includes(delimiter) && statement.length < 5000;
    if (usable) found.push(statement);
  }
  return found;
}

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* files(path);
    else if (/\.(?:test|inc)$/.test(entry.name)) yield path;
  }
}

/** Kinds of ours that are right for a kind of the server's. */
const fits: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^select$/, ["read", "write"]],
  [/^(?:insert|insert_select|replace|replace_select|update|update_multi|delete|delete_multi)$/, ["write"]],
  [/^(?:show_|help)/, ["read", "admin"]],
  [/^(?:set_option|change_db|lock_tables|unlock_tables|prepare_sql|dealloc_sql)$/, ["session", "admin"]],
  [/^(?:begin|commit|rollback|savepoint|release_savepoint|rollback_to_savepoint)$/, ["transaction"]],
  [/^(?:call_procedure)$/, ["call"]],
  [/^(?:execute_sql|execute_immediate)$/, ["call", "unknown"]],
  [/^(?:create_|alter_|drop_|rename_|truncate)/, ["ddl", "admin"]],
  [/^(?:do)$/, ["read"]],
  [/^(?:load)$/, ["copy"]],
];

const reset = "SET sql_mode = DEFAULT, character_set_client = utf8mb4, autocommit = 1";

interface ServerEvent {
  readonly id: bigint | number;
  readonly name: string;
  readonly text: string | null;
}

async function newest(watcher: Connection, thread: number): Promise<ServerEvent | undefined> {
  const [row] = await watcher.query<ServerEvent[]>(
    `SELECT EVENT_ID AS id, EVENT_NAME AS name, SQL_TEXT AS text
     FROM performance_schema.events_statements_current
     WHERE THREAD_ID = ${thread} ORDER BY EVENT_ID DESC LIMIT 1`,
  );
  return row;
}

/**
 * Its name in performance_schema, which has it a moment after the client has its answer. The reset's own row comes
 * first, and what is newer than that is the statement's.
 */
async function kindOnServer(
  client: Connection,
  watcher: Connection,
  thread: number,
  sql: string,
): Promise<string> {
  await client.query(reset).catch(() => {});
  let before: ServerEvent | undefined;
  for (let attempt = 0; attempt < 50 && before?.text !== reset; attempt++) {
    before = await newest(watcher, thread);
  }
  if (before === undefined || before.text !== reset) return "";
  if (!await ends(client, watcher, sql)) return "gone";
  for (let attempt = 0; attempt < 50; attempt++) {
    const row = await newest(watcher, thread);
    if (row !== undefined && BigInt(row.id) > BigInt(before.id)) {
      return row.name.replace("statement/sql/", "");
    }
  }
  return "";
}

const statementMs = 20_000;

/** false where it takes longer than that: it is stopped, and so is its connection. */
async function ends(client: Connection, watcher: Connection, sql: string): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), statementMs));
  const asked = client.query(sql).then(() => true as const, () => true as const);
  const ended = await Promise.race([asked, late]);
  clearTimeout(timer);
  if (ended) return true;
  console.log("STOPPED", sql.slice(0, 150).replaceAll("\n", " "));
  await watcher.query(`KILL ${client.threadId}`).catch(() => {});
  client.destroy();
  return false;
}

/** At most about `max` of the folder's statements, spread over all of them. */
function sample(folder: string, max: number, [part = 1, parts = 1]: readonly number[]): string[] {
  const all = new Set<string>();
  for (const file of files(folder)) {
    for (const one of statementsIn(readFileSync(file, "latin1"))) all.add(one);
  }
  const every = Math.max(1, Math.floor(all.size / max));
  const statements = [...all].filter((_, at) => at % every === 0)
    .filter((_, at, { length }) => Math.floor(at * parts / length) === part - 1);
  console.log(`${all.size} statements, ${statements.length} of them judged`);
  return statements;
}

const startServer = () =>
  startMariadb({
    settings: {
      "performance-schema": "on",
      "performance-schema-consumer-events-statements-current": "on",
      "performance-schema-consumer-events-statements-history": "on",
    },
  });

async function main(folder: string, max: number, part: readonly number[]): Promise<void> {
  const statements = sample(folder, max, part);
  const server = await startServer();
  const connect = () =>
    createConnection({
      host: server.host,
      port: server.port,
      user: server.root.user,
      password: server.root.password,
      database: "app",
    });
  // Some statements end the connection, and the next one is judged on another.
  const another = async () => {
    const made = await connect();
    made.on("error", () => {});
    return made;
  };
  let client = await another();
  const watcher = await connect();
  const catalog = await catalogOf(watcher, "app");
  const analyst = catalog.analyst("none", () => null);
  const counts = { right: 0, stricter: 0, misjudged: 0, invalid: 0 };
  const notUnderstood = new Map<string, string>();
  const threadOf = async () => {
    const [row] = await watcher.query<{ id: number }[]>(
      `SELECT THREAD_ID AS id FROM performance_schema.threads WHERE PROCESSLIST_ID = ${client.threadId}`,
    );
    return Number(row?.id);
  };
  let thread = await threadOf();
  for (const [at, sql] of statements.entries()) {
    // Statements leave traces in their session.
    if (at % 500 === 0) console.log(at, JSON.stringify(counts));
    if (!client.isValid() || at % 200 === 0) {
      await client.end().catch(() => {});
      client = await another();
      thread = await threadOf();
    }
    const judged = analyst.analyse(sql, stateOf("10.11.19-MariaDB"));
    const server = await kindOnServer(client, watcher, thread, sql).catch(() => "gone");
    await client.query("SET sql_mode = DEFAULT, character_set_client = utf8mb4, autocommit = 1; ").catch(
      () => {},
    );
    if (["error", "", "gone"].includes(server)) {
      counts.invalid++;
      continue;
    }
    if ("refused" in judged) {
      counts.stricter++;
      notUnderstood.set(sql, `${server}: ${judged.refused.reason}`);
      continue;
    }
    const [first] = judged;
    const expected = fits.find(([kind]) => kind.test(server))?.[1] ?? ["admin", "unknown"];
    const kind = first?.facts.kind ?? "unknown";
    if (expected.includes(kind)) counts.right++;
    else if (
      kind === "unknown" || (first?.facts.unsafe.length ?? 0) > 0 || kind === "admin" || kind === "ddl"
    ) {
      counts.stricter++;
    } else {
      counts.misjudged++;
      console.log("MISJUDGED", server, kind, first?.facts.verb, sql.slice(0, 150).replaceAll("\n", " "));
    }
  }
  report(counts, notUnderstood);
  await client.end().catch(() => {});
  await watcher.end();
  await server.close();
}

function report(counts: Readonly<Record<string, number>>, notUnderstood: ReadonlyMap<string, string>): void {
  const reads = [...notUnderstood].filter(([, why]) => /^(?:select|insert|update|delete|replace)/.test(why));
  for (const [sql, why] of reads.slice(0, 400)) {
    console.log("  ?", why, "|", sql.slice(0, 160).replaceAll("\n", " "));
  }
  console.log(counts, `not understood: ${notUnderstood.size}, of them queries and writes: ${reads.length}`);
}

if (import.meta.main) {
  const [folder, max = "5000", part = "1/1"] = Deno.args;
  if (folder === undefined) throw new Error("which folder?");
  await main(folder, Number(max), part.split("/").map(Number));
}
