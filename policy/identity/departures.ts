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

/** Signed out at the issuer, which names the session there and no person. */
export interface EndedSession {
  readonly issuer: string;
  readonly sid: string;
}

/** Longer than any sign-in lasts. */
export const rememberedMs = 31 * 24 * 3_600_000;
const rememberedMax = 100_000;

const keyOf = ({ issuer, subject }: Who): string => JSON.stringify([issuer, subject]);

export class Departures {
  /** Oldest first. */
  readonly #gone = new Map<string, { readonly at: number; readonly reason: string }>();
  readonly #listeners: ((departure: Departure) => void)[] = [];
  /** Sessions at an issuer whose person nobody here knew when they ended -> when; oldest first. */
  readonly #sessions = new Map<string, number>();
  readonly #sessionListeners: ((ended: EndedSession & Pick<Departure, "at" | "here">) => void)[] = [];

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

  onSession(listener: (ended: EndedSession & Pick<Departure, "at" | "here">) => void): void {
    this.#sessionListeners.push(listener);
  }

  /** `at` as for depart. Whoever knows the person makes a departure of it; a token of that session counts no more. */
  endSession({ issuer, sid }: EndedSession, at?: number): void {
    const ended = { issuer, sid, at: at ?? this.clock(), here: at === undefined };
    if (!this.recallSession(ended, ended.at)) return;
    for (const listener of this.#sessionListeners) listener(ended);
  }

  /** One from before this start. Whether it is news. */
  recallSession({ issuer, sid }: EndedSession, at: number): boolean {
    const key = JSON.stringify([issuer, sid]);
    if (this.#sessions.has(key)) return false;
    this.#sessions.set(key, at);
    for (const [oldest, then] of this.#sessions) {
      if (then + rememberedMs > this.clock() && this.#sessions.size <= rememberedMax) break;
      this.#sessions.delete(oldest);
    }
    return true;
  }

  hasEnded({ issuer, sid }: EndedSession): boolean {
    return this.#sessions.has(JSON.stringify([issuer, sid]));
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
