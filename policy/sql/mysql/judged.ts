/** What judging one statement comes to, and the ways to put it together. */
import type { ResultMasks, SqlState, StatementFacts, StatementKind } from "../../types.ts";
import type { Understood } from "../dialect.ts";
import { isSystemSchema } from "./catalog_data.ts";
import { maskOfFlow } from "./flow.ts";
import { isVolatile } from "./functions.ts";
import { hiddenOf } from "./hidden.ts";
import type { Reader } from "./reader.ts";
import { frame, type Output, ruler, type Scope } from "./scope.ts";
import type { Walk } from "./walk.ts";

export interface Judged {
  readonly kind: StatementKind;
  readonly verb: string;
  readonly result: ResultMasks;
  readonly missingWhere: boolean;
  readonly refers: StatementFacts["refers"];
  /** The session's state after it; null where it stays. */
  readonly state: SqlState | null;
}

const clean: ResultMasks = { kind: "clean" };
const nothing: StatementFacts["refers"] = { statements: [], cursors: [] };

export function factsOf(kind: StatementKind, verb: string): Judged {
  return { kind, verb, result: clean, missingWhere: false, refers: nothing, state: null };
}

export function rootScope(): Scope {
  return frame(null, null, ruler());
}

/** How a result with these columns is shown. */
export function masksOf(outputs: readonly Output[]): ResultMasks {
  if (outputs.every(({ flow }) => flow === null)) return clean;
  return { kind: "columns", masks: outputs.map(({ flow }) => maskOfFlow(flow)) };
}

export function understood(walk: Walk, reader: Reader, judged: Judged): Understood {
  const tables = [...walk.relations.values()];
  const facts: StatementFacts = {
    dialect: "mysql",
    kind: judged.kind,
    verb: judged.verb,
    tables,
    columns: [...walk.columns],
    functions: [...walk.functions],
    ...volatileOf(walk.functions),
    ...(walk.settings.size === 0 ? {} : { settings: [...walk.settings] }),
    ...(walk.locks === "" ? {} : { locks: [`FOR ${walk.locks}`] }),
    missingWhere: judged.missingWhere,
    catalogOnly: judged.kind === "read" && walk.unsafe.size === 0 &&
      tables.every(({ schema }) => isSystemSchema(schema)),
    masked: [...walk.masked],
    ...hiddenOf(walk, reader),
    unsafe: [...walk.unsafe.values()],
    refers: judged.refers,
  };
  return { facts, result: judged.result, tainted: walk.tainted };
}

/** Of a stored routine the catalog does not tell: it counts as one that may do anything. */
function volatileOf(functions: ReadonlySet<string>): Pick<StatementFacts, "volatile"> {
  const volatile = [...functions].filter((name) => !name.startsWith("builtin.") || isVolatile(name.slice(8)));
  return volatile.length === 0 ? {} : { volatile };
}
