/**
 * What a held statement would do, for whoever decides: an estimate, computed on Postern's own connection, READ ONLY
 * and with a short time limit. It never runs the statement, and never holds up its request.
 */
import { hiddenMark } from "../hidden.ts";
import { PosternError } from "../errors.ts";
import type { NotUnderstood, Understood } from "./dialect.ts";
import type { TargetQuery } from "../ports.ts";
import type { MaskRule, ParameterView, SqlState, StatementFacts, Target } from "../types.ts";

export interface TableImpact {
  /** `schema.table` */
  readonly name: string;
  readonly access: "read" | "write";
  /** By the target's statistics; null where it has none. */
  readonly rows: number | null;
  /** With indexes. */
  readonly bytes: number | null;
  readonly indexes: number;
}

/** Rows that the WHERE matches, as they are and as they would be; masked. */
export interface SampleRows {
  readonly columns: readonly string[];
  readonly before: readonly (readonly (string | null)[])[];
  /** By the same order; null where nothing of a row stays. */
  readonly after: readonly (readonly (string | null)[])[] | null;
}

export interface Impact {
  /** Rows that it changes or reads, as the target's planner thinks. */
  readonly rows: number | null;
  /** The plan in words, one step a line, indented by two spaces a level. */
  readonly plan: readonly string[];
  readonly tables: readonly TableImpact[];
  readonly triggers: readonly string[];
  readonly cascades: readonly string[];
  readonly locks: readonly string[];
  /** What deserves a second look: a rewrite, a long lock, a whole table read. */
  readonly warnings: readonly string[];
  /** Counted, not estimated; null where the rule does not ask for it. */
  readonly exactRows: number | null;
  readonly samples: SampleRows | null;
  /** What could not be computed, and why; nothing of the target's own texts. */
  readonly missing: readonly string[];
}

export interface ImpactInput {
  readonly target: Target;
  readonly database: string;
  readonly query: TargetQuery;
  readonly text: string;
  readonly parameters: readonly ParameterView[];
  readonly state: SqlState;
  readonly facts: readonly StatementFacts[];
  readonly wants: { readonly count: boolean; readonly samples: number };
  /** By everybody's masks. */
  readonly analyse: (text: string) => readonly Understood[] | NotUnderstood;
  /** A part could not be computed: for the log. */
  readonly failed: (part: string, error: unknown) => void;
  readonly mask: (rule: MaskRule, text: string) => string | null;
  /** A value that no rule masks, as the target's detectors show it. */
  readonly see: (text: string) => string;
}

/** A part that this statement has not got; the message says why. */
export class NotOffered extends Error {}

/** A part of an impact, as it is put together. */
export type Part = Partial<Omit<Impact, "missing">>;

export const noImpact: Impact = {
  rows: null,
  plan: [],
  tables: [],
  triggers: [],
  cascades: [],
  locks: [],
  warnings: [],
  exactRows: null,
  samples: null,
  missing: [],
};

/** Each part by itself: what fails is named and leaves the others as they are. */
export async function gather(
  { failed }: Pick<ImpactInput, "failed">,
  parts: readonly { readonly name: string; readonly of: () => Promise<Part> | Part }[],
): Promise<Impact> {
  let impact = noImpact;
  for (const { name, of } of parts) {
    try {
      const part = await of();
      impact = {
        ...impact,
        ...part,
        locks: [...impact.locks, ...part.locks ?? []],
        warnings: [...impact.warnings, ...part.warnings ?? []],
      };
    } catch (error) {
      if (!(error instanceof NotOffered)) failed(name, error);
      const known = error instanceof PosternError || error instanceof NotOffered;
      const why = known ? error.message : "it failed";
      impact = { ...impact, missing: [...impact.missing, `${name}: ${why}`] };
    }
  }
  return impact;
}

/** `1,200` */
export const counted = (count: number): string => Math.round(count).toLocaleString("en-US");

/** `1.5 GB` */
export function sized(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  let size = bytes;
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024;
    at++;
  }
  return `${at === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[at]}`;
}

/** Masks rows of a query that Postern itself wrote and its analyst has judged. Throws where that refuses it. */
export function maskedRows(
  input: ImpactInput,
  sql: string,
  rows: readonly (readonly (string | null)[])[],
): (string | null)[][] {
  const judged = input.analyse(sql);
  const [only, ...others] = "refused" in judged ? [] : judged;
  if (only === undefined || others.length > 0 || only.facts.kind !== "read" || only.facts.unsafe.length > 0) {
    throw new NotOffered("a query for it would not be a plain read");
  }
  const { result } = only;
  if (result.kind === "untraced") throw new NotOffered("a query for it could not be traced");
  return rows.map((row) =>
    row.map((value, at) => {
      const rule = result.kind === "clean" ? null : result.masks[at];
      if (rule === undefined || value === null) return null;
      return rule === null ? input.see(value) : input.mask(rule, value);
    })
  );
}

/** `rows` have the old values of the changed columns, then the new ones; all columns as they are where none changes. */
export function sampleRows(
  { facts }: Pick<ImpactInput, "facts">,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): SampleRows {
  if (columns.length === 0) return { columns: [], before: rows, after: null };
  const masked = new Set(
    facts.flatMap((one) => one.masked).map((name) => name.slice(name.lastIndexOf(".") + 1).toLowerCase()),
  );
  const hides = columns.map((column) => masked.has(column.toLowerCase()));
  return {
    columns,
    before: rows.map((row) => row.slice(0, columns.length)),
    // A literal that goes to a masked column comes from no column, and is hidden all the same.
    after: rows.map((row) =>
      row.slice(columns.length).map((value, at) => hides[at] && value !== null ? hiddenMark : value)
    ),
  };
}
