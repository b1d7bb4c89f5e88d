/**
 * Several issuers as one identity provider. The first is the company's own. People and groups of another one carry
 * its name (`partner/eve@example.com`, `partner/engineers`): nobody else's issuer may say who is in our groups.
 */
import { decodeJwt } from "jose";
import type { Probe } from "../health.ts";
import type { AccessToken, IdentityProvider, IssuerChoice, TokenDiscovery } from "../ports.ts";
import type { Identity } from "../types.ts";
import { departed, type Departures, type EndedSession } from "./departures.ts";
import { authFailed, quoted } from "./errors.ts";
import { isSid } from "./logout_token.ts";
import type { IdentityOptions } from "./options.ts";
import { createIdentityProvider, type OwnProvider, type ProviderDeps } from "./provider.ts";
import { SelfSigned, type ServiceAccount } from "./services.ts";
import { looksLikeToken } from "./token.ts";

export interface OtherIssuer {
  /** Of letters, digits, `_` and `-`; what its people's names and groups begin with. */
  readonly name: string;
  readonly options: IdentityOptions;
}

export interface IssuersOptions {
  readonly main: IdentityOptions;
  readonly others: readonly OtherIssuer[];
}

/** Asked anew at each use, since a reload changes them. */
export interface IssuersDeps extends ProviderDeps {
  readonly departures: Departures;
  readonly services: () => readonly ServiceAccount[];
  /** The dashboard's address: the audience of what service accounts sign by themselves. */
  readonly url: string;
}

export interface Issuers extends IdentityProvider, TokenDiscovery {
  /**
   * Other issuers in the place of these. One whose options are the same goes on with its keys and the sign-ins under way.
   * Throws AuthFailed for one that can never be asked, and has changed nothing then; what it gives puts them in force.
   */
  prepare(options: IssuersOptions): () => void;
  /** Whether each of them answers. */
  probes(): readonly Probe[];
}

interface Known {
  /** Empty for the company's own. */
  readonly name: string;
  readonly issuer: string;
  /** Of what cannot change under it. */
  readonly digest: string;
  readonly provider: OwnProvider;
}

/** Throws AuthFailed for an issuer that can never be asked; contacts nobody yet. */
export function createIssuers(options: IssuersOptions, deps: IssuersDeps): Issuers {
  return new Several(options, deps);
}

class Several implements Issuers {
  #known: readonly Known[] = [];
  readonly #selfSigned: SelfSigned;

  constructor(options: IssuersOptions, private readonly deps: IssuersDeps) {
    this.#selfSigned = new SelfSigned(deps.services, deps.url, deps.clock);
    this.prepare(options)();
    deps.departures.onSession((ended) => this.#departFrom(ended));
  }

  prepare({ main, others }: IssuersOptions): () => void {
    const { services } = this.deps;
    const own = {
      ...main,
      get services() {
        return services();
      },
    };
    const known = [{ name: "", options: own }, ...others].map(({ name, options }) => this.#of(name, options));
    return () => this.#known = known;
  }

  /** The one at hand where nothing of it differs. */
  #of(name: string, options: IdentityOptions): Known {
    // Functions stay out, and so do the services: they are asked for anew.
    const digest = JSON.stringify({ ...options, services: null });
    const before = this.#known.find((one) => one.name === name && one.digest === digest);
    return before ??
      { name, digest, issuer: options.issuer, provider: createIdentityProvider(options, this.deps) };
  }

  choices(): readonly IssuerChoice[] {
    return this.#known.map(({ name, issuer }) => ({ name, host: new URL(issuer).host }));
  }

  async begin(redirectUri: string, name = ""): Promise<{ url: string; flow: string }> {
    const chosen = this.#known.find((one) => one.name === name);
    if (chosen === undefined) throw authFailed(`There is no identity provider ${quoted(name)} here`);
    const { url, flow } = await chosen.provider.begin(redirectUri);
    return { url, flow: `${name}.${flow}` };
  }

  async complete(callback: URL, flow: string): Promise<Identity> {
    const [, name = "", id = ""] = /^([\w-]*)\.(.+)$/.exec(flow) ?? [];
    const chosen = this.#known.find((one) => one.name === name);
    if (chosen === undefined) throw authFailed(`There is no identity provider ${quoted(name)} here any more`);
    return marked(chosen, await chosen.provider.complete(callback, id));
  }

  async verifyToken(token: string, address?: string, beside?: AccessToken): Promise<Identity> {
    const service = this.#selfSigned.claimed(token);
    if (service !== null) return await this.#selfSigned.verify(token, service);
    const chosen = this.#named(token);
    const identity = marked(chosen, await chosen.provider.verifyToken(token, address, beside));
    const { departures } = this.deps;
    const sid = sidOf(token);
    const objection = departures.objection(identity) ??
      (isSid(sid) && departures.hasEnded({ issuer: chosen.issuer, sid }) ? departed(signedOut) : null);
    if (objection !== null) throw objection;
    return identity;
  }

  async loggedOut(logoutToken: string): Promise<void> {
    const { issuer, provider } = this.#named(logoutToken);
    const { subject, sid } = await provider.endedBy(logoutToken);
    const { departures } = this.deps;
    if (subject !== null) departures.depart({ issuer, subject, reason: signedOut });
    // Where it is not known whose it is, another node on the store may know, or its token may come later.
    else if (sid !== null) departures.endSession({ issuer, sid });
  }

  /** Here, or at another node: a session at an issuer that its people here came from. */
  #departFrom({ issuer, sid }: EndedSession): void {
    const provider = this.#known.find((one) => one.issuer === issuer)?.provider;
    const subject = provider?.subjectOf(sid) ?? null;
    if (subject !== null) this.deps.departures.depart({ issuer, subject, reason: signedOut });
  }

  probes(): readonly Probe[] {
    return this.#known.map(({ name, issuer, provider }) => ({
      name: name === "" ? "issuer" : `issuer ${name}`,
      // Whoever is signed in goes on without it.
      vital: false,
      async ask() {
        await provider.reach();
        return new URL(issuer).host;
      },
    }));
  }

  discovery(): ReturnType<TokenDiscovery["discovery"]> {
    return this.#own.provider.discovery();
  }

  get #own(): Known {
    return this.#known[0] as Known;
  }

  /** By the token's own word, which the issuer that it names then proves. Opaque tokens are the company's own. */
  #named(token: string): Known {
    if (this.#known.length === 1 || !looksLikeToken(token)) return this.#own;
    try {
      const { iss } = decodeJwt(token.trim());
      return this.#known.find(({ issuer }) => sameIssuer(issuer, iss)) ?? this.#own;
    } catch {
      return this.#own;
    }
  }
}

const signedOut = "You have signed out at the identity provider";

/** Of a signed token; opaque ones name no session. */
function sidOf(token: string): unknown {
  try {
    return decodeJwt(token.trim()).sid;
  } catch {
    return undefined;
  }
}

const sameIssuer = (one: string, other: unknown): boolean =>
  typeof other === "string" && one.replace(/\/$/, "") === other.replace(/\/$/, "");

function marked({ name }: Known, identity: Identity): Identity {
  if (name === "") return identity;
  return {
    ...identity,
    name: `${name}/${identity.name}`,
    groups: identity.groups.map((group) => `${name}/${group}`),
  };
}
