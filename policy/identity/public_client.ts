/**
 * Signing in from a terminal, as a public client of the issuer: the device authorization grant (RFC 8628) or a
 * loopback redirect with PKCE (RFC 8252); renewing, and revoking (RFC 7009). Runs on the person's own machine.
 */
import {
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  type Client,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
  processRefreshTokenResponse,
  processRevocationResponse,
  refreshTokenGrantRequest,
  ResponseBodyError,
  revocationRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from "oauth4webapi";
import { asPosternError, PosternError } from "../errors.ts";
import { authFailed, quoted } from "./errors.ts";
import { Issuer } from "./issuer.ts";
import { second } from "./options.ts";

export interface Tokens {
  /** What proves the person to Postern: the ID token, else the access token. */
  readonly bearer: string;
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** When the first of the two ends, as far as the issuer says. */
  readonly expiresAt: number;
  /** When `accessToken` ends; unknown of what an earlier program kept. */
  readonly accessEndsAt?: number | undefined;
}

export interface Terminal {
  /** Shows the person where to go. */
  show(line: string): void;
  /** Rejects when the person gives up (Ctrl-C). */
  readonly signal: AbortSignal;
}

/** Opens a port on loopback that waits for one request; see ui/cli/loopback.ts. */
export type AwaitRedirect = (
  signal: AbortSignal,
) => Promise<{ readonly redirectUri: string; readonly callback: Promise<URL>; close(): void }>;

const again = "Run `postern login` again";
const nobody = () => {};

export class PublicClient {
  readonly #issuer: Issuer;
  readonly #client: Client;

  /** `ca`: PEM of authorities beside the public ones. Throws AuthFailed for an address that is not asked. Contacts nobody yet. */
  constructor(issuer: string, clientId: string, ca?: string) {
    this.#issuer = new Issuer(issuer, Date.now, nobody, () => ca);
    this.#client = { client_id: clientId };
  }

  /** Whether the issuer has the device grant. Rejects with AuthFailed where it cannot be asked. */
  async hasDeviceGrant(): Promise<boolean> {
    return (await this.#issuer.metadata()).device_authorization_endpoint !== undefined;
  }

  async byDevice({ show, signal }: Terminal): Promise<Tokens> {
    const metadata = await this.#issuer.metadata();
    const options = { ...this.#issuer.requestOptions, signal };
    const parameters = { scope: await this.#scope() };
    const device = await this.#asked(async () =>
      await processDeviceAuthorizationResponse(
        metadata,
        this.#client,
        await deviceAuthorizationRequest(metadata, this.#client, None(), parameters, options),
      )
    );
    const { verification_uri_complete: whole, verification_uri: page, user_code: code } = device;
    show(`To sign in, open ${whole ?? page}\nand enter the code: ${code}`);
    const deadline = Date.now() + device.expires_in * second;
    let waitMs = (device.interval ?? 5) * second;
    while (Date.now() < deadline) {
      await pause(waitMs, signal);
      const grant = async () =>
        await processDeviceCodeResponse(
          metadata,
          this.#client,
          await deviceCodeGrantRequest(metadata, this.#client, None(), device.device_code, options),
        );
      try {
        return tokensOf(await grant());
      } catch (error) {
        const reason = error instanceof ResponseBodyError ? error.error : null;
        if (reason === "slow_down") waitMs += 5 * second;
        else if (reason !== "authorization_pending") throw refusal(error);
      }
    }
    throw authFailed("Nobody signed in before the code expired", again);
  }

  async byRedirect({ show, signal }: Terminal, awaitRedirect: AwaitRedirect): Promise<Tokens> {
    const metadata = await this.#issuer.metadata();
    const { redirectUri, callback, close } = await awaitRedirect(signal);
    const [state, nonce, verifier] = [
      generateRandomState(),
      generateRandomNonce(),
      generateRandomCodeVerifier(),
    ];
    try {
      const url = new URL(metadata.authorization_endpoint ?? "");
      const parameters = {
        client_id: this.#client.client_id,
        redirect_uri: redirectUri,
        response_type: "code",
        scope: await this.#scope(),
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      show(`To sign in, open ${url.href}`);
      const answered = await callback;
      return await this.#asked(async () => {
        const answer = validateAuthResponse(metadata, this.#client, answered, state);
        const options = { ...this.#issuer.requestOptions, signal };
        const response = await authorizationCodeGrantRequest(
          metadata,
          this.#client,
          None(),
          answer,
          redirectUri,
          verifier,
          options,
        );
        const expected = { expectedNonce: nonce };
        return tokensOf(await processAuthorizationCodeResponse(metadata, this.#client, response, expected));
      });
    } finally {
      close();
    }
  }

  /** New tokens for old. Rejects with AuthFailed where the issuer no longer renews them. */
  async renew({ refreshToken }: Tokens): Promise<Tokens> {
    if (refreshToken === null) throw authFailed("The sign-in has ended", again);
    const metadata = await this.#issuer.metadata();
    return await this.#asked(async () => {
      const options = this.#issuer.requestOptions;
      const response = await refreshTokenGrantRequest(metadata, this.#client, None(), refreshToken, options);
      const tokens = tokensOf(await processRefreshTokenResponse(metadata, this.#client, response));
      // An issuer that rotates them sends a new one; others go on with the old.
      return tokens.refreshToken === null ? { ...tokens, refreshToken } : tokens;
    });
  }

  /** False where the issuer has no way to revoke. Rejects where it has, and does not. */
  async revoke({ refreshToken, accessToken }: Tokens): Promise<boolean> {
    const metadata = await this.#issuer.metadata();
    if (metadata.revocation_endpoint === undefined) return false;
    for (const token of refreshToken === null ? [accessToken] : [refreshToken, accessToken]) {
      await this.#asked(async () => {
        const options = this.#issuer.requestOptions;
        await processRevocationResponse(
          await revocationRequest(metadata, this.#client, None(), token, options),
        );
      });
    }
    return true;
  }

  async #scope(): Promise<string> {
    const known = (await this.#issuer.metadata()).scopes_supported ?? [];
    const wanted = ["email", "profile", "groups", "offline_access"];
    return ["openid", ...wanted.filter((scope) => known.includes(scope))].join(" ");
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw refusal(error);
    }
  }
}

function tokensOf(answer: TokenEndpointResponse): Tokens {
  const { id_token: idToken, access_token: accessToken, refresh_token: refreshToken } = answer;
  const accessEndsAt = Date.now() + (answer.expires_in ?? 300) * second;
  return {
    bearer: idToken ?? accessToken,
    accessToken,
    refreshToken: refreshToken ?? null,
    accessEndsAt,
    expiresAt: Math.min(accessEndsAt, (idToken === undefined ? undefined : endOf(idToken)) ?? accessEndsAt),
  };
}

/** `exp` of a token, unverified: it only says when to renew. */
function endOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
    return typeof exp === "number" ? exp * second : undefined;
  } catch {
    return undefined;
  }
}

function refusal(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  if (!(error instanceof ResponseBodyError)) {
    const known = asPosternError(error);
    return known.code === "Internal"
      ? authFailed("The identity provider's answer cannot be used", again, error)
      : known;
  }
  if (error.error === "access_denied") {
    return authFailed("The sign-in was refused in the browser", again, error);
  }
  if (error.error === "expired_token") {
    return authFailed("Nobody signed in before the code expired", again, error);
  }
  if (error.error === "invalid_grant") return authFailed("The sign-in has ended at the issuer", again, error);
  return authFailed(
    `The identity provider refused: ${quoted(error.error)}`,
    "Whoever runs Postern: identity.cliClientId must be a public client that may use this grant",
    error,
  );
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
