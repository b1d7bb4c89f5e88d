/** Between a statement and the target: refuse, hold, record. What comes out may be forwarded, once. */
import { PosternError } from "../../policy/errors.ts";
import type { Ahead } from "../../policy/ahead.ts";
import type { Hold, Session } from "../../policy/ports.ts";
import type { StatementRun } from "../../policy/types.ts";
import { ErrorCode } from "./constants.ts";
import { Refused } from "./refused.ts";

type Outcome = Awaited<Hold["outcome"]>;

export class Gate {
  #hold: Hold | null = null;
  #ended: PosternError | null = null;
  #wake: (() => void) | null = null;
  /** The client went by itself: what it waited for stays pending for a while, in case that it comes again. */
  #left = false;
  #recording = false;
  /** Judging waits for it. */
  #ahead: Ahead | null = null;
  #interrupted = false;

  constructor(private readonly session: Session) {}

  /**
   * The statement's id, once it is durable: at once where it may be forwarded before that. Throws Refused where it may not run, for the client to
   * be told; rejects with what `end()` was given where the connection ends meanwhile.
   */
  pass(run: StatementRun): string | Promise<string> {
    switch (run.judgement.verdict) {
      case "allow":
        return this.#record(run);
      case "approve":
        return this.#approved(run);
      case "deny":
        return this.#denied(run);
    }
  }

  async #denied(run: StatementRun): Promise<never> {
    await this.#record(run);
    const { reason, rule, hint } = run.judgement;
    throw new Refused(new PosternError("PolicyDenied", reason, { rule, hint }));
  }

  /** Before judging. Throws Refused where it was interrupted meanwhile, and what `end()` was given. */
  async understood(ahead: Ahead): Promise<void> {
    [this.#ahead, this.#interrupted] = [ahead, false];
    try {
      await ahead.ready;
    } finally {
      this.#ahead = null;
    }
    if (this.#ended !== null) throw this.#ended;
    if (!this.#interrupted) return;
    const error = new PosternError(
      "ApprovalRequired",
      "interrupted: Postern had not understood it yet, and it was not sent",
    );
    throw new Refused(error, ErrorCode.interrupted);
  }

  /** Ctrl-C: a statement that waits here, or is being recorded, answers that it was interrupted. False where there is none. */
  interrupt(reason: string): boolean {
    if (this.#ahead !== null) {
      this.#ahead.cancel();
      return this.#interrupted = true;
    }
    if (this.#recording) return this.#interrupted = true;
    this.#hold?.withdraw(reason);
    return this.#hold !== null;
  }

  /** The connection ends: withdraws what is held, and everything that passes from now on rejects with `error`. */
  end(error: PosternError): void {
    this.#ended ??= error;
    this.#ahead?.cancel();
    if (this.#hold !== null) this.#drop(this.#hold, error);
    this.#wake?.();
  }

  /** The client's end of the connection is gone; `end()` follows. */
  leave(): void {
    this.#left = true;
  }

  #drop(hold: Hold, error: PosternError): void {
    if (this.#left) hold.leave("the client disconnected");
    else hold.withdraw(error.message);
  }

  #record(run: StatementRun, approval?: string): string | Promise<string> {
    this.#recording = true;
    this.#interrupted = false;
    let recorded: string | Promise<string>;
    try {
      recorded = this.session.record(run, approval);
    } catch (error) {
      recorded = Promise.reject(error);
    }
    if (typeof recorded !== "string" || this.#ended !== null) return this.#recorded(run, recorded);
    this.#recording = false;
    return recorded;
  }

  async #recorded(run: StatementRun, recorded: string | Promise<string>): Promise<string> {
    let id: string;
    try {
      id = await recorded;
    } catch (error) {
      if (error instanceof PosternError) throw new Refused(error);
      throw error;
    } finally {
      this.#recording = false;
    }
    if (this.#ended === null && !this.#interrupted) return id;
    const reason = this.#ended ?? new PosternError("ApprovalRequired", "interrupted: recorded, and not sent");
    const { number } = ErrorCode.interrupted;
    const error = { code: String(number), message: `Not sent: ${reason.message}` };
    if (run.judgement.verdict !== "deny") {
      this.session.finished(id, { rows: null, bytes: 0, tag: "", error });
    }
    if (this.#ended !== null) throw this.#ended;
    throw new Refused(reason, ErrorCode.interrupted);
  }

  async #approved(run: StatementRun): Promise<string> {
    const hold = await this.session.hold(run).catch((error) => {
      throw error instanceof PosternError ? new Refused(error) : error;
    });
    this.#hold = hold;
    try {
      const outcome = await this.#outcomeOf(hold);
      if (outcome.state !== "approved") throw new Refused(...refusal(outcome, hold, run));
      await this.#judgeAgain(run);
      return await this.#record(run, hold.request.id);
    } finally {
      this.#hold = null;
    }
  }

  /** Rules go by time as well, and the catalog may have changed: what was askable may be refused by now. */
  async #judgeAgain(run: StatementRun): Promise<void> {
    const ahead = this.session.ahead?.(run.text, run.state) ?? null;
    if (ahead !== null) await this.understood(ahead);
    const { verdict, reason, rule, hint } = this.session.judge(run.text, run.state);
    if (verdict === "deny") throw new Refused(new PosternError("PolicyDenied", reason, { rule, hint }));
  }

  async #outcomeOf(hold: Hold): Promise<Outcome> {
    const ended = new Promise<null>((resolve) => this.#wake = () => resolve(null));
    // The connection may have ended while the request was written down.
    if (this.#ended !== null) this.end(this.#ended);
    const outcome = await Promise.race([hold.outcome, ended]);
    this.#wake = null;
    if (this.#ended !== null) {
      this.#drop(hold, this.#ended);
      throw this.#ended;
    }
    if (outcome === null) throw new PosternError("Internal", "a hold ended without an outcome");
    return outcome;
  }
}

/** What the person at the client reads: who, why, and where to look. */
function refusal(outcome: Outcome, hold: Hold, run: StatementRun): ConstructorParameters<typeof Refused> {
  const { rule } = run.judgement;
  const because = outcome.reason === "" ? "" : `: ${outcome.reason}`;
  switch (outcome.state) {
    case "denied":
      return [
        new PosternError("PolicyDenied", `${outcome.by} refused this statement${because}`, {
          rule,
          hint: `The request: ${hold.url}`,
        }),
        ErrorCode.privilege,
      ];
    case "expired":
      return [
        new PosternError(
          "ApprovalRequired",
          `this needs approval by ${hold.forWhom}, and nobody decided in time`,
          {
            rule,
            hint: `Ask them, then send it again; the request was ${hold.url}`,
          },
        ),
      ];
    default:
      return [
        new PosternError("ApprovalRequired", `the request for approval was withdrawn${because}`, { rule }),
        ErrorCode.interrupted,
      ];
  }
}
