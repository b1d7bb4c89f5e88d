/** The locks that a statement takes on PostgreSQL, and what a schema change rewrites, scans or keeps waiting. */
import type { AlterTableCmd, Constraint, Node } from "libpg-query";
import type { StatementFacts } from "../../types.ts";
import type { Part } from "../impact.ts";
import { as, kindOf } from "./ast.ts";

/** What others cannot do meanwhile. Table 13.2 of PostgreSQL's manual, from the weakest. */
const lockWords = {
  "ACCESS SHARE": "keeps nobody waiting but schema changes",
  "ROW SHARE": "locks the rows it reads against changes",
  "ROW EXCLUSIVE": "locks the rows it changes; other rows go on",
  "SHARE UPDATE EXCLUSIVE": "reads and writes go on; other maintenance waits",
  "SHARE": "reads go on, writes wait",
  "SHARE ROW EXCLUSIVE": "reads go on, writes wait",
  "EXCLUSIVE": "only plain reads go on",
  "ACCESS EXCLUSIVE": "everybody waits, readers too",
} as const;
type Lock = keyof typeof lockWords;

interface Effect {
  readonly lock: Lock;
  /** As a warning. */
  readonly means?: string;
}

export function locksOf(node: Node, facts: readonly StatementFacts[]): Part {
  const effects = effectsOf(node, facts);
  const tables = facts.flatMap((one) => one.tables);
  const names = [...new Set(tables.map(({ schema, name }) => `${schema}.${name}`))].join(", ");
  const on = names === "" ? "" : ` on ${names}`;
  const locks = [...new Set(effects.map(({ lock }) => lock))];
  return {
    locks: locks.map((lock) => `${lock}${on}: ${lockWords[lock]}`),
    warnings: effects.flatMap(({ means }) => means === undefined ? [] : [means]),
  };
}

function effectsOf(node: Node, facts: readonly StatementFacts[]): readonly Effect[] {
  const alter = as(node, "AlterTableStmt");
  if (alter !== undefined) {
    return (alter.cmds ?? []).flatMap((one) => {
      const command = as(one, "AlterTableCmd");
      return command === undefined ? [] : [altering(command)];
    });
  }
  const index = as(node, "IndexStmt");
  if (index !== undefined) {
    return [
      index.concurrent
        ? {
          lock: "SHARE UPDATE EXCLUSIVE",
          means: "it scans the table twice, and waits for old transactions",
        }
        : { lock: "SHARE", means: "it builds an index while writes wait; CONCURRENTLY would let them go on" },
    ];
  }
  const refresh = as(node, "RefreshMatViewStmt");
  if (refresh !== undefined) {
    return [
      refresh.concurrent
        ? { lock: "EXCLUSIVE" }
        : { lock: "ACCESS EXCLUSIVE", means: "it rewrites the view" },
    ];
  }
  const known = byKind[kindOf(node)];
  if (known !== undefined) return [known];
  const write = facts.some(({ tables }) => tables.some(({ access }) => access === "write"));
  if (facts.every(({ tables }) => tables.length === 0)) return [];
  if (facts.some(({ kind }) => kind === "ddl")) return [{ lock: "ACCESS EXCLUSIVE" }];
  const forUpdate = facts.some(({ verb }) => verb === "SELECT FOR UPDATE");
  return [{ lock: forUpdate ? "ROW SHARE" : write ? "ROW EXCLUSIVE" : "ACCESS SHARE" }];
}

const byKind: Readonly<Partial<Record<ReturnType<typeof kindOf>, Effect>>> = {
  DropStmt: { lock: "ACCESS EXCLUSIVE", means: "what it drops is gone; no ROLLBACK after COMMIT" },
  TruncateStmt: {
    lock: "ACCESS EXCLUSIVE",
    means: "it empties the table without looking at rows or row triggers",
  },
  RenameStmt: { lock: "ACCESS EXCLUSIVE", means: "statements that use the old name fail from then on" },
  CreateTrigStmt: { lock: "SHARE ROW EXCLUSIVE" },
  ClusterStmt: { lock: "ACCESS EXCLUSIVE", means: "it rewrites the table" },
  ReindexStmt: { lock: "SHARE", means: "it builds the indexes anew while writes wait" },
  CommentStmt: { lock: "SHARE UPDATE EXCLUSIVE" },
  LockStmt: { lock: "ACCESS EXCLUSIVE" },
};

