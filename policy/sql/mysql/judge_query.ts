/** Statements that read: SELECT and its kin, DO, CALL, and EXPLAIN of anything. */
import { objections } from "./objections.ts";
import { maskOfFlow } from "./flow.ts";
import { hideKept } from "./hidden.ts";
import { factsOf, type Judged, masksOf, rootScope } from "./judged.ts";
import { walkExpr } from "./lineage_expression.ts";
import { walkQuery } from "./lineage_query.ts";
import { judgeOrder } from "./order.ts";
import { parseExpr } from "./parse_expression.ts";
import { tableName } from "./parse_from.ts";
import { parseQuery } from "./parse_query.ts";
import type { Reader } from "./reader.ts";
import { type Output, type Touch, use } from "./scope.ts";
import type { Query } from "./syntax.ts";
import type { Walk } from "./walk.ts";

export function judgeQuery(walk: Walk, reader: Reader): Judged {
  const query = parseQuery(reader);
  const { outputs } = walkQuery(walk, query, rootScope(), null, "result");
  for (const { touches } of outputs) use(touches);
  const telling = outputs.filter((output) => !tellsNothing(output));
  judgeOrder(walk, { nothing: telling.length === 0, nulls: onlyNulls(telling) });
  const verb = verbOf(query);
  if (query.tail.into.length > 0) hideKept(walk, query.body);
  const result = query.tail.file || query.tail.into.length > 0 ? masksOf([]) : masksOf(outputs);
  if (walk.locks === "") return { ...factsOf("read", verb), result };
  for (const [key, relation] of walk.relations) walk.relations.set(key, { ...relation, access: "write" });
  return { ...factsOf("write", `${verb} FOR ${walk.locks}`), result };
}

/** The same in every row, so that their order cannot be seen by it. Masks other than `null` leave NULLs as such. */
function tellsNothing({ flow, constant }: Output): boolean {
  return constant || (flow !== null && maskOfFlow(flow)?.mask.kind === "null");
}

/** The one column of these, where its mask leaves nothing of it but NULLs. */
function onlyNulls([first, ...others]: readonly Output[]): Touch | null {
  if (first === undefined || first.key === null || maskOfFlow(first.flow)?.mask.kind !== "fixed") return null;
  const { source, column } = first.key;
  const same = others.every(({ key }) => key?.source === source && key.column === column);
  return same && first.flow?.plain ? first.key : null;
}

function verbOf(query: Query): string {
  let { body } = query;
  while (body.t === "set" || body.t === "nested") body = body.t === "set" ? body.left : body.query.body;
  return body.t === "table" ? "TABLE" : body.t === "values" ? "VALUES" : "SELECT";
}

/** After DO: computed, not shown. */
export function judgeDo(walk: Walk, reader: Reader): Judged {
  for (const expr of reader.list(() => parseExpr(reader))) {
    const { flow, total, touches } = walkExpr(walk, expr, rootScope());
    use(touches);
    if (flow !== null && !total && expr.t !== "subquery") walk.object(objections.expression());
  }
  return factsOf("read", "DO");
}

/** After CALL. */
export function judgeCall(walk: Walk, reader: Reader): Judged {
  const named = tableName(reader);
  const { name } = named;
  const schema = named.schema === "" ? walk.mode.schema : named.schema;
  if (reader.takeOp("(") && !reader.takeOp(")")) {
    for (const arg of reader.list(() => parseExpr(reader))) {
      const { flow, touches } = walkExpr(walk, arg, rootScope());
      use(touches);
      if (flow !== null) walk.object(objections.write());
    }
    reader.expectOp(")");
  }
  const routine = walk.model.routine("procedure", schema, name);
  walk.functions.add(`${routine?.schema ?? schema}.${name}`.toLowerCase());
  if (walk.taints.any && (routine === undefined || walk.taints.routine(routine))) {
    walk.tainted = true;
    walk.object(objections.call(`${schema}.${name}`));
  }
  return factsOf("call", "CALL");
}
