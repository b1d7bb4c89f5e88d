/** Recording: before a statement goes out, or instead of it. Records of one pipeline are under way together. */
import { asPosternError, type PosternError } from "../../policy/errors.ts";
import type { Session } from "../../policy/ports.ts";
import type { StatementRun } from "../../policy/types.ts";
import type { ConnectionDeps } from "../protocol.ts";
import { type Conversation, type Outgoing, replyTo } from "./conversation.ts";
import type { Execution } from "./execution.ts";
import { sqlState, toClient } from "./errors.ts";
import { failingParse, failingQuery } from "./refusals.ts";
import type { Place, Runnable } from "./steps.ts";
import { cancelledUnsent } from "./waiting.ts";

export interface ExecutorDeps {
  readonly session: Session;
  readonly conversation: Conversation;
  readonly log: ConnectionDeps["log"];
  /** Messages became ready. */
  readonly progress: () => void;
  readonly finished: (execution: Execution) => void;
  readonly fail: (error: unknown) => void;
}

/** What the client gets in place of the target's error, and which rule the target's log may name. */
export interface Replacement {
  readonly place: Place;
  readonly answer: Uint8Array;
  readonly rule: string;
}

export class Executor {
  /** Whose records are being written, in order. */
  readonly #recording = new Set<{ readonly batch: number; cancelled: boolean }>();

  constructor(private readonly deps: ExecutorDeps) {}

  /**
   * A CancelRequest while a record is being written: its statement does not go out. `batch`: only where it is
   * of that one. False where there is none.
   */
  cancelRecording(batch: number | null): boolean {
    for (const one of this.#recording) {
      if (batch !== null && one.batch !== batch) return false;
      return one.cancelled = true;
    }
    return false;
  }

  /** Forwards once recorded, at once where that takes no waiting; `kept` is the Bind that waits for it. */
  run(step: Runnable, kept: Outgoing | null, approval: string | undefined): void {
    const { session, conversation, progress, finished, fail } = this.deps;
    const { items, execution } = step.prepare();
    for (const item of items) conversation.outgoing.push(item);
    const ready = (): void => {
      if (kept !== null) kept.ready = true;
      for (const item of items) item.ready = true;
      progress();
    };
    const recorded = session.record(step.run, approval);
    if (typeof recorded === "string") {
      execution.id = recorded;
      return ready();
    }
    const recording = { batch: conversation.batch, cancelled: false };
    this.#recording.add(recording);
    recorded.finally(() => this.#recording.delete(recording)).then(
      (id) => {
        execution.id = id;
        // An earlier message of its pipeline failed meanwhile.
        if (execution.settled) return finished(execution);
        if (recording.cancelled) {
          const answer = cancelledUnsent();
          execution.settled = true;
          execution.error = { code: sqlState.queryCanceled, message: answer.message };
          finished(execution);
          return this.#instead(
            toClient(answer, { sqlState: sqlState.queryCanceled }),
            "cancel",
            kept,
            items,
            step.place,
          );
        }
        ready();
      },
      (error) => this.#unrecorded(asPosternError(error), kept, items, step.place),
    ).catch(fail);
  }

  /** Something that the target is certain to fail goes out in the statement's place, once the refusal is recorded. */
  replace(run: StatementRun | null, kept: Outgoing | null, by: Replacement): void {
    const c = this.deps.conversation;
    const item: Outgoing = kept ?? { frame: null, reply: null, ready: false };
    item.reply ??= replyTo(c, "parse", by.place === "query" ? { batch: ++c.batch } : {});
    fill(item, by);
    if (kept === null) c.outgoing.push(item);
    if (by.place === "pipeline") {
      c.unsynced = true;
      c.skipping = true;
    }
    this.recorded(run, () => {
      item.ready = true;
      this.deps.progress();
    });
  }

  /** Records a refusal, then goes on: it stands even where it cannot be recorded. */
  recorded(run: StatementRun | null, then: () => void): void {
    const recorded = run === null ? "" : this.deps.session.record(run);
    Promise.resolve(recorded).catch((error) => {
      this.deps.log("error", "a refusal could not be recorded", { problem: asPosternError(error).message });
    }).then(then).catch(this.deps.fail);
  }

  /** The store did not take the record: what would have been sent is refused in its place. */
  #unrecorded(error: PosternError, kept: Outgoing | null, items: readonly Outgoing[], place: Place): void {
    // Policy may refuse at the last moment, too; that is in the record.
    const refused = error.code === "PolicyDenied";
    if (!refused) {
      this.deps.log("error", "a statement could not be recorded, so it was refused", {
        problem: error.message,
      });
    }
    this.#instead(toClient(error), refused ? error.rule ?? "" : "the store failed", kept, items, place);
  }

  #instead(
    answer: Uint8Array,
    rule: string,
    kept: Outgoing | null,
    items: readonly Outgoing[],
    place: Place,
  ): void {
    const [first, ...rest] = kept === null ? items : [kept, ...items];
    if (first === undefined || first.frame === null) return;
    fill(first, { place, answer, rule });
    first.ready = true;
    for (const item of rest) {
      item.frame = null;
      item.reply = null;
      item.ready = true;
    }
    this.deps.progress();
  }
}

/** Makes `item` a message that the target is certain to fail, whose error is replaced. */
function fill(item: Outgoing, { place, answer, rule }: Replacement): void {
  item.frame = place === "query" ? failingQuery(rule) : failingParse(rule);
  if (item.reply === null) return;
  item.reply = {
    ...item.reply,
    kind: place === "query" ? "query" : "parse",
    execution: null,
    swap: answer,
    silent: false,
    tainted: false,
  };
}
