/** What views and functions written in SQL come to, from their parsed definitions; computed once per analyst. */
import type { Node, RawStmt } from "libpg-query";
import { as } from "./ast.ts";
import type { CatalogIndex, Relation } from "./catalog.ts";
import type { Routine } from "./catalog_schema.ts";
import { value } from "./expressions.ts";
import { Findings } from "./findings.ts";
import type { MaskMap } from "./masks.ts";
import { columnName } from "./names.ts";
import { parse } from "./parser.ts";
import { queryShape } from "./queries.ts";
import { emptyScope, type Item, type Scope } from "./scope.ts";
import { type Column, derived, isTainted, nothing, type Shape } from "./taint.ts";
import { settleTypes } from "./types_used.ts";
import { type Definitions, freshBudget, TooComplex, type Walk } from "./walk.ts";

interface Defined {
  readonly shape: Shape;
  /** null where reading it does nothing. */
  readonly found: Findings | null;
  /** See Definitions.origins. */
  readonly origins?: readonly (string | null)[];
}

/** Definitions are printed with all names qualified but those of pg_catalog. */
const definitionPath: readonly string[] = ["pg_catalog"];

export class DefinitionCache implements Definitions {
  private readonly relations = new Map<Relation, Defined>();
  private readonly routines = new Map<number, Defined | null>();

  constructor(private readonly catalog: CatalogIndex, private readonly masks: MaskMap) {}

  relation(relation: Relation, found: Findings): Shape {
    let defined = this.relations.get(relation);
    if (defined === undefined) {
      // A view cannot refer to itself; if its text seems to, nothing is known of its columns.
      this.relations.set(relation, {
        shape: this.columnsOf(relation, unknownColumns(relation)),
        found: new Findings(),
      });
      defined = relation.definition === null
        ? { shape: this.columnsOf(relation, nothing), found: null }
        : this.view(relation, relation.definition);
      this.relations.set(relation, defined);
    }
    if (defined.found !== null) found.absorb(defined.found);
    return defined.shape;
  }

  origins(view: Relation): readonly (string | null)[] {
    this.relation(view, new Findings());
    return this.relations.get(view)?.origins ?? [];
  }

  routine(oid: number, found: Findings): Shape | null {
    const routine = this.catalog.routineByOid(oid);
    if (routine === undefined || routine.body === null || routine.language !== "sql") return null;
    let defined = this.routines.get(oid);
    if (defined === undefined) {
      this.routines.set(oid, null);
      defined = this.body(routine, routine.body);
      this.routines.set(oid, defined);
    }
    if (defined === null) return null;
    if (defined.found !== null) found.absorb(defined.found);
    return defined.shape;
  }

  private walk(found: Findings): Walk {
    const { catalog, masks } = this;
    // Where a view is used, the order of its rows is judged by its tables: see order_indexes.ts.
    const unordered = true;
    return {
      catalog,
      masks,
      definitions: this,
      found,
      path: definitionPath,
      budget: freshBudget(),
      unordered,
    };
  }

  /** Its own columns, with the taints that config gives it, or that its definition does. */
  private columnsOf(relation: Relation, inner: Shape): Shape {
    const own = this.masks.of(relation);
    const columns = relation.columns.map(({ name }, index): Column => ({
      name,
      taint: own?.[index] ?? inner.columns[index]?.taint ?? null,
      origin: `${relation.schema}.${relation.name}.${name}`,
    }));
    return { columns, open: false };
  }

  private view(relation: Relation, definition: string): Defined {
    const found = new Findings();
    const walk = this.walk(found);
    const parsed = parse(definition);
    const statement = "error" in parsed ? undefined : parsed.statements[0]?.stmt;
    const inner = statement === undefined ? null : attempt(() => queryShape(statement, walk, emptyScope));
    if (inner === null) {
      notFollowed(relation, found);
      return { shape: this.columnsOf(relation, this.masks.any ? unknownColumns(relation) : nothing), found };
    }
    settleTypes(walk);
    const exact = !inner.open && inner.columns.length === relation.columns.length;
    const shape = exact || !isTainted(inner) ? inner : unknownColumns(relation);
    return {
      shape: this.columnsOf(relation, shape),
      found: outward(relation, found),
      ...(exact ? { origins: inner.columns.map(({ origin }) => origin) } : {}),
    };
  }

