/**
 * Who has gone: signed out at the issuer, disabled there, or without a group that they had. What they signed in with
 * before that moment counts nowhere any more; whoever has to end something of theirs is told.
 */
import { PosternError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { Identity } from "../types.ts";

export type Who = Pick<Identity, "issuer" | "subject">;

export interface Leaving extends Who {
  /** A whole sentence, for the person. */
  readonly reason: string;
}

export interface Departure extends Leaving {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Learnt by this node; otherwise the record of another one tells of it. */
  readonly here: boolean;
}

/** Longer than any sign-in lasts. */
export const rememberedMs = 31 * 24 * 3_600_000;
const rememberedMax = 100_000;

const keyOf = ({ issuer, subject }: Who): string => JSON.stringify([issuer, subject]);

export class Departures {
  /** Oldest first. */
  readonly #gone = new Map<string, { readonly at: number; readonly reason: string }>();
  readonly #listeners: ((departure: Departure) => void)[] = [];

  readonly #reviewers: ((stays: (identity: Identity) => boolean) => void)[] = [];

  /** `known`: whether what a sign-in rests on is in the config at hand. */
  constructor(
    private readonly clock: Clock,
    private readonly known: (identity: Identity) => boolean = () => true,
  ) {}

  subscribe(listener: (departure: Departure) => void): void {
    this.#listeners.push(listener);
  }

  /** Told when the config has changed: every sign-in that does not stay is over. */
  onReview(reviewer: (stays: (identity: Identity) => boolean) => void): void {
    this.#reviewers.push(reviewer);
  }

  review(stays: (identity: Identity) => boolean): void {
    for (const reviewer of this.#reviewers) reviewer(stays);
  }

  /** `at`: when another node learnt it; told again of what is known, it does nothing. */
  depart(who: Leaving, at?: number): void {
    const departure = { ...who, at: at ?? this.clock(), here: at === undefined };
    if (!this.#keep(departure)) return;
    for (const listener of this.#listeners) listener(departure);
  }

  /** One from before this start: what it ended has ended, so nobody is told. */
  recall(who: Leaving, at: number): void {
    this.#keep({ ...who, at });
  }

  /** Whether this is news. */
  #keep({ at, reason, ...who }: Leaving & { readonly at: number }): boolean {
    const key = keyOf(who);
    if ((this.#gone.get(key)?.at ?? -Infinity) >= at) return false;
    this.#gone.delete(key);
    this.#gone.set(key, { at, reason });
    for (const [oldest, gone] of this.#gone) {
      if (gone.at + rememberedMs > this.clock() && this.#gone.size <= rememberedMax) break;
      this.#gone.delete(oldest);
    }
    return true;
  }

  /** Why a sign-in no longer counts; null where it does. */
  objection(identity: Identity): PosternError | null {
    if (!this.known(identity)) return noLongerKnown(identity);
    const gone = this.#gone.get(keyOf(identity));
    if (gone === undefined || identity.signedInAt > gone.at) return null;
    return departed(gone.reason);
  }
}

/** A reload took away what the sign-in rests on, or changed it. */
export const noLongerKnown = ({ name, targets }: Identity): PosternError =>
  departed(
    targets !== undefined
      ? `What the config says of the service account ${name} has changed`
      : `The config no longer has the identity provider that ${name} signed in at`,
  );

export const departed = (reason: string): PosternError =>
  new PosternError("AuthFailed", reason, { hint: "Sign in again", rule: "identity" });
