/** What a client may send as its password: a token of the issuer's, or a one-time password. */
import type {
  BearerSignIns,
  Clock,
  ConnectionAttempt,
  Gatekeeper,
  IdentityProvider,
  TokenDiscovery,
} from "../ports.ts";
import type { Identity } from "../types.ts";
import { AttemptLimiter } from "./attempt_limiter.ts";
import { asPosternError } from "../errors.ts";
import { authFailed } from "./errors.ts";
import { issuerUnreachable } from "./fetch_limits.ts";
import type { OneTimePasswords, PasswordAttempt } from "./one_time_passwords.ts";
import { looksLikeToken } from "./token.ts";

const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");

export function attemptOf(attempt: ConnectionAttempt): PasswordAttempt {
  const { user, address } = attempt.client;
  return { user, address, target: attempt.database.split("/")[0] ?? "" };
}

/** Whether nobody else can read what this client sends. */
export const sendsInSecret = ({ client }: ConnectionAttempt): boolean =>
  client.tls !== null || isLoopback(client.address);

/** A token from a connection: over TLS only, and not more than so many wrong ones from one address. */
export function createTokenVerifier(
  provider: Pick<IdentityProvider, "verifyToken">,
  clock: Clock,
): (attempt: ConnectionAttempt, token: string) => Promise<Identity> {
  const perAddress = new AttemptLimiter(20, "from this address", clock);
  return async (attempt, token) => {
    if (!sendsInSecret(attempt)) {
      throw authFailed(
        "A password or token is taken over TLS only: on this connection others could read it",
        "Connect with TLS (sslmode=require), or without a password to sign in by browser",
      );
    }
    // A signature cannot be guessed; opaque tokens could be, and each guess is a request to the issuer.
    if (looksLikeToken(token)) return await provider.verifyToken(token);
    const { address } = attempt.client;
    perAddress.check(address);
    try {
      return await provider.verifyToken(token);
    } catch (error) {
      if (asPosternError(error).rule !== issuerUnreachable) perAddress.fail(address);
      throw error;
    }
  };
}

export interface PresentedSignIns {
  /** Gatekeeper.verifyPassword: null where the password is empty, which is what a client without one sends. */
  readonly verifyPassword: Gatekeeper["verifyPassword"];
  readonly bearer: BearerSignIns;
}

/** Everything that a client may present by itself. */
export function createPresentedSignIns(
  provider: Pick<IdentityProvider, "verifyToken"> & TokenDiscovery,
  passwords: OneTimePasswords,
  { everyone, clock }: { readonly everyone: boolean; readonly clock: Clock },
): PresentedSignIns {
  const verifyToken = createTokenVerifier(provider, clock);
  return {
    async verifyPassword(attempt, password) {
      if (password === "") return null;
      if (looksLikeToken(password) || !sendsInSecret(attempt)) return await verifyToken(attempt, password);
      return passwords.verify(attemptOf(attempt), password);
    },
    bearer: { everyone, verify: verifyToken, discovery: () => provider.discovery() },
  };
}
