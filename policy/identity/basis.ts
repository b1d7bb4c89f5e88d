/** What a sign-in rests on in the config; where that is gone or another, so is the sign-in. */
import type { IdentityConfig } from "../config_identity.ts";
import type { Identity } from "../types.ts";
import { subjectOf } from "./services.ts";

/**
 * A person's: the issuer, under the name that it has here. A service account's: the whole of what the config says of
 * it, its key included. null where the config knows of no such thing.
 */
export function basisOf(
  { targets, issuer, name, subject }: Identity,
  config: Pick<IdentityConfig, "issuer" | "others" | "services">,
): string | null {
  // Bound to targets: a service account, also by a one-time password.
  if (targets !== undefined) {
    const service = config.services.find((one) => one.name === name && subjectOf(one) === subject);
    return service === undefined ? null : JSON.stringify(service);
  }
  const other = config.others.find((one) => one.issuer === issuer && name.startsWith(`${one.name}/`));
  if (other !== undefined) return `${other.name} ${issuer}`;
  return config.issuer === issuer ? ` ${issuer}` : null;
}
