/** OpenID Connect, authorization code with PKCE, and verification of presented tokens. */
import {
  authorizationCodeGrantRequest,
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
  type TokenEndpointResponse,
  validateAuthResponse,
} from "oauth4webapi";
import { defaultLimits } from "../config_limits.ts";
import { asPosternError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AccessToken, Clock, IdentityProvider, TokenDiscovery } from "../ports.ts";
import type { Identity } from "../types.ts";
import { AttemptLimiter } from "./attempt_limiter.ts";
import { BesideTokens, unchecked } from "./beside.ts";
import { type Claims, groupsValue, identityOf } from "./claims.ts";
import { askOperator, authFailed } from "./errors.ts";
import { issuerUnreachable, objection } from "./fetch_limits.ts";
import { type Flow, Flows } from "./flows.ts";
import { Issuer } from "./issuer.ts";
import { introspect, type IntrospectionDeps, withUserInfo } from "./introspection.ts";
import { type LoggedOut, LogoutTokens, SessionSubjects } from "./logout_token.ts";
import { audiencesOf, hour, type IdentityOptions } from "./options.ts";
import { refusal, tryAgain } from "./provider_refusals.ts";
import type { Who } from "./departures.ts";
import type { StandingCheck, Watch } from "./rechecks.ts";
import { standingOf } from "./standing.ts";
import { serviceIdentity, serviceOf } from "./services.ts";
import { isAccessToken, looksLikeToken, TokenVerifier } from "./token.ts";

const defaultLifetimeMs = 8 * hour;

export interface ProviderDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watch?: Watch;
  /** Whether the issuer is asked about this person again, by another sign-in of theirs. */
  readonly watched?: (who: Who) => boolean;
  /** Made-up tokens from one address: the config's default unless told. */
  readonly guessesMax?: () => number;
}

export interface OwnProvider extends IdentityProvider, TokenDiscovery {
  /** What a logout token ends. Rejects with AuthFailed. */
  endedBy(logoutToken: string): Promise<LoggedOut>;
  /** Who came here from this session at the issuer; null where nobody did. */
  subjectOf(sid: string): string | null;
  /** Rejects with AuthFailed where the issuer does not answer. */
  reach(): Promise<void>;
}

const usualGuesses = () => defaultLimits.failedSignInsPerAddressMax;

/** Throws AuthFailed for an issuer that can never be asked; contacts nobody yet. */
export function createIdentityProvider(
  options: IdentityOptions,
  { clock, log, watch = () => {}, watched = () => false, guessesMax = usualGuesses }: ProviderDeps,
): OwnProvider {
  return new Provider(options, clock, log, watch, watched, guessesMax);
}

class Provider implements OwnProvider {
  readonly #issuer: Issuer;
  readonly #verifier: TokenVerifier;
  readonly #flows: Flows;
  readonly #client: Client;
  readonly #guesses: AttemptLimiter;
  readonly #logouts: LogoutTokens;
  readonly #beside: BesideTokens;
  readonly #sessions = new SessionSubjects();

  constructor(
    private readonly options: IdentityOptions,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly watch: Watch,
    private readonly watched: (who: Who) => boolean,
    guessesMax: () => number,
  ) {
    this.#issuer = new Issuer(options.issuer, clock, log, options.ca ?? (() => undefined));
    this.#verifier = new TokenVerifier(this.#issuer, options, clock);
    this.#flows = new Flows(clock);
    this.#guesses = new AttemptLimiter(
      "limits.failedSignInsPerAddress",
      "from this address",
      guessesMax,
      clock,
    );
    this.#client = { client_id: options.clientId };
    this.#logouts = new LogoutTokens(this.#issuer, options, clock);
    this.#beside = new BesideTokens({ clock, watch, checkWith: (...of) => this.#checkWith(...of) });
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
      const identity = identityOf(await this.#withGroups(metadata, tokens, claims), this.options, {
        method: "browser",
        signedInAt,
        expiresAt: signedInAt + (this.options.lifetimeMs ?? defaultLifetimeMs),
      });
      this.#sessions.remember(claims.sid, identity.subject);
      const check = standingOf(identity.subject, tokens, this.#asking);
      this.watch(identity, check, tokens.refresh_token !== undefined);
      return identity;
    } catch (error) {
      const refused = refusal(error);
      this.log("warn", "a sign-in failed", { reason: refused.message, cause: String(refused.cause ?? "") });
      throw refused;
    }
  }

  readonly endedBy = (logoutToken: string) => this.#logouts.verify(logoutToken);
  readonly subjectOf = (sid: string) => this.#sessions.of(sid);

  async verifyToken(token: string, address?: string, beside?: AccessToken): Promise<Identity> {
    // A signature cannot be guessed; opaque tokens could be, and each guess is a request to the issuer.
    if (address === undefined || looksLikeToken(token)) return await this.#verified(token, beside);
    this.#guesses.check(address);
    try {
      return await this.#verified(token);
    } catch (error) {
      if (asPosternError(error).rule !== issuerUnreachable) this.#guesses.fail(address);
      throw error;
    }
  }

  async #verified(token: string, beside?: AccessToken): Promise<Identity> {
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
      const whole = asks ? await withUserInfo(token, claims, this.#asking) : claims;
      const now = this.clock();
      // A sign-in is as old as its token: what was issued before somebody left does not count after it.
      const signedInAt = typeof claims.iat === "number" ? Math.min(now, claims.iat * 1000) : now;
      const identity = identityOf(whole, this.options, { method: "token", signedInAt, expiresAt });
      // A logout at the issuer reaches whoever came with the token of that session.
      this.#sessions.remember(claims.sid, identity.subject);
      if (!asks) return await this.#byIdToken(identity, beside, now);
      this.watch(identity, this.#checkWith(identity.subject, { token, endsAt: expiresAt }), false);
      return identity;
    } catch (error) {
      throw refusal(error);
    }
  }

  async #byIdToken(identity: Identity, beside: AccessToken | undefined, now: number): Promise<Identity> {
    if (this.watched(identity)) return identity;
    const asked = beside !== undefined && await this.#beside.watch(identity, beside);
    return asked ? identity : unchecked(identity, now, this.options);
  }

  #checkWith(subject: string, { token, endsAt }: AccessToken): StandingCheck {
    const held = { access_token: token, expires_in: Math.floor((endsAt - this.clock()) / 1000) };
    return standingOf(subject, held, this.#asking);
  }

  /** Whether only the issuer can say what this token is. What looks like a broken signed one is told so instead. */
  async #mustAsk(token: string): Promise<boolean> {
    if (!/^[\w~+/-]+(\.[\w~+/-]+)?=*$/.test(token) || this.options.clientSecret === undefined) return false;
    return (await this.#issuer.metadata()).introspection_endpoint !== undefined;
  }

  readonly reach = () => this.#issuer.reach();

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
