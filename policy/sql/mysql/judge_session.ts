/** SET, USE, transactions, and the statements that prepare, lock or kill. */
import type { SqlState } from "../../types.ts";
import { factsOf, type Judged, rootScope } from "./judged.ts";
import { walkExpr } from "./lineage_expression.ts";
import { isSafeCharset } from "./mode.ts";
import { objections } from "./objections.ts";
import type { Reader } from "./reader.ts";
import { afterSet, parseSet, refusedSetting, type SetItem } from "./settings.ts";
import { use } from "./scope.ts";
import type { Expr } from "./syntax.ts";
import type { Walk } from "./walk.ts";

/** After SET. */
export function judgeSet(walk: Walk, reader: Reader, state: SqlState): Judged {
  const items = parseSet(reader);
  for (const item of items) judgeItem(walk, item, state);
  return { ...factsOf("session", "SET"), state: afterSet(items, state) };
}

/** MariaDB's `SET STATEMENT a = 1, b = 2 FOR …`, up to its FOR. */
export function judgeSetStatement(walk: Walk, reader: Reader, state: SqlState): void {
  for (const item of parseSet(reader)) {
    judgeItem(walk, item, state);
    // Modes that hold for one statement would need it to be read in another mode than its prefix.
    const named = item.t === "setting" ? item.name : item.t;
    if (/^(?:sql_mode|character_set_|collation_|names)/.test(named)) walk.object(objections.setting(named));
  }
  reader.expect("FOR");
}

function judgeItem(walk: Walk, item: SetItem, state: SqlState): void {
  if (item.t === "setting" || item.t === "other") walk.settings.add(item.name.toLowerCase());
  switch (item.t) {
    case "variable":
      // Where the variable goes later is not known here: maybe into a masked column.
      if (walk.taints.any) walk.hidden.add(item.value);
      keeps(walk, item.value);
      break;
    case "setting": {
      keeps(walk, item.value);
      const refused = refusedSetting(item, state);
      if (refused === null) break;
      if (refused === "transaction_read_only" || refused === "tx_read_only") {
        walk.object(objections.readWrite());
      } else walk.object(objections.setting(refused, settingHint(refused)));
      break;
    }
    case "names":
      if (!isSafeCharset(item.charset)) walk.object(objections.setting("names", "Use SET NAMES utf8mb4"));
      break;
    case "transaction":
      if (item.scope === "global") walk.object(objections.setting("global"));
      if (item.readWrite) walk.object(objections.readWrite());
      break;
    case "other":
      walk.object(objections.setting(item.name));
  }
}

function keeps(walk: Walk, value: Expr): void {
  const { flow, touches } = walkExpr(walk, value, rootScope());
  use(touches);
  if (flow !== null) walk.object(objections.variable());
}

function settingHint(name: string): string | undefined {
  if (name === "sql_mode") return "Set it to a literal list of modes that Postern tracks";
  return name.startsWith("character_set") ? "Use SET NAMES utf8mb4" : undefined;
}

/** After USE. */
export function judgeUse(reader: Reader, state: SqlState): Judged {
  const schema = reader.name().value;
  return { ...factsOf("session", "USE"), state: { ...state, schema } };
}

/** BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, RELEASE SAVEPOINT; null for what is none of these. */
export function judgeTransaction(walk: Walk, reader: Reader): Judged | null {
  const verb = reader.phrase(
    "START TRANSACTION",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE SAVEPOINT",
  );
  switch (verb) {
    case "":
      return null;
    case "START TRANSACTION":
      if (!reader.done) {
        reader.list(() => {
          const option = reader.phrase("WITH CONSISTENT SNAPSHOT", "READ ONLY", "READ WRITE");
          if (option === "") throw reader.unexpected("an option of START TRANSACTION");
          if (option === "READ WRITE") walk.object(objections.readWrite());
        });
      }
      break;
    case "SAVEPOINT":
    case "RELEASE SAVEPOINT":
      reader.name();
      break;
    default:
      reader.take("WORK");
      if (verb === "BEGIN") break;
      if (verb === "ROLLBACK" && reader.take("TO")) {
        reader.take("SAVEPOINT");
        reader.name();
        break;
      }
      reader.phrase("AND NO CHAIN", "AND CHAIN");
      reader.phrase("NO RELEASE", "RELEASE");
  }
  return factsOf("transaction", verb);
}

/** PREPARE, EXECUTE, DEALLOCATE; null for what is none of these. */
export function judgePrepared(walk: Walk, reader: Reader): Judged | null {
  const verb = reader.phrase("PREPARE", "EXECUTE IMMEDIATE", "EXECUTE", "DEALLOCATE PREPARE", "DROP PREPARE");
  if (verb === "") return null;
  const name = verb === "EXECUTE IMMEDIATE" ? null : reader.name().value;
  const refers = { statements: name === null ? [] : [name.toLowerCase()], cursors: [] };
  if (verb.endsWith(" PREPARE")) return { ...factsOf("session", "DEALLOCATE PREPARE"), refers };
  // What runs is in a string, or in a variable: whatever follows, it is not judged here.
  while (!reader.done) reader.next();
  walk.object(objections.dynamic());
  return { ...factsOf(verb === "PREPARE" ? "session" : "call", verb), refers };
}
