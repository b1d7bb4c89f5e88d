/** What a client may send as its password: a token of the issuer's, or a one-time password. */
import type { ConnectionAttempt, Gatekeeper, IdentityProvider } from "../ports.ts";
import { authFailed } from "./errors.ts";
import type { OneTimePasswords, PasswordAttempt } from "./one_time_passwords.ts";
import { looksLikeToken } from "./token.ts";

const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");

export function attemptOf(attempt: ConnectionAttempt): PasswordAttempt {
  const { user, address } = attempt.client;
  return { user, address, target: attempt.database.split("/")[0] ?? "" };
}

/** Gatekeeper.verifyPassword: null where the password is empty, which is what a client without one sends. */
export function createPasswordVerifier(
  provider: Pick<IdentityProvider, "verifyToken">,
  passwords: OneTimePasswords,
): Gatekeeper["verifyPassword"] {
  return async (attempt, password) => {
    if (password === "") return null;
    if (attempt.client.tls === null && !isLoopback(attempt.client.address)) {
      throw authFailed(
        "A password or token is taken over TLS only: on this connection others could read it",
        "Connect with TLS (sslmode=require), or without a password to sign in by browser",
      );
    }
    if (looksLikeToken(password)) return await provider.verifyToken(password);
    return passwords.verify(attemptOf(attempt), password);
  };
}
