/** One execution of a client's statement, from its judgement to its end. */
import type { ShownRows } from "../../policy/shown_rows.ts";
import type { JudgedStatement, Judgement, ResultMasks, SqlState } from "../../policy/types.ts";
import type { Watch } from "../../policy/watch.ts";
import type { CopyMasker } from "./copy_masker.ts";
import type { Column } from "./decode.ts";
import type { RowMasker } from "./row_masker.ts";

/** One execution on its way: what policy said, and what came of it. */
export class Execution {
  /** The record's id of it, once durable. */
  id: string | null = null;
  /** Returned to the client, or written where nothing is returned; of all statements of the message. */
  rows = 0;
  /** Whether it was of a kind that has rows. */
  counted = false;
  bytes = 0;
  /** Rows that went to the client, COPY's too. */
  returned = 0;
  /** What the client sent as COPY data, in bytes. */
  copied = 0;
  /** The target's own of the last statement. */
  tag = "";
  error: { code: string; message: string } | null = null;
  /** Which statement of a Query message is being answered. */
  index = 0;
  /** null: rows pass as they are. undefined until the columns are known. */
  masks: RowMasker | null | undefined = undefined;
  /** Detectors read what COPY sends. */
  copyWatch: Watch | null = null;
  /** What COPY sends has masked columns. */
  copyMasks: CopyMasker | null = null;
  /** What the client sees of its rows, where that is recorded. */
  shown: ShownRows | null = null;
  /** Of the result that is kept there. */
  columns: readonly Column[] = [];
  /** Its result was refused; the rest of it is swallowed. */
  withheld = false;
  settled = false;

  #rowsBefore = 0;

  /** `source`: the text, and the state it was judged by. */
  constructor(
    readonly judgement: Judgement,
    readonly source: { readonly text: string; readonly state: SqlState },
  ) {}

  /** Of those of its message the one that is being answered; undefined where the judgement knows of no such one. */
  get statement(): JudgedStatement | undefined {
    return this.judgement.statements[this.index];
  }

  /** One statement of it is complete: `INSERT 0 5`. The tag of a portal's last portion counts that portion only. */
  completed(tag: string): void {
    this.tag = tag;
    const count = / (\d+)$/.exec(tag)?.[1];
    if (count === undefined) return;
    this.counted = true;
    this.rows = this.#rowsBefore + Math.max(this.rows - this.#rowsBefore, Number(count));
    this.#rowsBefore = this.rows;
  }

  get tainted(): boolean {
    return this.judgement.tainted;
  }

  /** For the result that is being answered; undefined where the judgement knows of no such statement. */
  get plan(): ResultMasks | undefined {
    return this.statement?.result;
  }
}
