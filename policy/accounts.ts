/**
 * Ephemeral accounts on targets: made when a session starts, dropped when it ends, swept after a crash. The
 * session's start is in the record before its account is made, so that whatever a crash leaves behind can be told
 * by the session in its name: one whose session has ended is dropped, one of a session that the record does not
 * know belongs to somebody else and is left alone.
 */
import type { Account, TargetAccounts } from "./account_ports.ts";
import { sessionOf } from "./account_ports.ts";
import { accountCreated, accountDropped, accountStuck } from "./audit/account_events.ts";
import { asPosternError, PosternError } from "./errors.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Clock, Journal } from "./ports.ts";
import type { Target } from "./types.ts";

export interface AccountsDeps {
  /** undefined for a protocol that cannot make any. */
  readonly accountsOf: (protocol: string) => TargetAccounts | undefined;
  readonly inForce: PolicyInForce;
  readonly journal: Pick<Journal, "append" | "note" | "session">;
  readonly clock: Clock;
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
}

interface Holder {
  readonly session: string;
  readonly person: string;
  readonly target: Target;
}

const sweepEveryMs = 5 * 60_000;
/** The target's own limit is a net below the drop: a little more than the session can last. */
const graceMs = 5 * 60_000;
/** How long an end of Postern waits for drops that are under way. */
const closingMs = 10_000;

export class Accounts {
  /** Names in use, or being dropped. */
  readonly #ours = new Set<string>();
  readonly #drops = new Set<Promise<void>>();
  /** Said already that these cannot be dropped. */
  readonly #stuck = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(private readonly deps: AccountsDeps) {}

  /** Sweeps now, and then periodically. A target that is down is tried again at the next sweep. */
  start(): void {
    const sweep = () => void (this.#sweeping = this.#sweeping.then(() => this.sweep()));
    sweep();
    this.#timer = setInterval(sweep, sweepEveryMs);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, closingMs));
    await Promise.race([Promise.allSettled([...this.#drops, this.#sweeping]), patience]);
    clearTimeout(timer);
  }

  /** The name that this session's account will have; null where the target has one account for all. */
  async nameFor({ session, person, target }: Holder): Promise<string | null> {
    if (target.account.ephemeral === undefined) return null;
    return await this.#of(target).nameFor(target, person, session);
  }

  /** Rejects with TargetUnavailable or StoreFailed; then there is none. */
  async create(holder: Holder, name: string, until: number): Promise<Account> {
    const { session, person, target } = holder;
    const validUntil = until + graceMs;
    this.#ours.add(name);
    try {
      const account = await this.#of(target).create(target, { name, validUntil });
      const about = { person, session, target: target.name };
      const roles = target.account.ephemeral?.roles ?? [];
      await this.deps.journal.append(accountCreated(about, { account: name, roles, validUntil }));
      return account;
    } catch (error) {
      this.drop(holder, name);
      throw error;
    }
  }

  /** Soon; nobody waits for it. What fails is tried again by every sweep. */
  drop(holder: Holder, name: string): void {
    const drop = this.#drop(holder, name, false).finally(() => {
      this.#ours.delete(name);
      this.#drops.delete(drop);
    });
    this.#drops.add(drop);
  }

  /** Drops what a crash or a target that was down has left. Never rejects. */
  async sweep(): Promise<void> {
    for (const target of this.deps.inForce.current.targets.values()) {
      if (target.account.ephemeral === undefined) continue;
      try {
        for (const name of await this.#of(target).list(target)) await this.#look(target, name);
      } catch (error) {
        this.#failed("a target could not be swept", target, error);
      }
    }
  }

  async #look(target: Target, name: string): Promise<void> {
    const id = sessionOf(name);
    if (id === null || this.#ours.has(name)) return;
    const session = await this.deps.journal.session(id);
    if (session === null || session.target !== target.name) {
      if (this.#stuck.has(name)) return;
      this.#stuck.add(name);
      const fields = { target: target.name, account: name };
      this.deps.log("warn", "an account of no session in this record is left alone", fields);
    } else if (session.endedAt !== null) {
      await this.#drop({ session: id, person: session.person, target }, name, true);
    }
  }

  async #drop({ session, person, target }: Holder, name: string, swept: boolean): Promise<void> {
    const about = { person, session, target: target.name };
    try {
      await this.#of(target).drop(target, name);
      this.#stuck.delete(name);
      this.deps.journal.note(accountDropped(about, { account: name, swept }));
    } catch (error) {
      this.#failed("an ephemeral account could not be dropped", target, error, name);
      if (this.#stuck.has(name)) return;
      this.#stuck.add(name);
      this.deps.journal.note(accountStuck(about, { account: name, reason: asPosternError(error).message }));
    }
  }

  #failed(what: string, target: Target, error: unknown, account?: string): void {
    const { message, cause } = asPosternError(error);
    const why = cause === undefined ? {} : { cause: String(cause) };
    const which = account === undefined ? {} : { account };
    this.deps.log("error", what, { target: target.name, ...which, problem: message, ...why });
  }

  #of(target: Target): TargetAccounts {
    const accounts = this.deps.accountsOf(target.protocol);
    if (accounts === undefined) {
      throw new PosternError("Internal", `No ephemeral accounts for the protocol ${target.protocol}`);
    }
    return accounts;
  }
}
