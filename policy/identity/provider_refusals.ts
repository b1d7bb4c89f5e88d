/** Every way in which the exchange with the issuer can fail, for people. */
import { AuthorizationResponseError, ResponseBodyError, WWWAuthenticateChallengeError } from "oauth4webapi";
import { PosternError } from "../errors.ts";
import { askOperator, authFailed, quoted } from "./errors.ts";

export const tryAgain = "Start the sign-in anew";

/** Total. */
export function refusal(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  if (error instanceof AuthorizationResponseError) {
    return error.error === "access_denied"
      ? authFailed("The sign-in was cancelled or refused at the identity provider", tryAgain, error)
      : authFailed(`The identity provider refused the sign-in: ${quoted(error.error)}`, askOperator, error);
  }
  if (error instanceof WWWAuthenticateChallengeError) return notItsClient(error);
  if (error instanceof ResponseBodyError) {
    if (error.error === "invalid_client" || error.error === "unauthorized_client") return notItsClient(error);
    return error.error === "invalid_grant"
      ? authFailed("The identity provider's code is too old or was used before", tryAgain, error)
      : authFailed(`The identity provider refused its own code: ${quoted(error.error)}`, askOperator, error);
  }
  const message = error instanceof Error ? error.message : "";
  if (/"state"/.test(message)) {
    return authFailed("The answer belongs to another sign-in (`state`)", tryAgain, error);
  }
  if (/"iss" \(issuer\) response/.test(message)) {
    return authFailed("The answer is from another issuer (`iss`)", tryAgain, error);
  }
  if (/nonce/i.test(message)) {
    return authFailed("The token belongs to another sign-in (`nonce`)", tryAgain, error);
  }
  return authFailed(
    "The identity provider's answer cannot be used",
    `${tryAgain}; ${askOperator.toLowerCase()} if it fails again`,
    error,
  );
}

const notItsClient = (cause: unknown): PosternError =>
  authFailed(
    "The identity provider does not accept Postern as its client",
    `${askOperator}: check identity.clientId and identity.clientSecret`,
    cause,
  );
