/** One statement: dispatch by kind, and the facts that policy decides on. */
import type { CopyStmt, ExplainStmt, Node } from "libpg-query";
import { as, kindOf, type NodeKind } from "./ast.ts";
import type { CopyOut, KeptQuery } from "../../answer_masks.ts";
import type { ResultMasks, StatementFacts, StatementKind } from "../../types.ts";
import type { Understood } from "../dialect.ts";
import { copyItem, copyOut } from "./copy.ts";
import { definitionChange, noteDefined } from "./ddl.ts";
import { Findings } from "./findings.ts";
import { type Hidden, hiddenIn } from "./literals.ts";
import { queryShape } from "./queries.ts";
import { emptyScope } from "./scope.ts";
import { isTainted, maskRuleOf, nothing, type Shape } from "./taint.ts";
import { settleTypes } from "./types_used.ts";
import { isOn, noteTypes, utilities } from "./utility.ts";
import { freshBudget, type Walk, type World } from "./walk.ts";

/** What a statement is. */
export interface Outcome {
  readonly kind: StatementKind;
  readonly verb: string;
  /** The columns of its result. */
  readonly shape: Shape;
  readonly catalogOnly?: boolean;
  /** Its columns are those of a query that was made earlier. */
  readonly untraced?: boolean;
  readonly copy?: CopyOut;
  /** See AnswerMasks. */
  readonly unnamed?: boolean;
  readonly keeps?: Omit<KeptQuery, "result"> & { readonly shape: Shape };
}

export function understand(node: Node, world: World, path: readonly string[], text: string): Understood {
  const found = new Findings();
  const walk: Walk = { ...world, found, path, budget: freshBudget() };
  const outcome = outcomeOf(node, walk);
  settleTypes(walk);
  // What settled may write.
  const kind = outcome.kind === "read" && found.writes ? "write" : outcome.kind;
  return {
    facts: factsOf({ ...outcome, kind }, found, hiddenIn(found.hidden, node, text)),
    ...answerOf(outcome, world.masks.any),
    tainted: world.masks.any && (found.masked.size > 0 || found.murky || isTainted(outcome.shape)),
  };
}

function answerOf(
  { shape, untraced, copy, keeps, unnamed }: Outcome,
  masks: boolean,
): Omit<Understood, "facts" | "tainted"> {
  return {
    result: untraced && masks ? { kind: "untraced" } : resultOf(shape),
    ...(copy === undefined ? {} : { copy }),
    ...(unnamed && masks ? { unnamed } : {}),
    ...(keeps === undefined
      ? {}
      : { keeps: { what: keeps.what, name: keeps.name, lasts: keeps.lasts, result: resultOf(keeps.shape) } }),
  };
}

function factsOf({ kind, verb, catalogOnly }: Outcome, found: Findings, hidden: Hidden): StatementFacts {
  const known = found.tables.size > 0 || found.functions.size > 0;
  return {
    dialect: "postgresql",
    kind,
    verb,
    tables: [...found.tables.values()],
    columns: [...found.columns],
    functions: [...found.functions],
    ...(found.volatile.size === 0 ? {} : { volatile: [...found.volatile] }),
    ...(found.operatorsUsed.size === 0 ? {} : { operators: [...found.operatorsUsed] }),
    ...(found.settings.size === 0 ? {} : { settings: [...found.settings] }),
    ...(found.locks.size === 0 ? {} : { locks: [...found.locks] }),
    missingWhere: found.missingWhere,
    catalogOnly: kind === "read" && (catalogOnly ?? (known && !found.ordinary)),
    masked: [...found.masked].filter((column) => column !== "expression"),
    maskedLiterals: hidden.literals,
    maskedParameters: hidden.parameters,
    unsafe: [...found.unsafe.values()],
    refers: { statements: [...found.statements], cursors: [...found.cursors] },
  };
}

function resultOf(shape: Shape): ResultMasks {
  if (!isTainted(shape)) return { kind: "clean" };
  return { kind: "columns", masks: shape.columns.map(({ taint }) => maskRuleOf(taint)) };
}

function outcomeOf(node: Node, walk: Walk): Outcome {
  const special = specialOf(node, walk);
  if (special !== undefined) return special;
  const kind: NodeKind = kindOf(node);
  const utility = utilities[kind] as ((node: unknown, walk: Walk) => Outcome) | undefined;
  if (utility !== undefined) return utility((node as unknown as Record<string, unknown>)[kind], walk);
  const definition = definitionChange(node);
  if (definition !== undefined) {
    noteDefined(node, definition[0], walk);
    return { kind: definition[0], verb: definition[1], shape: nothing };
  }
  walk.found.object(
    "unknown-statement",
    `Postern does not know this kind of statement (${kind})`,
    "Ask an administrator",
  );
  return { kind: "unknown", verb: kind, shape: nothing };
}

/** Statements with a query in them. */
function specialOf(node: Node, walk: Walk): Outcome | undefined {
  const explain = as(node, "ExplainStmt");
  if (explain !== undefined) return explained(explain, walk);
  const copy = as(node, "CopyStmt");
  if (copy !== undefined) return copied(copy, walk);
  const prepare = as(node, "PrepareStmt");
  if (prepare !== undefined) {
    noteTypes(prepare.argtypes, walk);
    return kept(prepare.query, "PREPARE", { what: "statement", name: prepare.name ?? "", lasts: true }, walk);
  }
  const declare = as(node, "DeclareCursorStmt");
  if (declare !== undefined) {
    const { query, portalname: name = "", options = 0 } = declare;
    const lasts = (options & holds) !== 0;
    return kept(query, "DECLARE CURSOR", { what: "cursor", name, lasts }, walk);
  }
  const create = as(node, "CreateTableAsStmt");
  if (create !== undefined) {
    const inner = outcomeOf(create.query ?? node, walk);
    return created(
      inner.shape,
      create.objtype === "OBJECT_MATVIEW" ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS",
      walk,
    );
  }
  const view = as(node, "ViewStmt");
  if (view !== undefined) return created(queryShape(view.query, walk, emptyScope), "CREATE VIEW", walk);
  return queried(node, walk);
}

