/**
 * Several issuers as one identity provider. The first is the company's own. People and groups of another one carry
 * its name (`partner/eve@example.com`, `partner/engineers`): nobody else's issuer may say who is in our groups.
 */
import { decodeJwt } from "jose";
import type { Probe } from "../health.ts";
import type { IdentityProvider, IssuerChoice, TokenDiscovery } from "../ports.ts";
import type { Identity } from "../types.ts";
import type { Departures } from "./departures.ts";
import { authFailed, quoted } from "./errors.ts";
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
  readonly services: readonly ServiceAccount[];
  /** The dashboard's address: the audience of what service accounts sign by themselves. */
  readonly url: string;
}

interface Known {
  /** Empty for the company's own. */
  readonly name: string;
  readonly issuer: string;
  readonly provider: OwnProvider;
}

export interface IssuersService extends IdentityProvider, TokenDiscovery {
  /** Whether each of them answers. */
  probes(): readonly Probe[];
}

/** Throws AuthFailed for an issuer that can never be asked; contacts nobody yet. */
export function createIssuers(
  { main, others, services, url }: IssuersOptions,
  deps: ProviderDeps & { readonly departures: Departures },
): IssuersService {
  const known = [{ name: "", options: { ...main, services } }, ...others].map(({ name, options }): Known => ({
    name,
    issuer: options.issuer,
    provider: createIdentityProvider(options, deps),
  }));
  return new Issuers(known, new SelfSigned(services, url, deps.clock), deps.departures);
}

class Issuers implements IssuersService {
  constructor(
    private readonly known: readonly Known[],
    private readonly selfSigned: SelfSigned,
    private readonly departures: Departures,
  ) {}

  choices(): readonly IssuerChoice[] {
    return this.known.map(({ name, issuer }) => ({ name, host: new URL(issuer).host }));
  }

  async begin(redirectUri: string, name = ""): Promise<{ url: string; flow: string }> {
    const at = this.known.findIndex((one) => one.name === name);
    const chosen = this.known[at];
    if (chosen === undefined) throw authFailed(`There is no identity provider ${quoted(name)} here`);
    const { url, flow } = await chosen.provider.begin(redirectUri);
    return { url, flow: `${at}.${flow}` };
  }

  async complete(callback: URL, flow: string): Promise<Identity> {
    const [, at = "", id = ""] = /^(\d+)\.(.+)$/.exec(flow) ?? [];
    const chosen = this.known[Number(at)] ?? this.#own;
    return marked(chosen, await chosen.provider.complete(callback, id));
  }

  async verifyToken(token: string, address?: string): Promise<Identity> {
    const service = this.selfSigned.claimed(token);
    if (service !== null) return await this.selfSigned.verify(token, service);
    const chosen = this.#named(token);
    const identity = marked(chosen, await chosen.provider.verifyToken(token, address));
    const objection = this.departures.objection(identity);
    if (objection !== null) throw objection;
    return identity;
  }

  async loggedOut(logoutToken: string): Promise<void> {
    const chosen = this.#named(logoutToken);
    const subject = await chosen.provider.subjectOf(logoutToken);
    const reason = "You have signed out at the identity provider";
    if (subject !== null) this.departures.depart({ issuer: chosen.issuer, subject, reason });
  }

  probes(): readonly Probe[] {
    return this.known.map(({ name, issuer, provider }) => ({
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
    return this.known[0] as Known;
  }

  /** By the token's own word, which the issuer that it names then proves. Opaque tokens are the company's own. */
  #named(token: string): Known {
    if (this.known.length === 1 || !looksLikeToken(token)) return this.#own;
    try {
      const { iss } = decodeJwt(token.trim());
      return this.known.find(({ issuer }) => sameIssuer(issuer, iss)) ?? this.#own;
    } catch {
      return this.#own;
    }
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
