/** ID tokens that somebody presents: the issuer can be asked about their person again with an access token beside them. */
import type { AccessToken, Clock } from "../ports.ts";
import type { Identity } from "../types.ts";
import { authFailed } from "./errors.ts";
import { issuerUnreachable } from "./fetch_limits.ts";
import { type IdentityOptions, minute } from "./options.ts";
import { refusal } from "./provider_refusals.ts";
import type { StandingCheck, Watch } from "./rechecks.ts";
import { digestOf } from "./secrets.ts";

/** A program that asks again and again does not make Postern ask the issuer as often. */
const askedAgainMs = minute;
const rememberedMax = 10_000;

export interface BesideDeps {
  readonly clock: Clock;
  readonly watch: Watch;
  readonly checkWith: (subject: string, token: AccessToken) => StandingCheck;
}

export class BesideTokens {
  /** Digest of person and token -> when the issuer last knew them, and whether it told the groups; oldest first. */
  readonly #asked = new Map<string, { readonly at: number; readonly groups: boolean }>();

  constructor(private readonly deps: BesideDeps) {}

  /**
   * Whether the issuer is asked about this person and their groups from now on. False where the token opens nothing:
   * an issuer may refuse it for its audience as well as for its person. Rejects with AuthFailed where it does not answer.
   */
  async watch(identity: Identity, token: AccessToken): Promise<boolean> {
    const { clock, watch, checkWith } = this.deps;
    const key = digestOf(JSON.stringify([identity.subject, token.token]));
    const before = this.#asked.get(key);
    if (before !== undefined && before.at + askedAgainMs > clock()) return before.groups;
    const check = checkWith(identity.subject, token);
    const standing = await check().catch((thrown) => {
      const error = refusal(thrown);
      if (error.rule === issuerUnreachable) throw error;
      return "unknown" as const;
    });
    if (standing === "unknown" || standing === "gone") return false;
    watch(identity, check, false);
    const groups = standing !== "known";
    this.#asked.delete(key);
    this.#asked.set(key, { at: clock(), groups });
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= rememberedMax) break;
      this.#asked.delete(oldest);
    }
    return groups;
  }
}

/** Nothing that comes with an ID token alone lets the issuer be asked about its person again. */
export function unchecked(identity: Identity, now: number, { uncheckedMs }: IdentityOptions): Identity {
  if (uncheckedMs === undefined) return identity;
  if (uncheckedMs === 0) {
    throw authFailed(
      "The identity provider cannot be asked again about a sign-in by an ID token alone, which is demanded here (identity.unchecked)",
      "Sign in by browser, with `postern login`, or with an access token that opens the userinfo endpoint",
    );
  }
  return { ...identity, expiresAt: Math.min(identity.expiresAt, now + uncheckedMs) };
}