function queried(node: Node, walk: Walk): Outcome | undefined {
  const { found } = walk;
  if (as(node, "SelectStmt") !== undefined) {
    const shape = queryShape(node, walk, emptyScope);
    if (found.into) return created(shape, "SELECT INTO", walk);
    const locks = [...found.tables.values()].some(({ access }) => access === "write");
    const verb = found.change ?? (locks ? "SELECT FOR UPDATE" : "SELECT");
    return { kind: found.writes ? "write" : "read", verb, shape };
  }
  const isChange = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"].some((kind) => kind in node);
  if (!isChange) return undefined;
  const shape = queryShape(node, walk, emptyScope);
  return { kind: "write", verb: found.change ?? "WRITE", shape };
}

/** A new table or view with the query's rows. */
function created(shape: Shape, verb: string, walk: Walk): Outcome {
  for (const { taint } of shape.columns) {
    if (taint !== null) walk.found.maskedWrite(taint.column, "a new table or view");
  }
  return { kind: "ddl", verb, shape: nothing };
}

/** EXPLAIN plans only; with ANALYZE it runs what it explains. */
function explained(explain: ExplainStmt, walk: Walk): Outcome {
  const options = (explain.options ?? []).map((node) => as(node, "DefElem"));
  const runs = options.some((option) => option?.defname === "analyze" && isOn(option));
  const found = new Findings();
  const inner = outcomeOf(explain.query ?? { ExplainStmt: explain }, { ...walk, found });
  if (!runs) {
    found.writes = found.missingWhere = false;
    for (const [key, use] of found.tables) found.tables.set(key, { ...use, access: "read" });
  }
  walk.found.absorb(found);
  for (
    const set of ["columns", "masked", "statements", "cursors", "operators", "castTargets", "hidden"] as const
  ) {
    for (const each of found[set]) (walk.found[set] as Set<unknown>).add(each);
  }
  // What is read of a masked column, even if it is not given back, shows in the width of the rows.
  const divided = [...found.tables.values()].some(({ schema, name }) => {
    const relation = walk.catalog.relation(schema, name);
    return relation !== undefined && walk.masks.divisions.of(relation) !== null;
  });
  if (
    divided || found.masked.size > 0 || isTainted(inner.shape) || isTainted(inner.keeps?.shape ?? nothing)
  ) {
    walk.found.object(
      "masked-explain",
      "EXPLAIN of a query that gives masked columns shows estimates made from their values",
      "Leave the masked columns out of what is explained",
    );
  }
  return {
    kind: runs ? inner.kind : "read",
    verb: `EXPLAIN ${runs ? "ANALYZE " : ""}${inner.verb}`,
    shape: nothing,
  };
}

/** CURSOR_OPT_HOLD of parsenodes.h. */
const holds = 0x20;

/** PREPARE and DECLARE keep a query, which must be a read: EXECUTE and FETCH give its columns later. */
function kept(
  query: Node | undefined,
  verb: string,
  by: Omit<KeptQuery, "result">,
  walk: Walk,
): Outcome {
  const inner = query === undefined
    ? { kind: "unknown" as const, verb: "", shape: nothing }
    : outcomeOf(query, walk);
  if (inner.kind !== "read" || walk.found.writes) {
    walk.found.object(
      `${by.what === "cursor" ? "cursor" : "prepare"}-write`,
      `${verb} of a statement that writes: it would run later, unjudged`,
      "Run the statement itself, or prepare it in the protocol, as drivers do",
    );
  }
  return { kind: inner.kind, verb, shape: nothing, keeps: { ...by, shape: inner.shape } };
}

function copied(copy: CopyStmt, walk: Walk): Outcome {
  const { found } = walk;
  if (copy.is_program || copy.filename !== undefined) {
    const what = copy.is_program ? "a program on the target's machine" : "a file on the target's machine";
    found.object(
      copy.is_program ? "program" : "file",
      `COPY with ${what}`,
      "Use COPY … FROM STDIN or TO STDOUT (\\copy)",
    );
  }
  const verb = `COPY ${copy.is_from ? "FROM" : "TO"}`;
  const inner = copy.query === undefined ? null : outcomeOf(copy.query, walk);
  const shape = inner?.shape ?? copyItem(copy, walk);
  const kind = found.writes && !copy.is_from ? "write" : "copy";
  if (copy.is_from) return { kind, verb, shape: nothing };
  if (!isTainted(shape)) return { kind, verb, shape: nothing, unnamed: true };
  const here = !copy.is_program && copy.filename === undefined;
  const out = here ? copyOut(copy, shape) : null;
  if (out !== null) return { kind, verb, shape, copy: out, unnamed: true };
  found.object(
    "masked-copy",
    "COPY would send masked columns in a form that Postern does not mask",
    "Use FORMAT text, csv or binary, one-character options, and UTF8 as the encoding",
  );
  return { kind, verb, shape: nothing };
}
