/** What is to be done with one message of a client's. */
import type { PosternError } from "../../policy/errors.ts";
import type { Ahead } from "../../policy/ahead.ts";
import type { StatementRun } from "../../policy/types.ts";
import type { Outgoing } from "./conversation.ts";
import type { Execution } from "./execution.ts";

/** Where a refusal takes effect: a Query is answered by itself, anything else fails its pipeline up to Sync. */
export type Place = "query" | "pipeline";

/** Record (`run`), or ask for approval and record (`hold`); then forward what `prepare` gives. It is called at most once. */
export interface Runnable {
  readonly kind: "run" | "hold";
  readonly run: StatementRun;
  readonly prepare: () => Prepared;
  readonly place: Place;
}

export interface Unready {
  readonly kind: "wait";
  readonly until: "ready";
  readonly ahead: Ahead;
  readonly place: Place;
}

export type Step =
  | { readonly kind: "drop" }
  /** Forward in turn. */
  | { readonly kind: "send"; readonly items: readonly Outgoing[] }
  | Runnable
  /** `run` is null for what is no statement. `sqlState` where the error's own would mislead. */
  | {
    readonly kind: "refuse";
    readonly run: StatementRun | null;
    readonly error: PosternError;
    readonly sqlState?: string;
    readonly place: Place;
  }
  /**
   * Look at the message again when everything before it is answered, or (`copy`) when the target asks for COPY
   * data, or (`ready`) once `ahead` is ready. `items` are Postern's own messages.
   */
  | Unready
  | { readonly kind: "wait"; readonly until: "drained" | "copy"; readonly items?: readonly Outgoing[] }
  | { readonly kind: "terminate" };

export interface Prepared {
  readonly items: readonly Outgoing[];
  readonly execution: Execution;
}
