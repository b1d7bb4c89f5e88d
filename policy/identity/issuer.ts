/** What is known of the issuer: its discovery document and its keys, cached, refreshed and retried within bounds. */
import {
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type JWTVerifyGetKey,
} from "jose";
import {
  allowInsecureRequests,
  type AuthorizationServer,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from "oauth4webapi";
import { PosternError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports.ts";
import { askOperator, authFailed } from "./errors.ts";
import { isPlainLoopback, limitedFetch, objection } from "./fetch_limits.ts";
import { hour, minute, second } from "./options.ts";

/**
 * One remote document: kept for `freshMs`, fetched once however many ask, and after a failure not again
 * before a pause that doubles from 1 s to 1 min; until then everybody gets the same failure.
 */
export class Cached<T> {
  #value: { readonly value: T; readonly at: number } | null = null;
  #failure: { readonly error: unknown; readonly until: number; readonly pauseMs: number } | null = null;
  #underWay: Promise<T> | null = null;

  constructor(
    private readonly fetchOne: () => Promise<T>,
    private readonly freshMs: number,
    private readonly clock: Clock,
  ) {}

  /** Age of what is cached; Infinity where nothing is. */
  get ageMs(): number {
    return this.#value === null ? Infinity : this.clock() - this.#value.at;
  }

  async get(olderThanMs = this.freshMs): Promise<T> {
    if (this.#value !== null && this.ageMs < olderThanMs) return this.#value.value;
    if (this.#failure !== null && this.clock() < this.#failure.until) throw this.#failure.error;
    this.#underWay ??= this.#refresh().finally(() => this.#underWay = null);
    return await this.#underWay;
  }

  async #refresh(): Promise<T> {
    try {
      const value = await this.fetchOne();
      this.#value = { value, at: this.clock() };
      this.#failure = null;
      return value;
    } catch (error) {
      const pauseMs = Math.min(minute, this.#failure === null ? second : this.#failure.pauseMs * 2);
      this.#failure = { error, until: this.clock() + pauseMs, pauseMs };
      throw error;
    }
  }
}

const metadataFreshMs = hour;
const keysFreshMs = 10 * minute;
/** An unknown key id makes the keys be asked for again, but not more often than this. */
const keysAgainMs = 10 * second;

type Keys = ReturnType<typeof createLocalJWKSet>;

export class Issuer {
  readonly url: URL;
  readonly #metadata: Cached<AuthorizationServer>;
  readonly #keys: Cached<Keys>;

  /** `ca`: PEM of its authority as the config in force has it. Throws AuthFailed for an address never asked. */
  constructor(
    issuer: string,
    clock: Clock,
    private readonly log: Log,
    private readonly ca: () => string | undefined,
  ) {
    this.url = new URL(issuer);
    const why = objection(this.url);
    if (why !== null) throw authFailed(`identity.issuer cannot be ${this.url.origin}: ${why}`, askOperator);
    this.#metadata = new Cached(() => this.#told("discovery", this.#discover()), metadataFreshMs, clock);
    this.#keys = new Cached(() => this.#told("keys", this.#fetchKeys()), keysFreshMs, clock);
  }

  /** What every request of oauth4webapi is to be made with. */
  get requestOptions() {
    return { [customFetch]: this.#fetch, [allowInsecureRequests]: isPlainLoopback(this.url) };
  }

  readonly #fetch = (address: string | URL, init?: RequestInit) => limitedFetch(address, init, this.ca());

  /** Rejects with AuthFailed. */
  metadata(): Promise<AuthorizationServer> {
    return this.#metadata.get();
  }

  /** Asks again unless it answered in the last minute. Rejects with AuthFailed where it does not answer now. */
  async reach(): Promise<void> {
    await this.#metadata.get(minute);
  }

  /** For jose: the key that a token's header names. Asks the issuer again, within bounds, for one it does not know. */
  readonly keyOf: JWTVerifyGetKey = async (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => {
    try {
      return await (await this.#keys.get())(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#keys.ageMs < keysAgainMs) throw error;
      return await (await this.#keys.get(keysAgainMs))(header, token);
    }
  };

  async #discover(): Promise<AuthorizationServer> {
    const response = await discoveryRequest(this.url, this.requestOptions);
    try {
      return await processDiscoveryResponse(this.url, response);
    } catch (error) {
      throw authFailed(
        `${this.url.href} does not answer as an OpenID Connect issuer (HTTP ${response.status})`,
        `${askOperator}: identity.issuer must be spelled as in its own discovery document`,
        error,
      );
    }
  }

  async #fetchKeys(): Promise<Keys> {
    const { jwks_uri: address } = await this.metadata();
    if (address === undefined) throw authFailed("The identity provider publishes no keys", askOperator);
    const response = await this.#fetch(address, { headers: { accept: "application/json" } });
    try {
      if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
      return createLocalJWKSet(await response.json());
    } catch (error) {
      throw authFailed("The identity provider's keys cannot be read", askOperator, error);
    }
  }

  async #told<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const message = error instanceof PosternError ? error.message : String(error);
      this.log("warn", "the identity provider failed", { what, issuer: this.url.origin, reason: message });
      throw error;
    }
  }
}
