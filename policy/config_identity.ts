/** The config's `identity:` section. */
import { z } from "zod";
import { duration, httpsUrl, type Secret, secret } from "./config_values.ts";

export const identitySchema = z.strictObject({
  issuer: httpsUrl,
  clientId: z.string().min(1),
  clientSecret: secret.optional(),
  groupsClaim: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
    error: "must be a dotted path, or a list of its segments",
  }).default("groups"),
  audiences: z.array(z.string().min(1)).min(1).optional(),
  /** The public client for `postern login` and other programs of people's own; see the help topic sign_in. */
  cliClientId: z.string().min(1).optional(),
  /** Asked for at a sign-in, beside `openid`. */
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: "must be one scope" })).optional(),
  /** Who is asked for a token by OAUTHBEARER: clients that connect as the user `oauth`, or everyone over TLS. */
  oauthBearer: z.enum(["named", "everyone"]).default("named"),
  signInTimeout: duration("5s", "1h").default(120_000),
  /** How long after a sign-in further connections of the same pool need not ask; 0s asks each time. */
  shareSignIn: duration("0s", "10m").default(10_000),
});

export interface IdentityConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** null for a public client. */
  readonly clientSecret: Secret | null;
  /** Where the groups are within the claims: see IdentityOptions. */
  readonly groupsClaim: string | readonly string[];
  readonly audiences: readonly string[];
  readonly cliClientId?: string;
  readonly scopes?: readonly string[];
  readonly oauthBearer: "named" | "everyone";
  readonly signInTimeoutMs: number;
  readonly shareSignInMs: number;
}

/** `section` as parsed by identitySchema. */
export function toIdentityConfig(section: z.output<typeof identitySchema>): IdentityConfig {
  return {
    issuer: section.issuer,
    clientId: section.clientId,
    clientSecret: section.clientSecret ?? null,
    groupsClaim: section.groupsClaim,
    audiences: section.audiences ?? [section.clientId],
    ...(section.cliClientId === undefined ? {} : { cliClientId: section.cliClientId }),
    ...(section.scopes === undefined ? {} : { scopes: section.scopes }),
    oauthBearer: section.oauthBearer,
    signInTimeoutMs: section.signInTimeout,
    shareSignInMs: section.shareSignIn,
  };
}
