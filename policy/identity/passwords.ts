/** What a client may send as its password: a token of the issuer's, or a one-time password. */
import type {
  BearerSignIns,
  ConnectionAttempt,
  Gatekeeper,
  IdentityProvider,
  TokenDiscovery,
} from "../ports.ts";
import type { Identity } from "../types.ts";
import { authFailed } from "./errors.ts";
import type { OneTimePasswords, PasswordAttempt } from "./one_time_passwords.ts";
import { looksLikeToken } from "./token.ts";

const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");

export function attemptOf(attempt: ConnectionAttempt): PasswordAttempt {
  const { user, address } = attempt.client;
  return { user, address, target: attempt.database.split("/")[0] ?? "" };
}

/** Who connects as this user brings a token of the issuer's as the password, of whatever look. */
export const tokenUser = "token";

/** Whether nobody else can read what this client sends. */
export const sendsInSecret = ({ client }: ConnectionAttempt): boolean =>
  client.tls !== null || isLoopback(client.address);

export interface PresentedSignIns {
  /** Gatekeeper.verifyPassword: null where the password is empty, which is what a client without one sends. */
  readonly verifyPassword: Gatekeeper["verifyPassword"];
  readonly bearer: BearerSignIns;
}

/** Everything that a client may present by itself. */
export function createPresentedSignIns(
  provider: Pick<IdentityProvider, "verifyToken"> & TokenDiscovery,
  passwords: OneTimePasswords,
  { everyone }: { readonly everyone: () => boolean },
): PresentedSignIns {
  const verify = async (attempt: ConnectionAttempt, token: string): Promise<Identity> => {
    if (!sendsInSecret(attempt)) throw readable();
    return await provider.verifyToken(token, attempt.client.address);
  };
  return {
    async verifyPassword(attempt, password) {
      if (password === "") return null;
      if (!sendsInSecret(attempt)) throw readable();
      if (looksLikeToken(password) || attempt.client.user === tokenUser) {
        return await verify(attempt, password);
      }
      return passwords.verify(attemptOf(attempt), password);
    },
    bearer: {
      get everyone() {
        return everyone();
      },
      verify,
      discovery: () => provider.discovery(),
    },
  };
}

const readable = () =>
  authFailed(
    "A password or token is taken over TLS only: on this connection others could read it",
    "Connect with TLS (sslmode=require), or without a password to sign in by browser",
  );
