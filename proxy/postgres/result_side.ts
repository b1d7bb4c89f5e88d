/** Results on their way to the client: counted, masked, or withheld where they are not what was judged. */
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import { keepsRows, type RowLimits, ShownRows } from "../../policy/shown_rows.ts";
import type { Watcher } from "../../policy/watch.ts";
import type { MaskRule } from "../../policy/types.ts";
import type { ResultLimits } from "../result_limits.ts";
import type { Conversation } from "./conversation.ts";
import { CopyMasker } from "./copy_masker.ts";
import type { Execution } from "./execution.ts";
import type { Column } from "./decode.ts";
import { sqlStateOf, toClient } from "./errors.ts";
import { fromTarget, headerBytes } from "./frames.ts";
import { hides, masksOf, withFormats } from "./results.ts";
import { RowMasker } from "./row_masker.ts";
import { copyText, rowTexts } from "./row_texts.ts";
import { watchedCopyRow } from "./watched.ts";

export interface ResultSideDeps {
  readonly maskOf: (origin: string) => MaskRule | null;
  readonly watcher: Watcher | null;
  readonly maskKey: Uint8Array;
  readonly maskedRowBytesMax: number;
  readonly limits: ResultLimits;
  /** The statement at hand is not wanted any more. */
  readonly cancel: () => void;
  /** How much of each result is recorded; null for nothing. */
  readonly record: RowLimits | null;
  /** An execution came to its end, or will never happen. */
  readonly settled: (execution: Execution) => void;
}

/** What to do with a message, by its header: a row to "mask" may be masked where it lies; one that is refused is dropped, and the client told. */
export type Course = "pass" | "take" | "mask" | "drop" | "refuse";

const notRun = { code: "57014", message: "Not run: an earlier statement of its pipeline failed" };

export class ResultSide {
  constructor(private readonly c: Conversation, private readonly deps: ResultSideDeps) {}

  /** A DataRow's course. Counts it, unless it is to be read. */
  row(bytes: number): Course {
    const execution = this.running();
    const reply = this.c.replies.first();
    if (execution.withheld || reply?.silent === true) return reply?.read ? "take" : "drop";
    if (!this.deps.limits.fits(execution.returned, execution.bytes, bytes)) return "refuse";
    const { masks, shown } = execution;
    const tooLarge = bytes > this.deps.maskedRowBytesMax;
    if (masks !== null && !(masks?.optional === true && tooLarge)) {
      return masks?.sameLength === true && shown?.wants !== true ? "mask" : "take";
    }
    if (shown !== null && shown.wants) {
      if (!tooLarge) return "take";
      shown.skip();
    }
    execution.rows++;
    execution.returned++;
    execution.bytes += bytes;
    return "pass";
  }

  copyData(bytes: number): Course {
    const execution = this.running();
    if (execution.withheld || this.c.replies.first()?.silent === true) return "drop";
    if (!this.deps.limits.fits(execution.returned, execution.bytes, bytes)) return "refuse";
    const { copyWatch, copyMasks, shown } = execution;
    if (copyMasks !== null) return "take";
    const tooLarge = bytes > this.deps.maskedRowBytesMax;
    if (copyWatch !== null && (copyWatch.masks || !tooLarge)) return "take";
    if (shown !== null && shown.wants) {
      if (!tooLarge) return "take";
      shown.skip();
    }
    execution.returned++;
    execution.bytes += bytes;
    return "pass";
  }

  /** The row in `bytes[at..at + length)`, where it lies; false where it must be written anew. */
  maskInPlace(bytes: Uint8Array, at: number, length: number): boolean {
    const execution = this.running();
    if (execution.masks?.inPlace(bytes, at, length) !== true) return false;
    execution.rows++;
    execution.returned++;
    execution.bytes += length;
    return true;
  }

