/** How much of one message's results a client gets: by the target's own limits, else by the listener's. */
import type { PosternError } from "../policy/errors.ts";
import { type LimitName, limitReached } from "../policy/limits.ts";
import type { Target } from "../policy/types.ts";
import type { ConnectionLimits } from "./protocol.ts";

type Kind = "resultRows" | "resultBytes";

export class ResultLimits {
  /** `limits` is asked at each row, since a reload changes it. */
  constructor(
    private readonly limits: () => Pick<ConnectionLimits, "resultRowsMax" | "resultBytesMax">,
    private readonly target: Pick<Target, "name" | "limits">,
  ) {}

  get rowsMax(): number {
    return this.target.limits?.resultRows ?? this.limits().resultRowsMax;
  }

  get bytesMax(): number {
    return this.target.limits?.resultBytes ?? this.limits().resultBytesMax;
  }

  /** Whether one row of `bytes` more fits behind what was sent. */
  fits(rows: number, bytes: number, rowBytes: number): boolean {
    return rows < this.rowsMax && bytes + rowBytes <= this.bytesMax;
  }

  /** For whoever asked for more than fits; counts the hit. `rows` were sent. */
  exceeded(rows: number): PosternError {
    const byRows = rows >= this.rowsMax;
    const most = byRows ? `${this.rowsMax} rows` : `${this.bytesMax} bytes`;
    const kind: Kind = byRows ? "resultRows" : "resultBytes";
    const own = this.target.limits?.[kind] !== undefined;
    const name: LimitName = `listen.limits.${kind}`;
    const key = own ? `targets.${this.target.name}.limits.${kind}` : name;
    return limitReached(
      name,
      `The result has more than ${most}, which is all that one statement gets here (${key})`,
      "Narrow it with WHERE or LIMIT. The statement was cancelled; the rows before this are no complete result",
    );
  }
}

/** For a client that takes nothing of an answer; counts the hit. */
export function unread(afterMs: number): PosternError {
  return limitReached(
    "listen.limits.unread",
    `The client took nothing of its answer for ${Math.round(afterMs / 1000)} s (listen.limits.unread)`,
    "Read on, or close what is not read: a paused program keeps a statement open on the target",
  );
}
