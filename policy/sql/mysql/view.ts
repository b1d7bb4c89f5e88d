/** What a view shows, by following its definition. */
import type { CatalogModel, TableData } from "./catalog_data.ts";
import { walkQuery } from "./lineage_query.ts";
import { Lexer } from "./lexer.ts";
import { parseQuery } from "./parse_query.ts";
import { Reader } from "./reader.ts";
import { frame, ruler } from "./scope.ts";
import type { TableTaint, Taints } from "./taints.ts";
import { Walk } from "./walk.ts";

/** null where the definition cannot be read or does not fit the view's columns. */
export function viewTaint(model: CatalogModel, taints: Taints, view: TableData): TableTaint | null {
  if (view.definition === "") return null;
  // The target stores definitions with every name qualified, and with standard quotes.
  const mode = { ...model.mode, schema: view.schema };
  try {
    const { tokens, end } = new Lexer(view.definition, 0, mode).statement();
    const reader = new Reader(tokens, mode);
    const query = parseQuery(reader);
    if (!reader.done || end < view.definition.length) return null;
    const walk = new Walk(model, taints, mode);
    const outputs = walkQuery(walk, query, frame(null, null, ruler()), null).outputs;
    walk.finish();
    if (outputs.length !== view.columns.length || outputs.some(({ open }) => open)) return null;
    return {
      tainted: walk.tainted,
      flows: outputs.map(({ flow }) => flow),
      functions: [...walk.functions],
      objections: [...walk.unsafe.values()],
      query,
    };
  } catch {
    return null;
  }
}
