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
  signInTimeout: duration("5s", "1h").default(120_000),
  /** How long after a sign-in further connections of the same pool need not ask; 0s asks each time. */
  shareSignIn: duration("0s", "10m").default(10_000),
});

export interface IdentityConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** null for a public client. */
  readonly clientSecret: Secret | null;
  /** The path to the groups within the claims. */
  readonly groupsClaim: readonly string[];
  readonly audiences: readonly string[];
  readonly signInTimeoutMs: number;
  readonly shareSignInMs: number;
}

/** `section` as parsed by identitySchema. */
export function toIdentityConfig(section: z.output<typeof identitySchema>): IdentityConfig {
  const { groupsClaim } = section;
  return {
    issuer: section.issuer,
    clientId: section.clientId,
    clientSecret: section.clientSecret ?? null,
    groupsClaim: typeof groupsClaim === "string" ? groupsClaim.split(".") : groupsClaim,
    audiences: section.audiences ?? [section.clientId],
    signInTimeoutMs: section.signInTimeout,
    shareSignInMs: section.shareSignIn,
  };
}
