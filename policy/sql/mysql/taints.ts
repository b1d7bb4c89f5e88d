/** What is masked in each relation and routine of a catalog, for one set of masks. Worked out once, on demand. */
import type { MaskKind, MaskRule, UnsafeUse } from "../../types.ts";
import type { MaskLookup } from "../dialect.ts";
import type { CatalogModel, RoutineData, TableData } from "./catalog_data.ts";
import { type Flow, maskOfFlow, merged } from "./flow.ts";
import { Lexer } from "./lexer.ts";
import { type Mode, modeOf } from "./mode.ts";
import { objections } from "./objections.ts";
import { parseExpr } from "./parse_expression.ts";
import { Reader } from "./reader.ts";
import type { Query } from "./syntax.ts";
import { isTelling, namesTelling } from "./system_tables.ts";
import { columnsNamed } from "./tree.ts";
import type { Token } from "./tokens.ts";
import { viewTaint } from "./view.ts";

export interface TableTaint {
  readonly tainted: boolean;
  /** By column, in the table's order. */
  readonly flows: readonly (Flow | null)[];
  /** What reading the relation does besides: functions that a view calls, and what speaks against them. */
  readonly functions: readonly string[];
  readonly objections: readonly UnsafeUse[];
  /** Masked columns decide in which partition a row is. */
  readonly divided?: boolean;
  /** A view's definition. */
  readonly query?: Query;
}

export class Taints {
  /** Relations with masked columns, and routines that read them, by name in lower case. */
  readonly names: ReadonlySet<string>;
  /** There is at least one masked column. */
  readonly any: boolean;
  readonly #known = new Map<TableData, TableTaint>();
  /** Views whose definitions are being followed: one that comes up again is not to be trusted. */
  readonly #open = new Set<TableData>();
  readonly #routines = new Set<RoutineData>();
  /** Of columns that the catalog has, by origin: each row set of theirs asks. */
  readonly #maskOf = new Map<string, MaskRule | null>();

  constructor(readonly model: CatalogModel, private readonly lookup: MaskLookup) {
    const names = new Set<string>();
    for (const table of model.data.tables) {
      const masked = table.kind === "view" || table.kind === "system"
        ? this.#masks(table).some((flow) => flow !== null)
        : this.of(table).tainted;
      if (masked) names.add(table.name.toLowerCase());
    }
    this.any = names.size > 0;
    if (this.any) this.#follow(names);
    this.names = names;
  }

  of(table: TableData): TableTaint {
    const known = this.#known.get(table);
    if (known !== undefined) return known;
    if (this.#open.has(table)) return this.#opaque(table);
    this.#open.add(table);
    const taint = this.#of(table);
    this.#open.delete(table);
    this.#known.set(table, taint);
    return taint;
  }

  /** A procedure or function that reads masked columns, or may. */
  routine(routine: RoutineData): boolean {
    return this.#routines.has(routine);
  }

  /** See Analyst.maskOf. */
  maskOf(origin: string): MaskRule | null {
    const known = this.#maskOf.get(origin);
    if (known !== undefined) return known;
    const [schema = "", name = "", ...rest] = origin.split(".");
    const column = rest.join(".");
    const table = this.model.table(schema, name);
    const index = table?.columns.findIndex((one) => one.name.toLowerCase() === column.toLowerCase()) ?? -1;
    if (table !== undefined && index >= 0) {
      const rule = maskOfFlow(this.of(table).flows[index] ?? null);
      this.#maskOf.set(origin, rule);
      return rule;
    }
    const mask = this.mask(schema, name, column);
    return mask === null ? null : { column: origin, mask };
  }

  /** The configured mask of a column, known to the catalog or not. */
  mask(schema: string, table: string, column: string): MaskKind | null {
    return this.lookup(schema, table, column);
  }

  /** By the configuration alone. */
  #masks(table: TableData): (Flow | null)[] {
    return table.columns.map((column): Flow | null => {
      const mask = this.lookup(table.schema, table.name, column.name, column.tags);
      if (mask === null) return null;
      return { origins: new Map([[`${table.schema}.${table.name}.${column.name}`, mask]]), plain: true };
    });
  }

  #of(table: TableData): TableTaint {
    const own = this.#masks(table);
    if (table.kind === "system") return clean(this.#telling(table, own));
    if (table.kind !== "view") {
      const flows = this.#generated(table, own);
      return { ...clean(flows), divided: this.#isDivided(table, flows) };
    }
    const behind = viewTaint(this.model, this, table);
    if (behind === null) return this.#opaque(table);
    const flows = own.map((flow, at) => flow ?? behind.flows[at] ?? null);
    return { ...behind, flows, tainted: behind.tainted || flows.some((flow) => flow !== null) };
  }

  #isDivided(table: TableData, flows: readonly (Flow | null)[]): boolean {
    const masked = table.columns.filter((_, at) => flows[at] !== null).map(({ name }) => name.toLowerCase());
    if (masked.length === 0) return false;
    return (table.partitionedBy ?? []).some((expression) => {
      const used = expression === ""
        ? new Set(this.model.primaryKey(table))
        : namesIn(`CONCAT(${expression})`, this.model.mode);
      return used === null || masked.some((name) => used.has(name));
    });
  }

