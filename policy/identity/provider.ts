/** OpenID Connect, authorization code with PKCE, and verification of presented tokens. */
import {
  authorizationCodeGrantRequest,
  AuthorizationResponseError,
  type AuthorizationServer,
  calculatePKCECodeChallenge,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  ResponseBodyError,
  type TokenEndpointResponse,
  validateAuthResponse,
  WWWAuthenticateChallengeError,
} from "oauth4webapi";
import { asPosternError, PosternError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock, IdentityProvider, TokenDiscovery } from "../ports.ts";
import type { Identity } from "../types.ts";
import { AttemptLimiter } from "./attempt_limiter.ts";
import { type Claims, groupsValue, identityOf } from "./claims.ts";
import { askOperator, authFailed, quoted } from "./errors.ts";
import { issuerUnreachable, objection } from "./fetch_limits.ts";
import { type Flow, Flows } from "./flows.ts";
import { Issuer } from "./issuer.ts";
import { introspect, type IntrospectionDeps, withUserInfo } from "./introspection.ts";
import { audiencesOf, hour, type IdentityOptions } from "./options.ts";
import { serviceIdentity, serviceOf } from "./services.ts";
import { isAccessToken, looksLikeToken, TokenVerifier } from "./token.ts";

const tryAgain = "Start the sign-in anew";
const defaultLifetimeMs = 8 * hour;

/** Throws AuthFailed for an issuer that can never be asked; contacts nobody yet. */
export function createIdentityProvider(
  options: IdentityOptions,
  { clock, log }: { clock: Clock; log: Log },
): IdentityProvider & TokenDiscovery {
  return new Provider(options, clock, log);
}

class Provider implements IdentityProvider, TokenDiscovery {
  readonly #issuer: Issuer;
  readonly #verifier: TokenVerifier;
  readonly #flows: Flows;
  readonly #client: Client;
  readonly #guesses: AttemptLimiter;

  constructor(
    private readonly options: IdentityOptions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#issuer = new Issuer(options.issuer, clock, log);
    this.#verifier = new TokenVerifier(this.#issuer, options, clock);
    this.#flows = new Flows(clock);
    this.#guesses = new AttemptLimiter(20, "from this address", clock);
    this.#client = { client_id: options.clientId };
  }

