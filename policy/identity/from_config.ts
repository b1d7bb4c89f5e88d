/** The config's issuers as they are asked. */
import type { IdentityConfig, IssuerConfig } from "../config_identity.ts";
import type { IssuersOptions } from "./issuers.ts";
import type { IdentityOptions } from "./options.ts";

/** `caOf` is asked at each request: an authority's certificate may be replaced under an issuer that stays. */
export function issuersOf(
  config: IdentityConfig,
  caOf: (issuer: string) => string | undefined,
): IssuersOptions {
  const { uncheckedMs, others } = config;
  const options = (one: IssuerConfig) => optionsOf(one, uncheckedMs, () => caOf(one.issuer));
  return { main: options(config), others: others.map((one) => ({ name: one.name, options: options(one) })) };
}

/** Nothing but the issuer's own: another setting of the config must not make it another issuer. */
function optionsOf(
  { issuer, clientId, clientSecret, groupsClaim, audiences, cliClientId, scopes, clockSkewMs }: IssuerConfig,
  uncheckedMs: number,
  ca: () => string | undefined,
): IdentityOptions {
  return {
    issuer,
    clientId,
    groupsClaim,
    audiences,
    clockSkewMs,
    uncheckedMs,
    ca,
    ...(clientSecret === null ? {} : { clientSecret: clientSecret.reveal() }),
    ...(cliClientId === undefined ? {} : { cliClientId }),
    ...(scopes === undefined ? {} : { scopes }),
  };
}

/** A confidential client's id is no use to a program that holds no secret. */
export const cliOf = ({ issuer, clientId, clientSecret, cliClientId }: IdentityConfig) => ({
  issuer,
  clientId: cliClientId ?? (clientSecret === null ? clientId : null),
});