  private body(routine: Routine, text: string): Defined {
    const found = new Findings();
    const walk = this.walk(found);
    const statements = statementsOf(text);
    if (statements === null) {
      const columns = this.masks.any ? [{ name: null, taint: derived, origin: null }] : [];
      found.writes = routine.volatility === "v";
      return { shape: { columns, open: true }, found };
    }
    // Its arguments: names that are no column's.
    const args: Item = {
      name: routine.name,
      schema: null,
      bare: true,
      relation: null,
      columns: [],
      open: true,
    };
    const scope: Scope = { items: [args], parent: null, ctes: null };
    let shape: Shape | null = nothing;
    for (const statement of statements) shape = attempt(() => bodyShape(statement, walk, scope));
    settleTypes(walk);
    const unknown: Shape = { columns: [{ name: null, taint: derived, origin: null }], open: true };
    return { shape: shape ?? unknown, found: harmlessPart(found) };
  }
}

/** null where the definition is too complex to follow. */
function attempt(walk: () => Shape): Shape | null {
  try {
    return walk();
  } catch (error) {
    if (error instanceof TooComplex) return null;
    throw error;
  }
}

function unknownColumns(relation: Relation): Shape {
  return {
    columns: relation.columns.map(({ name }) => ({ name, taint: derived, origin: null })),
    open: false,
  };
}

function notFollowed({ schema, name }: Relation, found: Findings): void {
  found.object(
    `view:${schema}.${name}`,
    `it reads the view ${schema}.${name}, whose definition Postern cannot follow`,
    `Read the tables themselves, or have an administrator name view:${schema}.${name} in a rule's unsafe list`,
  );
}

/** What the reader of a view is told: not about columns that only the view's author saw. */
function outward(relation: Relation, inner: Findings): Findings {
  const found = harmlessPart(inner);
  if (found.unsafe.size === inner.unsafe.size) return found;
  const { schema, name } = relation;
  found.object(
    `view:${schema}.${name}`,
    `it reads the view ${schema}.${name}, which compares or computes with masked columns`,
    `Read the tables themselves, or have an administrator name view:${schema}.${name} in a rule's unsafe list`,
  );
  return found;
}

/** Without the objections that only concern its own text. */
function harmlessPart(inner: Findings): Findings {
  const found = new Findings();
  found.absorb(inner);
  for (const code of [...found.unsafe.keys()]) {
    if (code.startsWith("masked-") || code.startsWith("unknown-")) found.unsafe.delete(code);
  }
  return found;
}

/** A body as text, or as the parsed one that BEGIN ATOMIC or RETURN gives. null where it does not parse. */
function statementsOf(text: string): readonly Node[] | null {
  const parsed = parse(text);
  if (!("error" in parsed)) return nodesOf(parsed.statements);
  const wrapped = parse(`CREATE FUNCTION f() RETURNS int LANGUAGE sql ${text}`);
  if ("error" in wrapped) return null;
  const body = as(wrapped.statements[0]?.stmt, "CreateFunctionStmt")?.sql_body;
  const list = as(body, "List")?.items;
  if (list === undefined) return body === undefined ? null : [body];
  return list.flatMap((each) => as(each, "List")?.items ?? [each]);
}

function nodesOf(statements: readonly RawStmt[]): Node[] {
  return statements.map(({ stmt }) => stmt).filter((stmt) => stmt !== undefined);
}

function bodyShape(statement: Node, walk: Walk, scope: Scope): Shape {
  const returned = as(statement, "ReturnStmt")?.returnval;
  if (returned !== undefined) {
    const { taint } = value(returned, walk, scope);
    return { columns: [{ name: columnName(returned), taint, origin: null }], open: false };
  }
  if (
    ["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"].some((kind) => kind in statement)
  ) {
    return queryShape(statement, walk, scope);
  }
  walk.found.writes = true;
  return nothing;
}
