/** The literals and parameters of a statement that go to a masked column, or are put together with one. */
import type { StatementFacts } from "../../types.ts";
import type { Flow } from "./flow.ts";
import type { Reader } from "./reader.ts";
import type { Expr, Insert, QueryBody } from "./syntax.ts";
import { parts } from "./tree.ts";
import type { Walk } from "./walk.ts";

type Hidden = Pick<StatementFacts, "maskedLiterals" | "maskedParameters">;

const nothing: Hidden = { maskedLiterals: [], maskedParameters: [] };

/** What an INSERT gives to masked columns. `flows`: of the columns that it names, in its order. */
export function hideGiven(walk: Walk, insert: Insert, flows: readonly (Flow | null)[]): void {
  const columns = new Set(flows.flatMap((flow, at) => flow === null ? [] : [at]));
  if (columns.size === 0) return;
  if (insert.rows !== null) walk.hiddenRows = { at: insert.rows, columns };
  for (const at of columns) {
    const given = [insert.set[at], ...(insert.query === null ? [] : givenAt(insert.query.body, at))];
    for (const expr of given) if (expr !== undefined) walk.hidden.add(expr);
  }
}

/** What a query puts into variables, which are not followed. */
export function hideKept(walk: Walk, body: QueryBody): void {
  if (!walk.taints.any) return;
  const places = body.t === "select"
    ? body.items.length
    : body.t === "values"
    ? body.rows[0]?.length ?? 0
    : 1;
  for (let at = 0; at < places; at++) {
    for (const expr of givenAt(body, at)) if (expr !== undefined) walk.hidden.add(expr);
  }
}

/** What a query gives in one place; more, where a * hides it. */
function givenAt(body: QueryBody, at: number): readonly (Expr | undefined)[] {
  switch (body.t) {
    case "select": {
      const given = body.items.map((item) => "expr" in item ? item.expr : undefined);
      return given.includes(undefined) ? given : [given[at]];
    }
    case "set":
      return [...givenAt(body.left, at), ...givenAt(body.right, at)];
    case "values":
      return body.rows.map((row) => row[at]);
    case "nested":
      return givenAt(body.query.body, at);
    case "table":
      return [];
  }
}

export function hiddenOf(walk: Walk, reader: Reader): Hidden {
  if (walk.hidden.size === 0 && walk.hiddenRows === null) return nothing;
  const places = new Set<number>();
  const all = (from: number, to: number) => {
    for (let at = from; at < to; at++) places.add(at);
  };
  if (walk.detour) all(0, reader.tokens.length);
  for (const expr of walk.hidden) collect(expr, reader, all);
  if (walk.hiddenRows !== null) rowsOf(reader, walk.hiddenRows, all);
  return hiddenAt(places, reader);
}

function collect(expr: Expr, reader: Reader, all: (from: number, to: number) => void): void {
  const span = reader.spans.get(expr);
  if (span !== undefined) all(...span);
  for (const part of parts(expr)) collect(part, reader, all);
}

/** `(1, 'a'), (2, f('b'))`: by commas outside of inner brackets, since plain rows have no tree. */
function rowsOf(
  reader: Reader,
  { at: start, columns }: NonNullable<Walk["hiddenRows"]>,
  all: (from: number, to: number) => void,
): void {
  let depth = 0;
  let column = 0;
  for (let at = start; at < reader.tokens.length; at++) {
    const { kind, value } = reader.tokens[at]!;
    if (kind === "op" && value === "(" && ++depth === 1) column = 0;
    else if (kind === "op" && value === ")") depth--;
    else if (kind === "op" && value === "," && depth === 1) column++;
    else if (depth === 0 && !(kind === "op" && value === ",") && value.toUpperCase() !== "ROW") return;
    else if (depth > 0 && columns.has(column)) all(at, at + 1);
  }
}

const literals: ReadonlySet<string> = new Set(["string", "number", "bits"]);

function hiddenAt(places: ReadonlySet<number>, reader: Reader): Hidden {
  const maskedLiterals: (readonly [number, number])[] = [];
  const maskedParameters: number[] = [];
  let parameter = 0;
  reader.tokens.forEach(({ kind, start, end }, at) => {
    if (places.has(at) && literals.has(kind)) maskedLiterals.push([start, end]);
    if (kind !== "param") return;
    if (places.has(at)) maskedParameters.push(parameter);
    parameter++;
  });
  return { maskedLiterals, maskedParameters };
}
