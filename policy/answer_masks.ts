/** What must happen to what a target answers. Types only. */
import type { MaskRule } from "./types.ts";

/** What must happen to the result of a statement. */
export type ResultMasks =
  | { readonly kind: "clean" }
  /** By position; the result must have exactly this many columns, else it is refused. */
  | { readonly kind: "columns"; readonly masks: readonly (MaskRule | null)[] }
  /** Of a query that Postern may not have seen: columns of which the target names no origin are hidden. */
  | { readonly kind: "untraced" };

/** How COPY writes rows. Characters are single ASCII bytes. */
export interface CopyFormat {
  readonly format: "text" | "csv" | "binary";
  readonly delimiter: number;
  /** What stands for NULL. */
  readonly nullText: string;
  readonly quote: number;
  readonly escape: number;
  /** The first line has the columns' names. */
  readonly header: boolean;
  /** Columns whose values are quoted whatever they are. */
  readonly quoted: "all" | readonly number[];
}

/** The rows of a COPY: how they are written, and what their values are, as far as they are masked. */
export interface CopyOut extends CopyFormat {
  /** The dialect's number of each column's type; 0 where it is not known. */
  readonly types: readonly number[];
}

/** A query that the session keeps by a name, to be run or read later: SQL's PREPARE and DECLARE. */
export interface KeptQuery {
  readonly what: "statement" | "cursor";
  readonly name: string;
  /** It outlives its transaction. */
  readonly lasts: boolean;
  /** Of what EXECUTE or FETCH gives. */
  readonly result: ResultMasks;
}

export interface AnswerMasks {
  readonly result: ResultMasks;
  /** Where the result's rows come as COPY data. */
  readonly copy?: CopyOut;
  readonly keeps?: KeptQuery;
  /** Nothing in the answer names its columns: their places must be known as of now. */
  readonly unnamed?: boolean;
  /** Masked data is involved: texts of errors and notices are replaced by generic ones. */
  readonly tainted: boolean;
}
