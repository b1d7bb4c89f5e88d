/** What identity needs to be told. Times in milliseconds. */
import type { ServiceAccount } from "./services.ts";

export interface IdentityOptions {
  /** The issuer's identifier exactly as its discovery document spells it. https, or http on loopback. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string;
  /** PEM of the authority of its TLS certificate, beside the public ones, asked for at each request. */
  readonly ca?: () => string | undefined;
  /**
   * Where the groups stand in the claims: segments, or a string. A string is first taken as one name (so
   * `https://example.com/groups` works), then as a dotted path (`realm_access.roles`).
   */
  readonly groupsClaim: string | readonly string[];
  /** The public client that the command line signs in with; its tokens count as those of clientId. */
  readonly cliClientId?: string;
  /** What `aud` may name in a presented token. Default: the client's id. */
  readonly audiences?: readonly string[];
  /** Which clients, beside clientId, a presented token may have been issued to (`azp`). Default: the audiences. */
  readonly authorizedParties?: readonly string[];
  /** Programs that sign in as themselves. */
  readonly services?: readonly ServiceAccount[];
  /** Asked for beside `openid`; default e-mail, profile, and groups where the issuer knows such a scope. */
  readonly scopes?: readonly string[];
  /** How far the issuer's clock may be off. Default one minute. */
  readonly clockSkewMs?: number;
  /** Longest sign-in by a token that the issuer cannot be asked about again; 0 refuses it. Default: as the token says. */
  readonly uncheckedMs?: number;
  /** How long a browser sign-in counts. Default 8 hours. */
  readonly lifetimeMs?: number;
}

/** What `aud` may name in a token that somebody presents. */
export const audiencesOf = ({ clientId, cliClientId, audiences }: IdentityOptions): readonly string[] => [
  ...(audiences ?? [clientId]),
  ...(cliClientId === undefined ? [] : [cliClientId]),
];

/** The clients that a token may have been issued to. */
export const acceptedParties = (options: IdentityOptions): readonly string[] => [
  options.clientId,
  ...(options.services ?? []).map(({ client }) => client),
  ...(options.authorizedParties ?? []),
  ...audiencesOf(options),
];

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
