/** One statement's wait for a person: notices at once and then periodically, and the end of it. */
import { asPosternError, PosternError } from "../../policy/errors.ts";
import type { Ahead } from "../../policy/ahead.ts";
import type { Hold, Session } from "../../policy/ports.ts";
import type { StatementRun } from "../../policy/types.ts";
import { holdNotice, type HoldRefusal, passNotice, refusalAfter } from "./waiting.ts";

export interface HeldDeps {
  readonly session: Session;
  readonly noticeMs: number;
  readonly send: (notice: Uint8Array) => void;
  readonly now: () => number;
}

export type HeldOutcome = { readonly approval: string } | { readonly refusal: HoldRefusal };

export class Held {
  #hold: Hold | null = null;
  /** Judging it again waits for it. */
  #ahead: Ahead | null = null;
  #cancelled = false;
  #withdrawn: string | null = null;

  constructor(private readonly deps: HeldDeps) {}

  /** Rejects with nothing: whatever fails is a refusal. */
  async outcome(run: StatementRun): Promise<HeldOutcome> {
    const { session, noticeMs, send, now } = this.deps;
    let timer: ReturnType<typeof setInterval> | undefined;
    try {
      const hold = this.#hold = await session.hold(run);
      if (this.#withdrawn !== null) hold.withdraw(this.#withdrawn);
      else if (hold.passes !== undefined) send(passNotice(hold));
      else {
        send(holdNotice(hold, now(), run.inTransaction));
        timer = setInterval(() => send(holdNotice(hold, now(), run.inTransaction)), noticeMs);
      }
      const outcome = await hold.outcome;
      if (outcome.state !== "approved") return { refusal: refusalAfter(hold, outcome, this.#cancelled) };
      // Rules go by time as well, and the catalog may have changed: what was askable may be refused by now.
      await (this.#ahead = session.ahead?.(run.text, run.state) ?? null)?.ready;
      if (this.#withdrawn !== null) return { refusal: refusalAfter(hold, outcome, this.#cancelled) };
      const again = session.judge(run.text, run.state);
      if (again.verdict !== "deny") return { approval: hold.request.id };
      return {
        refusal: {
          error: new PosternError("PolicyDenied", again.reason, { rule: again.rule, hint: again.hint }),
        },
      };
    } catch (error) {
      return { refusal: { error: asPosternError(error) } };
    } finally {
      clearInterval(timer);
    }
  }

  /** Ctrl-C. */
  cancel(): void {
    this.#cancelled = true;
    this.withdraw("cancelled by the client");
  }

  withdraw(reason: string): void {
    this.#withdrawn ??= reason;
    this.#hold?.withdraw(reason);
    this.#ahead?.cancel();
  }
}