  maskedRow(frame: Uint8Array): Uint8Array | null {
    const execution = this.running();
    const reply = this.c.replies.first();
    if (reply?.read) {
      reply.read(frame);
      return null;
    }
    if (execution.masks === undefined && !this.#resolve(execution)) return this.refuseColumns();
    const { masks } = execution;
    const row = masks === null || masks === undefined ? frame : masks.mask(frame);
    if (row === null) return this.refuseColumns();
    execution.rows++;
    execution.returned++;
    execution.bytes += row.length;
    if (execution.shown?.wants) execution.shown.add(rowTexts(row, execution.columns));
    return row;
  }

  /** The columns of what comes next are known; false where they are not those that were judged. */
  described(execution: Execution, columns: readonly Column[]): boolean {
    const masks = masksOf(execution.plan, columns, this.deps.maskOf, this.deps.watcher);
    if (masks === "refuse") return false;
    execution.masks = masks === null ? null : new RowMasker(masks, this.deps.maskKey);
    const shown = this.#shown(execution);
    if (shown === null) return true;
    execution.columns = columns;
    shown.start(columns.map(({ name = "" }, at) => ({ name, masked: hides(masks?.[at]?.mask) })));
    return true;
  }

  copyOut(frame: Uint8Array): Uint8Array | null {
    const execution = this.running();
    if (execution.withheld) return null;
    const { watcher, maskKey } = this.deps;
    if (execution.plan?.kind !== "clean") {
      execution.copyMasks = CopyMasker.for(frame, execution.plan, execution.statement?.copy, maskKey);
      if (execution.copyMasks === null) return this.refuseColumns();
    }
    // CopyOutResponse: Int8 overall format, 1 for binary.
    const binary = frame[headerBytes] !== 0;
    // Behind its rows comes one more message, without a row.
    if (binary) execution.returned--;
    const masked = watcher?.masks === true || execution.copyMasks !== null;
    if (!binary) this.#shown(execution)?.start([{ name: "COPY", masked }]);
    if (watcher === null) return frame;
    if (watcher.masks && binary) {
      return this.#withhold(
        new PosternError("PolicyDenied", "COPY in binary format is not offered where detectors mask", {
          rule: "detectors",
          hint: "Use COPY in text or CSV format, or SELECT",
        }),
      );
    }
    const [table] = execution.statement?.facts.tables ?? [];
    const name = table === undefined ? "COPY" : `${table.schema}.${table.name} (COPY)`;
    execution.copyWatch = watcher.watch(null, name);
    return frame;
  }

  /** One row that COPY sends, where somebody reads it. */
  copyRow(frame: Uint8Array): Uint8Array | null {
    const execution = this.running();
    const { copyWatch, copyMasks } = execution;
    const masked = copyMasks === null ? frame : copyMasks.mask(frame);
    if (masked === null) return this.refuseColumns();
    const shown = copyWatch === null ? masked : watchedCopyRow(masked, copyWatch);
    execution.returned++;
    execution.bytes += shown.length;
    if (execution.shown?.wants) execution.shown.add([copyText(shown)]);
    return shown;
  }

  refuseColumns(): Uint8Array | null {
    return this.#withhold(
      new PosternError(
        "PolicyDenied",
        "The result is withheld: its columns are not those that the statement was judged by",
        {
          rule: "masking",
          hint:
            "The schema may have changed a moment ago: try again. What the statement changed is not undone",
        },
      ),
    );
  }

  /** In the place of a row that is one too many, or too large to be masked. */
  refuseRow(bytes: number): Uint8Array | null {
    const { returned, bytes: sent } = this.running();
    if (!this.deps.limits.fits(returned, sent, bytes)) {
      this.deps.cancel();
      return this.#withhold(this.deps.limits.exceeded(returned));
    }
    const limit = this.deps.maskedRowBytesMax;
    return this.#withhold(
      limitReached(
        "listen.limits.maskedRow",
        `A row of ${bytes} bytes is more than Postern masks (listen.limits.maskedRow: ${limit})`,
        "Leave the large column out of the SELECT",
      ),
    );
  }

  /** Where this execution's rows are kept for the record; null where they are not. */
  #shown(execution: Execution): ShownRows | null {
    const { record } = this.deps;
    if (record === null || !keepsRows(execution.judgement)) return null;
    return execution.shown ??= new ShownRows(record);
  }

  /** What is being executed, as far as the answers have come. Throws where nothing is. */
  running(): Execution {
    const execution = this.c.replies.first()?.execution;
    if (execution === null || execution === undefined) throw unexpected(this.c, fromTarget.dataRow);
    return execution;
  }

  settle(execution: Execution): void {
    if (execution.settled) return;
    execution.settled = true;
    this.deps.settled(execution);
  }

  settleSkipped(execution: Execution): void {
    execution.error ??= notRun;
    this.settle(execution);
  }

  /** Execute answers with rows alone: their description came earlier, for the portal or for its statement. */
  #resolve(execution: Execution): boolean {
    const portal = this.c.replies.first()?.portal;
    if (portal === null || portal === undefined) return false;
    const ofStatement = portal.statement.columns ?? null;
    const columns = portal.columns ??
      (ofStatement === null ? null : withFormats(ofStatement, portal.resultFormats));
    return columns !== null && this.described(execution, columns);
  }

  /** The client gets `error` and nothing more of this result. What the target did is done. */
  #withhold(error: PosternError): Uint8Array | null {
    const reply = this.c.replies.first();
    const execution = this.running();
    const silent = reply?.silent === true || execution.withheld;
    execution.withheld = true;
    execution.error ??= { code: sqlStateOf(error), message: error.message };
    if (reply?.kind === "execute") { for (const one of this.c.mutePipeline()) this.settleSkipped(one); }
    return silent ? null : toClient(error);
  }
}

export function unexpected(c: Conversation, type: number): PosternError {
  const letter = JSON.stringify(String.fromCharCode(type));
  return new PosternError("TargetUnavailable", "The target sent what the protocol does not have here", {
    hint: "The connection is closed, since what comes next could not be told apart",
    cause: `message ${letter} while ${c.replies.first()?.kind ?? "nothing"} is answered`,
  });
}