  async begin(redirectUri: string): Promise<{ url: string; flow: string }> {
    const metadata = await this.#issuer.metadata();
    const url = endpoint(metadata, "authorization_endpoint");
    const flow = {
      redirectUri,
      state: generateRandomState(),
      nonce: generateRandomNonce(),
      verifier: generateRandomCodeVerifier(),
    };
    const parameters = {
      client_id: this.options.clientId,
      redirect_uri: redirectUri,
      response_type: "code",
      scope: scopesOf(this.options, metadata).join(" "),
      state: flow.state,
      nonce: flow.nonce,
      code_challenge: await calculatePKCECodeChallenge(flow.verifier),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url: url.href, flow: this.#flows.add(flow) };
  }

  async complete(callback: URL, id: string): Promise<Identity> {
    const flow = this.#flows.take(id);
    if (flow === null) {
      throw authFailed("This sign-in is not under way: it took longer than 10 minutes or was used", tryAgain);
    }
    try {
      const metadata = await this.#issuer.metadata();
      const parameters = validateAuthResponse(metadata, this.#client, callback, flow.state);
      const { tokens, idToken } = await this.#redeem(metadata, parameters, flow);
      const expected = { audiences: [this.options.clientId], nonce: flow.nonce };
      const claims = await this.#verifier.verify(idToken, expected);
      const signedInAt = this.clock();
      return identityOf(await this.#withGroups(metadata, tokens, claims), this.options, {
        method: "browser",
        signedInAt,
        expiresAt: signedInAt + (this.options.lifetimeMs ?? defaultLifetimeMs),
      });
    } catch (error) {
      const refused = refusal(error);
      this.log("warn", "a sign-in failed", { reason: refused.message, cause: String(refused.cause ?? "") });
      throw refused;
    }
  }

  async verifyToken(token: string, address?: string): Promise<Identity> {
    // A signature cannot be guessed; opaque tokens could be, and each guess is a request to the issuer.
    if (address === undefined || looksLikeToken(token)) return await this.#verified(token);
    this.#guesses.check(address);
    try {
      return await this.#verified(token);
    } catch (error) {
      if (asPosternError(error).rule !== issuerUnreachable) this.#guesses.fail(address);
      throw error;
    }
  }

  async #verified(token: string): Promise<Identity> {
    try {
      const signed = !await this.#mustAsk(token);
      const claims: Claims = signed
        ? await this.#verifier.verify(token, { audiences: audiencesOf(this.options) })
        : await introspect(token, this.#asking);
      const service = serviceOf(claims, this.options.services ?? []);
      if (service !== null) return serviceIdentity(claims, service, this.options.issuer, this.clock());
      const expiresAt = (claims.exp as number) * 1000;
      // An access token may name its owner and no groups, and of an opaque one nothing else tells its kind; an
      // ID token opens no userinfo endpoint.
      const asks = !signed ||
        (groupsValue(claims, this.options.groupsClaim) === undefined && isAccessToken(token));
      return identityOf(asks ? await withUserInfo(token, claims, this.#asking) : claims, this.options, {
        method: "token",
        signedInAt: this.clock(),
        expiresAt,
      });
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Whether only the issuer can say what this token is. What looks like a broken signed one is told so instead. */
  async #mustAsk(token: string): Promise<boolean> {
    if (!/^[\w~+/-]+(\.[\w~+/-]+)?=*$/.test(token) || this.options.clientSecret === undefined) return false;
    return (await this.#issuer.metadata()).introspection_endpoint !== undefined;
  }

  async discovery(): Promise<{ configurationUrl: string; scope: string }> {
    const metadata = await this.#issuer.metadata();
    return {
      configurationUrl: `${metadata.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
      scope: scopesOf(this.options, metadata).join(" "),
    };
  }

  async #redeem(
    metadata: AuthorizationServer,
    parameters: URLSearchParams,
    flow: Flow,
  ): Promise<{ tokens: TokenEndpointResponse; idToken: string }> {
    const response = await authorizationCodeGrantRequest(
      metadata,
      this.#client,
      this.#authentication(metadata),
      parameters,
      flow.redirectUri,
      flow.verifier,
      this.#issuer.requestOptions,
    );
    const tokens = await processAuthorizationCodeResponse(metadata, this.#client, response, {
      expectedNonce: flow.nonce,
      requireIdToken: true,
    });
    return { tokens, idToken: tokens.id_token as string };
  }

  get #asking(): IntrospectionDeps {
    const { options, clock } = this;
    const authentication = (metadata: AuthorizationServer) => this.#authentication(metadata);
    return { issuer: this.#issuer, client: this.#client, authentication, options, clock };
  }

  #authentication(metadata: AuthorizationServer): ClientAuth {
    const { clientSecret } = this.options;
    if (clientSecret === undefined) return None();
    const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return methods.includes("client_secret_basic") || !methods.includes("client_secret_post")
      ? ClientSecretBasic(clientSecret)
      : ClientSecretPost(clientSecret);
  }

  /** Issuers that keep ID tokens small tell the groups at their userinfo endpoint only. */
  async #withGroups(
    metadata: AuthorizationServer,
    tokens: TokenEndpointResponse,
    claims: Claims,
  ): Promise<Claims> {
    const { groupsClaim } = this.options;
    if (groupsValue(claims, groupsClaim) !== undefined || metadata.userinfo_endpoint === undefined) {
      return claims;
    }
    return await withUserInfo(tokens.access_token, claims, this.#asking);
  }
}

function endpoint(metadata: AuthorizationServer, name: "authorization_endpoint"): URL {
  const url = URL.parse(metadata[name] ?? "");
  const why = url === null ? "it is missing" : objection(url);
  if (url === null || why !== null) {
    throw authFailed(`The identity provider's ${name} cannot be used: ${why}`, askOperator);
  }
  return url;
}

function scopesOf(options: IdentityOptions, metadata: AuthorizationServer): string[] {
  const known = metadata.scopes_supported ?? [];
  const wanted = options.scopes ?? ["email", "profile", ...(known.includes("groups") ? ["groups"] : [])];
  return [...new Set(["openid", ...wanted])];
}

/** Total: every way in which a sign-in can fail, for people. */
function refusal(error: unknown): PosternError {
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
