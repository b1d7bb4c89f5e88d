/** Accounts on a target that live as long as one session: what a protocol does, and policy asks for. */
import type { Target } from "./types.ts";

/** Whose, and until when the target itself takes it. Epoch milliseconds. */
export interface AccountOrder {
  readonly name: string;
  readonly validUntil: number;
}

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** All of them reject with TargetUnavailable, whose `cause` has the target's text for the log. */
export interface TargetAccounts {
  /** A name that shows the person in the target's own lists, ends in `#session`, and is not too long for it. */
  nameFor(target: Target, person: string, session: string): Promise<string>;
  /** Makes it, a member of the target's `account.ephemeral.roles`. */
  create(target: Target, order: AccountOrder): Promise<Account>;
  /** Ends what still runs as it, gives away or drops what it owns, drops it. One that is not there is dropped. */
  drop(target: Target, name: string): Promise<void>;
  /** The names that look like ones made here. */
  list(target: Target): Promise<readonly string[]>;
}

/** The session in a name that `nameFor` made; null for any other. */
export function sessionOf(name: string): string | null {
  return /#([0-9a-hjkmnp-tv-z]{16})$/.exec(name)?.[1] ?? null;
}