const rewrites = (why: string): Effect => ({
  lock: "ACCESS EXCLUSIVE",
  means: `it rewrites the table and its indexes: ${why}`,
});

function altering(command: AlterTableCmd): Effect {
  const known = bySubtype[command.subtype ?? ""];
  if (known !== undefined) return known;
  switch (command.subtype) {
    case "AT_AddColumn":
      return addingColumn(command);
    case "AT_AddConstraint":
      return addingConstraint(as(command.def, "Constraint"));
    default:
      return { lock: "ACCESS EXCLUSIVE" };
  }
}

const light: Effect = { lock: "SHARE UPDATE EXCLUSIVE" };
const bySubtype: Readonly<Record<string, Effect>> = {
  AT_AlterColumnType: rewrites("a column gets another type, unless the old one is stored alike"),
  AT_SetTableSpace: rewrites("it moves to another tablespace"),
  AT_SetLogged: rewrites("it becomes logged"),
  AT_SetUnLogged: rewrites("it becomes unlogged"),
  AT_SetAccessMethod: rewrites("it gets another access method"),
  AT_SetNotNull: {
    lock: "ACCESS EXCLUSIVE",
    means: "it scans the table for NULL, unless a valid CHECK rules it out",
  },
  AT_ValidateConstraint: { ...light, means: "it scans the table; reads and writes go on" },
  AT_SetStatistics: light,
  AT_SetOptions: light,
  AT_ResetOptions: light,
  AT_SetRelOptions: light,
  AT_ResetRelOptions: light,
  AT_ClusterOn: light,
  AT_DropCluster: light,
  AT_EnableTrig: { lock: "SHARE ROW EXCLUSIVE" },
  AT_DisableTrig: { lock: "SHARE ROW EXCLUSIVE", means: "the trigger does not fire from then on" },
  AT_DropColumn: {
    lock: "ACCESS EXCLUSIVE",
    means: "the column's values are gone; its space is not given back",
  },
  AT_AttachPartition: { ...light, means: "it scans the new partition, unless a CHECK proves its bounds" },
};

function addingColumn(command: AlterTableCmd): Effect {
  const definition = as(command.def, "ColumnDef");
  const constraints = (definition?.constraints ?? []).map((one) => as(one, "Constraint"));
  const computed = constraints.some((one) =>
    one?.contype === "CONSTR_GENERATED" || one?.contype === "CONSTR_IDENTITY"
  );
  if (computed) return rewrites("each row gets a value of its own");
  const fallback = constraints.find((one) => one?.contype === "CONSTR_DEFAULT")?.raw_expr;
  const constant = fallback === undefined || as(fallback, "A_Const") !== undefined ||
    as(as(fallback, "TypeCast")?.arg, "A_Const") !== undefined;
  const unique = constraints.some((one) =>
    one?.contype === "CONSTR_UNIQUE" || one?.contype === "CONSTR_PRIMARY"
  );
  if (unique) return { lock: "ACCESS EXCLUSIVE", means: "it builds an index while everybody waits" };
  return constant ? { lock: "ACCESS EXCLUSIVE" } : {
    lock: "ACCESS EXCLUSIVE",
    means: "it rewrites the table if its DEFAULT is volatile (random(), clock_timestamp(), …)",
  };
}

function addingConstraint(constraint: Constraint | undefined): Effect {
  const later = constraint?.skip_validation === true;
  switch (constraint?.contype) {
    case "CONSTR_FOREIGN":
      return {
        lock: "SHARE ROW EXCLUSIVE",
        means: later
          ? "existing rows are not checked until VALIDATE"
          : "it scans the table, while writes to it and to the referenced table wait; NOT VALID would put that off",
      };
    case "CONSTR_UNIQUE":
    case "CONSTR_PRIMARY":
      return constraint.indexname === undefined
        ? { lock: "ACCESS EXCLUSIVE", means: "it builds an index while everybody waits" }
        : { lock: "ACCESS EXCLUSIVE" };
    default:
      return later ? { lock: "ACCESS EXCLUSIVE", means: "existing rows are not checked until VALIDATE" } : {
        lock: "ACCESS EXCLUSIVE",
        means: "it scans the table while everybody waits; NOT VALID would put that off",
      };
  }
}
