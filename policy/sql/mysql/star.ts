/** `*` and `t.*` -> columns, in the order in which the target sends them. */
import { objections } from "./objections.ts";
import { Refusal } from "./refusal.ts";
import { type Output, output, type Scope, type Source } from "./scope.ts";
import type { Walk } from "./walk.ts";

/** More columns than this the target refuses in a result; here they would multiply. */
const columnsMax = 4_096;

export function expandStar(walk: Walk, star: readonly string[], scope: Scope): Output[] {
  const columns = columnsOf(walk, star, scope);
  if (scope.outputs.length + columns.length <= columnsMax) return columns;
  throw new Refusal(
    "too-complex",
    `The statement gives more than ${columnsMax} columns, more than the target has in a result`,
    "Name the columns that you need",
  );
}

function columnsOf(walk: Walk, star: readonly string[], scope: Scope): Output[] {
  const [table, schema] = [...star].reverse();
  if (table === undefined) {
    for (const source of scope.sources) note(walk, source);
    return [...scope.star];
  }
  const name = walk.model.fold(table);
  const meant = scope.sources.filter((source) => {
    return source.alias === name && (schema === undefined || source.schema === walk.model.fold(schema));
  });
  const [source] = meant;
  if (source === undefined || meant.length > 1) {
    walk.object(objections.unknownRelation(star.join(".")));
    return [];
  }
  note(walk, source);
  return [...starOf(source)];
}

/** What one table adds to `*`. */
export function starOf(source: Source): readonly Output[] {
  return source.open ? [{ ...output("*", null), open: true }] : source.columns;
}

function note(walk: Walk, { columns, table }: Source): void {
  for (const column of columns) {
    walk.flow(column.flow);
    if (table !== null) walk.columns.add(`${table.schema}.${table.name}.${column.name}`);
  }
}