  /** What a table of the target's own tells of masked values is not shown. */
  #telling(table: TableData, own: readonly (Flow | null)[]): (Flow | null)[] {
    return own.map((flow, at): Flow | null => {
      const { name } = table.columns[at]!;
      if (flow !== null || !this.any || !isTelling(table.name, name)) return flow;
      return { origins: new Map([[`${table.schema}.${table.name}.${name}`, { kind: "null" }]]), plain: true };
    });
  }

  /** A view that cannot be followed may hold anything; where nothing is masked, that does not matter. */
  #opaque(table: TableData): TableTaint {
    if (!this.any) return clean(table.columns.map(() => null));
    return {
      tainted: true,
      flows: table.columns.map(() => null),
      functions: [],
      objections: [objections.opaqueView(`${table.schema}.${table.name}`)],
    };
  }

  /** Columns made of masked ones, by generation or by default; these may be made of each other. */
  #generated(table: TableData, own: readonly (Flow | null)[]): (Flow | null)[] {
    const flows = [...own];
    if (flows.every((flow) => flow === null)) return flows;
    for (let changed = true; changed;) {
      changed = false;
      table.columns.forEach((column, at) => {
        if (flows[at] !== null || column.expression === "") return;
        const used = namesIn(column.expression, this.model.mode);
        const sources = table.columns.map((one, index) => {
          return used === null || used.has(one.name.toLowerCase()) ? flows[index] ?? null : null;
        });
        flows[at] = merged(sources);
        if (flows[at] !== null) changed = true;
      });
    }
    return flows;
  }

  /**
   * Adds the views and routines whose texts name any of these, or each other, and so on. Routines that run SQL
   * from strings, and texts that cannot be read, count as well.
   */
  #follow(names: Set<string>): void {
    const { tables, routines } = this.model.data;
    const views = tables.filter(({ kind }) => kind === "view").map((view) => {
      return { name: view.name, routine: null, words: wordsIn(view.definition || null, "") };
    });
    const bodies = routines.map((routine) => {
      return { name: routine.name, routine, words: wordsIn(routine.body, routine.sqlMode) };
    });
    const open = new Set([...views, ...bodies]);
    for (let changed = true; changed;) {
      changed = false;
      for (const one of open) {
        if (one.words !== null && !tells(one.words, names)) continue;
        open.delete(one);
        names.add(one.name.toLowerCase());
        if (one.routine !== null) this.#routines.add(one.routine);
        changed = true;
      }
    }
  }
}

const dynamic = new Set(["prepare", "execute", "handler"]);

function tells(words: readonly string[], names: ReadonlySet<string>): boolean {
  // SHOW TABLE STATUS
  const status = words.includes("show") && words.includes("status");
  return status || words.some((word) => names.has(word) || dynamic.has(word)) || namesTelling(words);
}

function clean(flows: readonly (Flow | null)[]): TableTaint {
  return { tainted: flows.some((flow) => flow !== null), flows, functions: [], objections: [] };
}

function tokensOf(text: string, mode: Mode): Token[] {
  const tokens: Token[] = [];
  const lexer = new Lexer(text, 0, mode);
  for (let end = 0; end < text.length;) {
    const statement = lexer.statement();
    tokens.push(...statement.tokens);
    end = statement.end;
  }
  return tokens;
}

/** The columns that an expression of the catalog names, in lower case; null where it cannot be read. */
function namesIn(expression: string, mode: Mode): ReadonlySet<string> | null {
  // MySQL 8 shows the quotes of literals in these with a backslash before them.
  for (const text of [expression, expression.replaceAll("\\'", "'")]) {
    try {
      const reader = new Reader(tokensOf(text, mode), mode);
      const found = columnsNamed(parseExpr(reader));
      if (reader.done) return found;
    } catch {
      // The next form, or none.
    }
  }
  return null;
}

/** Every name in a text of the catalog, in lower case; null where it cannot be read. */
function wordsIn(text: string | null, sqlMode: string): string[] | null {
  if (text === null) return null;
  try {
    return tokensOf(text, modeOf({ sql_mode: sqlMode }))
      .filter(({ kind }) => kind === "word" || kind === "name" || kind === "string")
      .map(({ value }) => value.toLowerCase());
  } catch {
    return null;
  }
}
