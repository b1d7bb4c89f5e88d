/** Which masks go with which of the result sets that a message brings: by place, from its judgement. */
import { PosternError } from "../../policy/errors.ts";
import type { JudgedStatement, Judgement, MaskRule } from "../../policy/types.ts";
import type { Column } from "./columns.ts";

/** Masks of one result set, by position. */
export type Masks = readonly (MaskRule | null)[];

/** What a result set passes through on its way. Each method throws PosternError to refuse it. */
export interface ResultPlan {
  /** A result set starts: one mask or null for each of its columns. */
  start(columnCount: number): Masks;
  /** What the origin says that the target names: it may add a mask, never clear one. */
  ofColumn(column: Column): MaskRule | null;
  /** A result set, or a statement without one, has ended. */
  end(hadRows: boolean): void;
}

const wrongCount = (expected: number, found: number) =>
  new PosternError(
    "PolicyDenied",
    `the result has ${found} columns where ${expected} were expected, so its masks have no certain place`,
    { rule: "masks", hint: "Name the columns that you need instead of *, then try again" },
  );

const unexpected = () =>
  new PosternError("PolicyDenied", "the target sent a result that belongs to no statement of this message", {
    rule: "masks",
    hint: "Send the statements one by one",
  });

/** A procedure brings as many result sets as it likes, then one OK. */
function bringsMany({ facts }: JudgedStatement): boolean {
  return facts.kind === "call" || facts.verb === "CALL" || facts.verb.startsWith("EXECUTE");
}

export class JudgedPlan implements ResultPlan {
  #index = 0;

  constructor(
    private readonly judgement: Judgement,
    private readonly maskOf: (origin: string) => MaskRule | null,
  ) {}

  start(columnCount: number): Masks {
    const statement = this.judgement.statements[this.#index];
    if (statement === undefined) {
      const clean = this.judgement.statements.every(({ result, tainted }) =>
        result.kind === "clean" && !tainted
      );
      if (!clean || this.judgement.tainted) throw unexpected();
      return new Array(columnCount).fill(null);
    }
    if (statement.result.kind === "clean") return new Array(columnCount).fill(null);
    if (statement.result.kind === "untraced") throw unexpected();
    const { masks } = statement.result;
    if (masks.length !== columnCount) throw wrongCount(masks.length, columnCount);
    return masks;
  }

  ofColumn(column: Column): MaskRule | null {
    return column.origin === null ? null : this.maskOf(column.origin);
  }

  end(hadRows: boolean): void {
    const statement = this.judgement.statements[this.#index];
    if (hadRows && statement !== undefined && bringsMany(statement)) return;
    this.#index++;
  }
}

/** For what Postern itself asks, and for answers that carry no rows. */
export const openPlan: ResultPlan = {
  start: (columnCount) => new Array(columnCount).fill(null),
  ofColumn: () => null,
  end: () => {},
};
