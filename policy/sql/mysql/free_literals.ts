/** Literals whose values no fact of a statement depends on: only where they stand counts. See ../shapes.ts. */
import type { Token } from "./tokens.ts";

/** Words that begin a part of a query; what a bracket opens begins without one. */
const clauses = new Set([
  "SELECT",
  "FROM",
  "WHERE",
  "ON",
  "GROUP",
  "HAVING",
  "ORDER",
  "LIMIT",
  "SET",
  "VALUES",
]);
const comparisons = new Set(["=", "<", ">", "<=", ">=", "<>", "!="]);
/** What may follow a condition. */
const afterCondition = new Set(["AND", "OR", "ORDER", "LIMIT", "GROUP", "FOR", "LOCK"]);

/** Where they begin. `tokens`: of one statement, as the grammar reads them. */
export function freeLiterals(tokens: readonly Token[]): number[] {
  switch (tokens[0]?.keyword) {
    case "SELECT":
      return ofQuery(tokens);
    case "INSERT":
    case "REPLACE":
      return ofRows(tokens);
    case "UPDATE":
    case "DELETE":
      return ofChange(tokens);
    default:
      return [];
  }
}

const isLiteral = (token: Token | undefined) => token?.kind === "number" || token?.kind === "string";
const isName = (token: Token | undefined) =>
  token?.kind === "name" || (token?.kind === "word" && !clauses.has(token.keyword));
const isOp = (token: Token | undefined, value: string) => token?.kind === "op" && token.value === value;
const isComparison = (token: Token | undefined) => token?.kind === "op" && comparisons.has(token.value);

/** The clause that each token stands in, by its own bracket. */
function clausesOf(tokens: readonly Token[]): string[] {
  const open: string[] = [];
  let clause = "";
  return tokens.map((token) => {
    if (isOp(token, "(")) {
      open.push(clause);
      // A bracket in a condition is of the condition; a query in it says so itself.
      return clause;
    }
    if (isOp(token, ")")) clause = open.pop() ?? "";
    else if (token.kind === "word" && clauses.has(token.keyword)) clause = token.keyword;
    return clause;
  });
}

/**
 * `column = 5`, `column BETWEEN 5 AND 7` in WHERE and ON: what is read there are kinds of values. Elsewhere two
 * expressions may have to be the same (GROUP BY), and a name in a string may be one (WITH).
 */
function ofQuery(tokens: readonly Token[]): number[] {
  if (tokens.some(({ keyword }) => keyword === "WITH")) return [];
  const clause = clausesOf(tokens);
  return tokens.flatMap((token, at) => {
    if (!isLiteral(token) || (clause[at] !== "WHERE" && clause[at] !== "ON")) return [];
    return isCompared(tokens, at) || isBound(tokens, at) ? [token.start] : [];
  });
}

function isCompared(tokens: readonly Token[], at: number): boolean {
  return isComparison(tokens[at - 1]) && isName(tokens[at - 2]) && endsCondition(tokens[at + 1]);
}

/** Either bound of a BETWEEN. */
function isBound(tokens: readonly Token[], at: number): boolean {
  const lower = tokens[at + 1]?.keyword === "AND" ? at : at - 2;
  return tokens[lower - 1]?.keyword === "BETWEEN" && isName(tokens[lower - 2]) && isLiteral(tokens[lower]) &&
    tokens[lower + 1]?.keyword === "AND" && isLiteral(tokens[lower + 2]) && endsCondition(tokens[lower + 3]);
}

const endsCondition = (token: Token | undefined) =>
  token === undefined || token.kind === "end" || isOp(token, ")") || afterCondition.has(token.keyword);

/** Plain rows of an INSERT, which are passed over. */
function ofRows(tokens: readonly Token[]): number[] {
  const clause = clausesOf(tokens);
  let depth = 0;
  return tokens.flatMap((token, at) => {
    if (isOp(token, "(")) depth++;
    if (isOp(token, ")")) depth--;
    const alone = (isOp(tokens[at - 1], "(") || isOp(tokens[at - 1], ",")) &&
      (isOp(tokens[at + 1], ",") || isOp(tokens[at + 1], ")"));
    return isLiteral(token) && alone && depth === 1 && clause[at] === "VALUES" ? [token.start] : [];
  });
}

/**
 * `SET column = 5` and `WHERE column = 5 AND other = 7`: equalities side by side, and nothing else in the condition.
 * Other comparisons may be true of every key, and OR and NOT compare or turn what they are made of.
 */
function ofChange(tokens: readonly Token[]): number[] {
  const set = tokens.findIndex(({ keyword }) => keyword === "SET");
  const where = tokens.findIndex(({ keyword }) => keyword === "WHERE");
  const end = where < 0 ? tokens.length : where;
  const free = where < 0 ? [] : conditions(tokens, where + 1);
  for (let at = set + 3; set > 0 && at < end; at++) {
    const begins = at - 3 === set || isOp(tokens[at - 3], ",");
    const ends = at + 1 >= end || isOp(tokens[at + 1], ",");
    if (begins && ends && isLiteral(tokens[at]) && isOp(tokens[at - 1], "=") && isName(tokens[at - 2])) {
      free.push(tokens[at]!.start);
    }
  }
  return free;
}

/** None where the condition is anything else. */
function conditions(tokens: readonly Token[], from: number): number[] {
  const free: number[] = [];
  for (let at = from;; at++) {
    if (!isName(tokens[at++])) return [];
    while (isOp(tokens[at], ".") && isName(tokens[at + 1])) at += 2;
    if (!isOp(tokens[at++], "=")) return [];
    const value = tokens[at++];
    if (isLiteral(value)) free.push(value!.start);
    else if (value?.kind !== "param") return [];
    const next = tokens[at];
    if (next === undefined || next.kind === "end" || afterWhere.has(next.keyword)) return free;
    if (next.keyword !== "AND") return [];
  }
}

const afterWhere = new Set(["ORDER", "LIMIT", "RETURNING"]);
