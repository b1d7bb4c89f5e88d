/** SET: what it sets, which settings may be set, and what becomes of the session's state. */
import type { SqlState } from "../../types.ts";
import { asciiLower } from "./characters.ts";
import { isSafeCharset, modesOf } from "./mode.ts";
import { parseExpr } from "./parse_expression.ts";
import type { Reader } from "./reader.ts";
import type { Expr } from "./syntax.ts";

export type SetItem =
  | { readonly t: "variable"; readonly name: string; readonly value: Expr }
  /** `scope` in lower case: empty, session, local, global, persist, persist_only. */
  | { readonly t: "setting"; readonly scope: string; readonly name: string; readonly value: Expr }
  | { readonly t: "names"; readonly charset: string }
  | { readonly t: "transaction"; readonly scope: string; readonly readWrite: boolean }
  /** PASSWORD, ROLE, RESOURCE GROUP, … */
  | { readonly t: "other"; readonly name: string };

const scopes = ["GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY"];

/** After SET. A scope's word counts for what follows it, as the targets take it. */
export function parseSet(reader: Reader): SetItem[] {
  let sticky = "";
  return reader.list((): SetItem => {
    const token = reader.peek();
    if (token.kind === "variable") {
      reader.next();
      assignmentSign(reader);
      return { t: "variable", name: token.value, value: parseExpr(reader) };
    }
    if (reader.takeOp("@@")) return systemVariable(reader, "");
    const scope = asciiLower(reader.takeOne(...scopes));
    if (scope !== "") sticky = scope;
    if (reader.take("TRANSACTION")) return transaction(reader, scope);
    if (reader.take("NAMES")) return names(reader, true);
    if (reader.take("CHARSET") || reader.phrase("CHARACTER SET", "CHAR SET") !== "") {
      return names(reader, false);
    }
    const other = reader.phrase("PASSWORD", "ROLE", "DEFAULT ROLE", "RESOURCE GROUP");
    if (other !== "") {
      while (!reader.done) reader.next();
      return { t: "other", name: asciiLower(other) };
    }
    return systemVariable(reader, sticky);
  });
}

function assignmentSign(reader: Reader): void {
  if (!reader.takeOp(":=")) reader.expectOp("=");
}

/** `name = value`, `session.name := value` */
function systemVariable(reader: Reader, around: string): SetItem {
  let scope = around;
  let name = asciiLower(reader.nameAfterDot().value);
  if (reader.takeOp(".")) {
    scope = name;
    name = asciiLower(reader.nameAfterDot().value);
  }
  assignmentSign(reader);
  return { t: "setting", scope, name, value: settingValue(reader) };
}

/** Words like ON, utf8mb4 and DEFAULT are values here. */
function settingValue(reader: Reader): Expr {
  const token = reader.peek();
  const last = reader.isOp(",", 1) || reader.peek(1).kind === "end" || reader.isWord("FOR", 1);
  if (token.kind !== "word" || !last) return parseExpr(reader);
  reader.next();
  return { t: "literal", value: token.keyword === "NULL" ? null : token.value };
}

function names(reader: Reader, collation: boolean): SetItem {
  const token = reader.next();
  const named = token.kind === "word" || token.kind === "string" || token.kind === "name";
  if (!named) throw reader.unexpected("a character set");
  if (collation && reader.take("COLLATE")) reader.next();
  return { t: "names", charset: asciiLower(token.value) };
}

function transaction(reader: Reader, scope: string): SetItem {
  let readWrite = false;
  reader.list(() => {
    if (reader.take("READ", "WRITE")) readWrite = true;
    else if (!reader.take("READ", "ONLY")) {
      reader.expect("ISOLATION", "LEVEL");
      const level = reader.phrase("REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED", "SERIALIZABLE");
      if (level === "") throw reader.unexpected("an isolation level");
    }
  });
  return { t: "transaction", scope, readWrite };
}

/** Settings that change nothing but waiting, formats and limits of the session itself. */
const free = new Set(
  ("autocommit collation_connection default_week_format div_precision_increment group_concat_max_len " +
    "innodb_lock_wait_timeout interactive_timeout lc_messages lc_time_names lock_wait_timeout " +
    "max_execution_time max_statement_time net_read_timeout net_write_timeout sql_big_selects sql_buffer_result " +
    "sql_notes sql_quote_show_create sql_safe_updates sql_select_limit sql_warnings time_zone " +
    "transaction_isolation tx_isolation wait_timeout").split(" "),
);

/** Settings that may only have these values. */
const fixed: Readonly<Record<string, readonly string[]>> = {
  session_track_schema: ["1", "on"],
  sql_auto_is_null: ["0", "off"],
  transaction_read_only: ["1", "on"],
  tx_read_only: ["1", "on"],
};

/** The refused setting's name; null where all may be set. Values must be plain. */
export function refusedSetting(item: Extract<SetItem, { t: "setting" }>, state: SqlState): string | null {
  const { scope, name } = item;
  if (scope !== "" && scope !== "session" && scope !== "local") return scope;
  const value = valueOf(item.value, state);
  if (value === undefined) return name;
  const low = value === null ? null : value.toLowerCase();
  switch (name) {
    case "sql_mode":
      return value !== null && isKnownMode(value) ? null : name;
    case "character_set_results":
      return low === null || isSafeCharset(low) ? null : name;
    case "character_set_client":
    case "character_set_connection":
      return low !== null && isSafeCharset(low) ? null : name;
  }
  const only = fixed[name];
  if (only !== undefined) return low !== null && only.includes(low) ? null : name;
  return free.has(name) ? null : name;
}

function isKnownMode(value: string): boolean {
  try {
    modesOf(value);
    return true;
  } catch {
    return false;
  }
}

/** What an expression of SET comes to; undefined where that cannot be told from the text and the state. */
function valueOf(expr: Expr, state: SqlState): string | null | undefined {
  switch (expr.t) {
    case "literal":
      return expr.value === null
        ? null
        : typeof expr.value === "boolean"
        ? String(Number(expr.value))
        : String(expr.value);
    case "setting":
      return expr.scope === "global" ? undefined : state[expr.name];
    case "call": {
      const args = expr.args.map((arg) => valueOf(arg, state));
      const texts = args.filter((arg) => typeof arg === "string");
      if (expr.schema !== "" || texts.length !== args.length) return undefined;
      return textOf(expr.name, texts);
    }
    default:
      return undefined;
  }
}

/** The functions with which drivers add to sql_mode. */
function textOf(name: string, args: readonly string[]): string | undefined {
  const [first = "", second = "", third = ""] = args;
  if (name === "concat") return args.join("");
  if (name === "concat_ws") return args.slice(1).join(first);
  if (name === "replace" && args.length === 3 && second !== "") return first.replaceAll(second, third);
  return undefined;
}

/** The state after these were set; the same object where nothing that it holds was. */
export function afterSet(items: readonly SetItem[], state: SqlState): SqlState {
  const changes: Record<string, string> = {};
  for (const item of items) {
    if (item.t === "names") changes.character_set_client = item.charset;
    if (item.t !== "setting") continue;
    const value = valueOf(item.value, { ...state, ...changes });
    const tracked = item.name === "sql_mode" || item.name === "character_set_client";
    if (tracked && typeof value === "string") changes[item.name] = value;
  }
  return Object.keys(changes).length === 0 ? state : { ...state, ...changes };
}
