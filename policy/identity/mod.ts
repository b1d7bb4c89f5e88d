/** Who is it: the issuer, browser sign-ins, one-time passwords and presented tokens. */
export type { IdentityOptions } from "./options.ts";
export { createIssuers, type Issuers, type IssuersOptions } from "./issuers.ts";
export { createIdentityProvider } from "./provider.ts";
export { createSignIns, type SignInService, type SignInsOptions } from "./sign_ins.ts";
export {
  type IssuedPassword,
  namesOneTimePassword,
  OneTimePasswords,
  type OneTimePasswordsOptions,
  type PasswordAttempt,
  type PasswordChallenge,
} from "./one_time_passwords.ts";
export {
  attemptOf,
  createPresentedSignIns,
  type PresentedSignIns,
  sendsInSecret,
  tokenUser,
} from "./passwords.ts";
export { type PasswordVerifiers, provesSha1, provesSha256, type ScramVerifier } from "./verifiers.ts";
export { basisOf } from "./basis.ts";
export {
  departed,
  Departures,
  type EndedSession,
  type Leaving,
  noLongerKnown,
  rememberedMs,
} from "./departures.ts";
export { Rechecks } from "./rechecks.ts";
