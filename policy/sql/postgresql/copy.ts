/** COPY: the columns of a table, and how the rows are written. */
import type { CopyStmt, DefElem } from "libpg-query";
import type { CopyFormat, CopyOut } from "../../answer_masks.ts";
import { as, constantText, strings } from "./ast.ts";
import { value } from "./expressions.ts";
import { relationItem } from "./relations.ts";
import { emptyScope, type Item, type Scope } from "./scope.ts";
import { type Column, isTainted, nothing, type Shape } from "./taint.ts";
import { isOn } from "./utility.ts";
import { predicate, type Walk } from "./walk.ts";

/** What COPY of a table (not of a query) reads or writes. */
export function copyItem(copy: CopyStmt, walk: Walk): Shape {
  if (copy.relation === undefined) return nothing;
  const { found } = walk;
  const item = relationItem(copy.relation, walk, emptyScope, copy.is_from ? "write" : "read");
  if (copy.is_from) {
    found.writes = true;
    if (isTainted(item)) found.murky = true;
  }
  const columns = columnsOf(item, strings(copy.attlist));
  for (const { origin, taint } of columns) {
    if (origin !== null) found.columns.add(origin);
    if (taint !== null) found.masked.add(taint.column);
  }
  if (copy.whereClause !== undefined) {
    // The condition is on incoming rows, which are the client's own.
    const own = { ...item, columns: item.columns.map((column) => ({ ...column, taint: null })) };
    const scope: Scope = { items: [own], parent: null, ctes: null };
    predicate(walk, value(copy.whereClause, walk, scope), "WHERE");
  }
  return { columns, open: item.open };
}

/** In the order in which they are sent: as they are named, else the table's own without generated ones. */
function columnsOf({ columns, relation }: Item, named: readonly string[]): readonly Column[] {
  if (named.length > 0) {
    return named.map((name) =>
      columns.find((column) => column.name === name) ?? { name, taint: null, origin: null }
    );
  }
  const generated = new Set(relation?.columns.flatMap((each) => each.generated === null ? [] : [each.name]));
  return columns.filter(({ name }) => name === null || !generated.has(name));
}

/** How rows of these columns can be read and masked on their way; null where that is not known for certain. */
export function copyOut(copy: CopyStmt, { columns, open }: Shape): CopyOut | null {
  if (open) return null;
  const format = formatOf((copy.options ?? []).map((node) => as(node, "DefElem")), columns);
  return format === null ? null : { ...format, types: columns.map(({ taint }) => taint?.type ?? 0) };
}

/** Options that Postern follows. Another one may change what rows look like. */
const followed: ReadonlySet<string> = new Set([
  ...["format", "delimiter", "null", "header", "quote", "escape", "force_quote", "encoding"],
]);

function formatOf(options: readonly (DefElem | undefined)[], columns: readonly Column[]): CopyFormat | null {
  const given = new Map<string, DefElem>();
  for (const option of options) {
    const name = option?.defname ?? "";
    if (option === undefined || !followed.has(name) || given.has(name)) return null;
    given.set(name, option);
  }
  const textOf = (name: string) => {
    const option = given.get(name);
    return option === undefined
      ? undefined
      : as(option.arg, "String")?.sval ?? constantText(option.arg) ?? "";
  };
  const format = textOf("format") ?? "text";
  if (format !== "text" && format !== "csv" && format !== "binary") return null;
  if (!/^(?:utf-?8|unicode)$/i.test(textOf("encoding") ?? "utf8")) return null;
  const csv = format === "csv";
  const quote = byteOf(textOf("quote") ?? '"');
  const delimiter = byteOf(textOf("delimiter") ?? (csv ? "," : "\t"));
  const escape = given.has("escape") ? byteOf(textOf("escape") ?? "") : quote;
  const quoted = quotedBy(given.get("force_quote"), columns);
  if (quote === null || delimiter === null || escape === null || quoted === null) return null;
  const header = given.get("header");
  const nullText = textOf("null") ?? (csv ? "" : "\\N");
  return { format, delimiter, nullText, quote, escape, header: header !== undefined && isOn(header), quoted };
}

function byteOf(text: string): number | null {
  const code = text.charCodeAt(0);
  return text.length === 1 && code > 0 && code < 128 ? code : null;
}

/** Where a name of the list is not that of a known column, all are quoted: that is never wrong to read. */
function quotedBy(option: DefElem | undefined, columns: readonly Column[]): CopyFormat["quoted"] | null {
  if (option === undefined) return [];
  const list = as(option.arg, "List")?.items;
  if (list === undefined) return "all";
  const places = strings(list).map((name) => columns.findIndex((column) => column.name === name));
  return places.includes(-1) ? "all" : places;
}
