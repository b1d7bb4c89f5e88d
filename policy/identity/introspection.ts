/** Opaque tokens: the issuer itself says what one is (RFC 7662), and who stands behind it (OpenID Connect userinfo). */
import {
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  introspectionRequest,
  processIntrospectionResponse,
  processUserInfoResponse,
  userInfoRequest,
} from "oauth4webapi";
import type { Clock } from "../ports.ts";
import type { Claims } from "./claims.ts";
import { askOperator, authFailed, quoted } from "./errors.ts";
import type { Issuer } from "./issuer.ts";
import { acceptedParties, audiencesOf, type IdentityOptions, minute } from "./options.ts";

const getNew = "Get a new token from the issuer, for Postern's own client";

export interface IntrospectionDeps {
  readonly issuer: Issuer;
  readonly client: Client;
  readonly authentication: (metadata: AuthorizationServer) => ClientAuth;
  readonly options: IdentityOptions;
  readonly clock: Clock;
}

/**
 * The claims of an access token that is active, of this issuer, and issued to one of the accepted clients: an
 * opaque token that another application was given proves nothing here. `exp` is there; `sub` is, except for a
 * client's own tokens, where it is the client. Rejects with AuthFailed.
 */
export async function introspect(token: string, deps: IntrospectionDeps): Promise<Claims> {
  const { issuer, client, authentication, options, clock } = deps;
  const metadata = await issuer.metadata();
  const response = await introspectionRequest(
    metadata,
    client,
    authentication(metadata),
    token,
    issuer.requestOptions,
  );
  const claims: Claims = await processIntrospectionResponse(metadata, client, response).catch((error) => {
    throw authFailed("The issuer does not say what this token is", askOperator, error);
  });
  checkIntrospected(claims, metadata, options, clock());
  return { ...claims, sub: claims.sub ?? claims.client_id };
}

function checkIntrospected(
  claims: Claims,
  metadata: AuthorizationServer,
  options: IdentityOptions,
  now: number,
): void {
  if (claims.active !== true) {
    throw authFailed("The token is unknown to the issuer, ended or revoked", getNew);
  }
  if (claims.iss !== undefined && claims.iss !== metadata.issuer) {
    throw authFailed(`The token is from another issuer, ${quoted(claims.iss)}`, getNew);
  }
  const kind = claims.token_type;
  if (kind !== undefined && String(kind).toLowerCase() !== "bearer") {
    throw authFailed(`The token is not for signing in: it is of the type ${quoted(kind)}`, getNew);
  }
  const skewMs = options.clockSkewMs ?? minute;
  if (typeof claims.exp !== "number" || claims.exp * 1000 + skewMs <= now) {
    throw authFailed("The token has expired, or does not say when it does", getNew);
  }
  const parties = acceptedParties(options);
  if (typeof claims.client_id !== "string" || !parties.includes(claims.client_id)) {
    throw authFailed(`The token was issued to another application, ${quoted(claims.client_id)}`, getNew);
  }
  const audiences = [claims.aud ?? []].flat();
  const accepted = [...audiencesOf(options), ...parties];
  if (audiences.length > 0 && !audiences.some((one) => accepted.includes(String(one)))) {
    throw authFailed(`The token is for another audience, ${quoted(claims.aud)}`, getNew);
  }
}

/** What the userinfo endpoint says of the token's owner; the claims alone where there is no such endpoint. */
export async function withUserInfo(
  token: string,
  claims: Claims,
  { issuer, client }: Pick<IntrospectionDeps, "issuer" | "client">,
): Promise<Claims> {
  const metadata = await issuer.metadata();
  if (metadata.userinfo_endpoint === undefined || typeof claims.sub !== "string") return claims;
  const response = await userInfoRequest(metadata, client, token, issuer.requestOptions);
  const more = await processUserInfoResponse(metadata, client, claims.sub, response).catch((error) => {
    throw authFailed("The issuer does not say who is behind this token", getNew, error);
  });
  return { ...more, ...claims };
}
