/** How the issuer is asked about one sign-in again: by renewing its refresh token, else at the userinfo endpoint. */
import {
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  processRefreshTokenResponse,
  processUserInfoResponse,
  refreshTokenGrantRequest,
  ResponseBodyError,
  type TokenEndpointResponse,
  userInfoRequest,
  WWWAuthenticateChallengeError,
} from "oauth4webapi";
import type { Clock } from "../ports.ts";
import { type Claims, groupsOf, groupsValue } from "./claims.ts";
import { withUserInfo } from "./introspection.ts";
import type { Issuer } from "./issuer.ts";
import type { IdentityOptions } from "./options.ts";
import type { StandingCheck } from "./rechecks.ts";

export interface StandingDeps {
  readonly issuer: Issuer;
  readonly client: Client;
  readonly authentication: (metadata: AuthorizationServer) => ClientAuth;
  readonly options: IdentityOptions;
  readonly clock: Clock;
}

type Held = Pick<TokenEndpointResponse, "access_token" | "refresh_token" | "expires_in">;

/** null where the issuer gave nothing to ask with. The tokens stay in this closure, in memory. */
export function standingOf(subject: string, tokens: Held, deps: StandingDeps): StandingCheck {
  let refreshToken = tokens.refresh_token;
  const endsAt = deps.clock() + (tokens.expires_in ?? 300) * 1000;
  return async () => {
    const metadata = await deps.issuer.metadata();
    if (refreshToken !== undefined) {
      const renewed = await renew(metadata, refreshToken, deps);
      if (renewed === null) return "gone";
      refreshToken = renewed.refresh_token ?? refreshToken;
      const claims = idClaims(renewed);
      const { groupsClaim } = deps.options;
      const whole = groupsValue(claims, groupsClaim) !== undefined
        ? claims
        : await withUserInfo(renewed.access_token, { ...claims, sub: subject }, deps);
      return { groups: groupsOf(whole, groupsClaim) };
    }
    return await byUserInfo(metadata, tokens.access_token, subject, endsAt, deps);
  };
}

async function renew(
  metadata: AuthorizationServer,
  refreshToken: string,
  { client, authentication, issuer }: StandingDeps,
): Promise<TokenEndpointResponse | null> {
  try {
    const options = issuer.requestOptions;
    const response = await refreshTokenGrantRequest(
      metadata,
      client,
      authentication(metadata),
      refreshToken,
      options,
    );
    return await processRefreshTokenResponse(metadata, client, response);
  } catch (error) {
    if (error instanceof ResponseBodyError && error.error === "invalid_grant") return null;
    throw error;
  }
}

async function byUserInfo(
  metadata: AuthorizationServer,
  accessToken: string,
  subject: string,
  endsAt: number,
  { client, issuer, options, clock }: StandingDeps,
): ReturnType<StandingCheck> {
  if (metadata.userinfo_endpoint === undefined || clock() >= endsAt) return "unknown";
  try {
    const response = await userInfoRequest(metadata, client, accessToken, issuer.requestOptions);
    const claims = await processUserInfoResponse(metadata, client, subject, response) as Claims;
    // An issuer that tells the groups in ID tokens alone says here only that the person is still known.
    return groupsValue(claims, options.groupsClaim) === undefined
      ? "known"
      : { groups: groupsOf(claims, options.groupsClaim) };
  } catch (error) {
    if (error instanceof WWWAuthenticateChallengeError && error.response.status === 401) return "gone";
    throw error;
  }
}

/** Of the ID token that came straight from the issuer's token endpoint; oauth4webapi has checked what it claims. */
function idClaims({ id_token: token }: TokenEndpointResponse): Claims {
  const payload = token?.split(".")[1];
  if (payload === undefined) return {};
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })));
}
