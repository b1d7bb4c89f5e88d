/** One statement's tokens -> what it is. The first words decide which grammar reads it; it must read all of it. */
import type { SqlState } from "../../types.ts";
import { factsOf, type Judged } from "./judged.ts";
import { judgeOther } from "./judge_other.ts";
import { judgeCall, judgeDo, judgeQuery } from "./judge_query.ts";
import { judgePrepared, judgeSet, judgeSetStatement, judgeTransaction, judgeUse } from "./judge_session.ts";
import { judgeDescribe, judgeShow } from "./judge_show.ts";
import { judgeWrite } from "./judge_write.ts";
import { objections } from "./objections.ts";
import { parseWrite } from "./parse_write.ts";
import { judgeOrder } from "./order.ts";
import type { Reader } from "./reader.ts";
import { notUnderstood } from "./refusal.ts";
import type { Walk } from "./walk.ts";

/** Throws Refusal where the grammar does not cover it. */
export function judge(walk: Walk, reader: Reader, state: SqlState): Judged {
  const judged = byFirstWord(walk, reader, state);
  if (!reader.done) throw reader.unexpected("the end of the statement");
  // Found by the words alone, whatever the tree says.
  if (
    reader.tokens.some(({ keyword }) =>
      keyword === "OUTFILE" || keyword === "DUMPFILE" || keyword === "INFILE"
    )
  ) {
    if (judged.kind !== "ddl" && !walk.unsafe.has("local-infile")) walk.object(objections.files());
  }
  walk.finish();
  judgeOrder(walk, { nothing: false, nulls: null });
  return judged;
}

function byFirstWord(walk: Walk, reader: Reader, state: SqlState): Judged {
  if (reader.isOp("(")) return judgeQuery(walk, reader);
  switch (reader.peek().keyword) {
    case "SELECT":
    case "VALUES":
    case "TABLE":
      return judgeQuery(walk, reader);
    case "WITH":
      return isWrite(reader) ? write(walk, reader) : judgeQuery(walk, reader);
    case "INSERT":
    case "REPLACE":
    case "UPDATE":
    case "DELETE":
      return write(walk, reader);
    case "SET":
      return set(walk, reader, state);
    case "USE":
      reader.next();
      return judgeUse(reader, state);
    case "SHOW":
      reader.next();
      return judgeShow(walk, reader);
    case "DESCRIBE":
    case "DESC":
    case "EXPLAIN":
      reader.next();
      return judgeDescribe(reader) ?? explain(walk, reader, state, false);
    case "ANALYZE":
      if (["TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"].includes(reader.peek(1).keyword)) break;
      reader.next();
      return explain(walk, reader, state, true);
    case "HELP":
      reader.next();
      reader.next();
      return factsOf("read", "HELP");
    case "DO":
      reader.next();
      return judgeDo(walk, reader);
    case "CALL":
      reader.next();
      return judgeCall(walk, reader);
  }
  return judgeTransaction(walk, reader) ?? judgePrepared(walk, reader) ?? judgeOther(walk, reader);
}

/** Does a WITH lead to a statement that writes? The first verb outside of parentheses says so. */
function isWrite(reader: Reader): boolean {
  let depth = 0;
  for (let ahead = 1;; ahead++) {
    const { kind, value, keyword } = reader.peek(ahead);
    if (kind === "end") return false;
    if (kind === "op" && value === "(") depth++;
    if (kind === "op" && value === ")") depth--;
    if (depth !== 0) continue;
    if (keyword === "SELECT" || keyword === "TABLE" || keyword === "VALUES") return false;
    if (["INSERT", "REPLACE", "UPDATE", "DELETE"].includes(keyword)) return true;
  }
}

function write(walk: Walk, reader: Reader): Judged {
  const statement = parseWrite(reader);
  if (statement === null) throw notUnderstood("a WITH that leads to no statement that may follow it");
  return judgeWrite(walk, statement);
}

function set(walk: Walk, reader: Reader, state: SqlState): Judged {
  reader.next();
  if (!reader.take("STATEMENT")) return judgeSet(walk, reader, state);
  judgeSetStatement(walk, reader, state);
  return byFirstWord(walk, reader, state);
}

const executing = new Set(["SELECT", "WITH", "TABLE", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"]);

/** EXPLAIN, and what runs the statement to explain it: EXPLAIN ANALYZE, MariaDB's ANALYZE. */
function explain(walk: Walk, reader: Reader, state: SqlState, analyze: boolean): Judged {
  // MySQL 9 explains as a tree, which prints values of rows that the plan looked up, as JSON does.
  let runs = analyze, extended = false, plain = reader.mode.flavour === "mariadb";
  for (;;) {
    if (reader.take("ANALYZE")) runs = true;
    else if (reader.take("EXTENDED")) extended = true;
    else if (reader.take("PARTITIONS")) continue;
    else if (reader.take("FORMAT")) {
      reader.expectOp("=");
      plain = reader.next().value.toLowerCase() === "traditional";
    } else break;
  }
  if (reader.isWord("FOR")) {
    walk.object(objections.processes());
    while (!reader.done) reader.next();
    return factsOf("read", "EXPLAIN FOR CONNECTION");
  }
  if (!executing.has(reader.peek().keyword) && !reader.isOp("(")) {
    throw reader.unexpected("a statement to explain");
  }
  const inside = byFirstWord(walk, reader, state);
  // The note that the plain form leaves behind does so too; it is withheld as diagnostics of a tainted statement.
  const divided = Array.from(walk.relations.values()).some(({ schema, name }) => {
    const table = walk.model.table(schema, name);
    return table !== undefined && walk.taints.of(table).divided === true;
  });
  // An empty partition counts as one row.
  if (divided) walk.object(objections.explain());
  if (walk.masked.size > 0 && (!plain || extended || runs)) walk.object(objections.explain());
  if (runs) return { ...inside, verb: `EXPLAIN ANALYZE ${inside.verb}`, result: { kind: "clean" } };
  // No row is read, so none is seen in any order.
  walk.unsafe.delete("masked-order");
  walk.shared.suspects.length = 0;
  for (const [key, relation] of walk.relations) walk.relations.set(key, { ...relation, access: "read" });
  return factsOf("read", "EXPLAIN");
}
