/** Asks the issuer again and again about those who have signed in: whether they still may, and with which groups. */
import { asPosternError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports.ts";
import type { Identity } from "../types.ts";
import type { Leaving, Who } from "./departures.ts";
import { issuerUnreachable } from "./fetch_limits.ts";

/**
 * What the issuer says now: the groups; `known` where it tells no groups, but knows the sign-in; `gone` where it no longer
 * does; `unknown` where it cannot be asked about it any more (its token has ended by itself, and there is none to renew it).
 */
export type Standing = { readonly groups: readonly string[] } | "known" | "gone" | "unknown";

/** Rejects with AuthFailed where the issuer does not answer. */
export type StandingCheck = () => Promise<Standing>;

/** Told of each sign-in that the issuer can be asked about again; for longer where its tokens can be renewed. */
export type Watch = (identity: Identity, check: StandingCheck, renewable: boolean) => void;

export interface RechecksOptions {
  /** Everybody is asked about once in this time; 0 asks about nobody. */
  readonly everyMs: () => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly depart: (who: Leaving) => void;
}

interface Watched {
  readonly identity: Identity;
  readonly check: StandingCheck;
  readonly renewable: boolean;
  askedAt: number;
  underWay: boolean;
}

const watchedMax = 20_000;
/** Questions to the issuer at one time. */
const atOnceMax = 8;

const keyOf = ({ issuer, subject }: Who): string => JSON.stringify([issuer, subject]);

export class Rechecks {
  /** The latest sign-in of each person. */
  readonly #watched = new Map<string, Watched>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: RechecksOptions) {}

  /** `renewable`: the issuer can be asked for as long as the sign-in lasts; that is not given up for less. */
  watch(identity: Identity, check: StandingCheck, renewable: boolean): void {
    const { everyMs, clock } = this.options;
    if (everyMs() === 0) return;
    const key = keyOf(identity);
    const known = this.#watched.get(key);
    if (!renewable && known?.renewable === true && known.identity.expiresAt > clock()) return;
    this.#watched.delete(key);
    this.#watched.set(key, { identity, check, renewable, askedAt: clock(), underWay: false });
    for (const oldest of this.#watched.keys()) {
      if (this.#watched.size <= watchedMax) break;
      this.#watched.delete(oldest);
    }
  }

  /** Whether the issuer is asked about this person for as long as they are signed in. */
  watches(who: Who): boolean {
    const watched = this.#watched.get(keyOf(who));
    return watched?.renewable === true && watched.identity.expiresAt > this.options.clock();
  }

  forget(who: Who): void {
    this.#watched.delete(keyOf(who));
  }

  /** Those whose sign-in no longer counts are asked about no more. */
  review(stays: (identity: Identity) => boolean): void {
    for (const [key, { identity }] of this.#watched) if (!stays(identity)) this.#watched.delete(key);
  }

  start(): void {
    // A quarter of the time, so that nobody waits much longer than the whole of it.
    const quarter = (this.options.everyMs() || Infinity) / 4;
    this.#timer = setTimeout(() => {
      void this.run();
      this.start();
    }, Math.max(100, Math.min(quarter, 60_000)));
    Deno.unrefTimer(Number(this.#timer));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watched.clear();
  }

  /** Asks about everybody whose time it is. Never rejects. */
  async run(): Promise<void> {
    const { clock, everyMs } = this.options;
    const now = clock();
    if (everyMs() === 0) return;
    const due: [string, Watched][] = [];
    for (const [key, watched] of this.#watched) {
      if (watched.identity.expiresAt <= now) this.#watched.delete(key);
      else if (!watched.underWay && watched.askedAt + everyMs() * 0.75 <= now) due.push([key, watched]);
    }
    const next = due.values();
    const worker = async () => {
      for (const [key, watched] of next) await this.#ask(key, watched);
    };
    await Promise.all(Array.from({ length: atOnceMax }, worker));
  }

  async #ask(key: string, watched: Watched): Promise<void> {
    const { clock, log, depart } = this.options;
    watched.underWay = true;
    try {
      const standing = await watched.check();
      watched.askedAt = clock();
      if (standing === "unknown") return this.#drop(key, watched);
      const reason = reasonOf(watched.identity, standing);
      if (reason === null) return;
      this.#drop(key, watched);
      const { issuer, subject } = watched.identity;
      depart({ issuer, subject, reason });
    } catch (error) {
      // An issuer that is down says nothing about anybody: sessions go on to their limit, and it is asked again soon.
      const { message, rule } = asPosternError(error);
      if (rule !== issuerUnreachable) watched.askedAt = clock();
      log("warn", "a person could not be checked again", { person: watched.identity.name, reason: message });
    } finally {
      watched.underWay = false;
    }
  }

  /** Unless they have signed in anew meanwhile. */
  #drop(key: string, watched: Watched): void {
    if (this.#watched.get(key) === watched) this.#watched.delete(key);
  }
}

function reasonOf({ name, groups }: Identity, standing: Exclude<Standing, "unknown">): string | null {
  if (standing === "known") return null;
  if (standing === "gone") return `The identity provider no longer knows the sign-in of ${name}`;
  const lost = groups.filter((group) => !standing.groups.includes(group));
  if (lost.length === 0) return null;
  return `${name} is no longer a member of ${lost.slice(0, 5).join(", ")}, says the identity provider`;
}
