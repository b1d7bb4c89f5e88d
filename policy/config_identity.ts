/** The config's `identity:` section. */
import { z } from "zod";
import { certificate, duration, groupNames, httpsUrl, type Secret, secret } from "./config_values.ts";
import type { ServiceAccount } from "./identity/services.ts";

/** What there is to say of one issuer. */
const issuerShape = {
  issuer: httpsUrl,
  clientId: z.string().min(1),
  clientSecret: secret.optional(),
  groupsClaim: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
    error: "must be a dotted path, or a list of its segments",
  }).default("groups"),
  /** What a token that a client brings may be for; the client's id where nothing is said. */
  audiences: z.array(z.string().min(1)).min(1).optional(),
  /** The public client for `postern login` and other programs of people's own; see the help topic sign_in. */
  cliClientId: z.string().min(1).optional(),
  /** Asked for at a sign-in, beside `openid`. */
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: "must be one scope" })).optional(),
  /** Of its TLS certificate, where that is from no public authority. */
  ca: certificate.optional(),
  /** How far its clock may be off. */
  clockSkew: duration("0s", "10m").default(60_000),
};

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/, {
  error: "must be a short name of letters, digits, _ and -",
});

const serviceSchema = z.strictObject({
  client: z.string().min(1).max(200),
  /** `sub` of its tokens, where the issuer writes something else there than the client's id. */
  subject: z.string().min(1).max(200).optional(),
  name: z.string().min(1).max(100).optional(),
  groups: groupNames.min(1),
  /** Targets by name: it reaches these and no others. */
  targets: z.array(z.string().min(1)).min(1),
  maxLifetime: duration("1m", "24h").default(3_600_000),
  /** Of the key that it signs its own tokens with (RFC 7523), in PEM; it then needs no issuer. */
  publicKey: z.string().min(1).optional(),
});

export const identitySchema = z.strictObject({
  ...issuerShape,
  /** Other issuers; names and groups of their people begin with the issuer's name, as in `partner/engineers`. */
  others: z.array(z.strictObject({ name, ...issuerShape })).max(20).default([]),
  /** Service accounts and AI agents. */
  services: z.array(serviceSchema).max(1000).default([]),
  /** Who is asked for a token by OAUTHBEARER: clients that connect as the user `oauth`, or everyone over TLS. */
  oauthBearer: z.enum(["named", "everyone"]).default("named"),
  /** The issuer is asked this often whether those who signed in still may, with the same groups; 0s asks never. */
  recheck: duration("0s", "24h").default(600_000),
  /** How long a sign-in counts that the issuer cannot be asked about again: by an ID token and nothing more. */
  unchecked: duration("0s", "24h").default(86_400_000),
  signInTimeout: duration("5s", "1h").default(120_000),
  /** How long after a sign-in further connections of the same pool need not ask; 0s asks each time. */
  shareSignIn: duration("0s", "10m").default(10_000),
});

export interface IssuerConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** null for a public client. */
  readonly clientSecret: Secret | null;
  /** Where the groups are within the claims: see IdentityOptions. */
  readonly groupsClaim: string | readonly string[];
  readonly audiences: readonly string[];
  readonly cliClientId?: string;
  readonly scopes?: readonly string[];
  /** PEM. */
  readonly ca?: string;
  readonly clockSkewMs: number;
}

export interface IdentityConfig extends IssuerConfig {
  readonly others: readonly (IssuerConfig & { readonly name: string })[];
  readonly services: readonly ServiceAccount[];
  readonly oauthBearer: "named" | "everyone";
  readonly recheckMs: number;
  /** 0: such a sign-in is refused. */
  readonly uncheckedMs: number;
  readonly signInTimeoutMs: number;
  readonly shareSignInMs: number;
}

type Section = z.output<typeof identitySchema>;

/** `section` as parsed by identitySchema. */
export function toIdentityConfig(section: Section): IdentityConfig {
  return {
    ...toIssuer(section),
    others: section.others.map((other) => ({ name: other.name, ...toIssuer(other) })),
    services: section.services.map(({ maxLifetime, ...service }) => ({
      ...service,
      name: service.name ?? service.client,
      maxLifetimeMs: maxLifetime,
    })),
    oauthBearer: section.oauthBearer,
    recheckMs: section.recheck,
    uncheckedMs: section.unchecked,
    signInTimeoutMs: section.signInTimeout,
    shareSignInMs: section.shareSignIn,
  };
}

function toIssuer(section: Section | Section["others"][number]): IssuerConfig {
  return {
    issuer: section.issuer,
    clientId: section.clientId,
    clientSecret: section.clientSecret ?? null,
    groupsClaim: section.groupsClaim,
    audiences: section.audiences ?? [section.clientId],
    ...(section.cliClientId === undefined ? {} : { cliClientId: section.cliClientId }),
    ...(section.scopes === undefined ? {} : { scopes: section.scopes }),
    ...(section.ca === undefined ? {} : { ca: section.ca }),
    clockSkewMs: section.clockSkew,
  };
}
