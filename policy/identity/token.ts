/**
 * Verification of a JSON Web Token of the configured issuer: RFC 7519 and 8725, OpenID Connect Core 3.1.3.7,
 * RFC 9068 for access tokens. Each way to be wrong has its own message.
 */
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import { PosternError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import { askOperator, authFailed, quoted } from "./errors.ts";
import type { Issuer } from "./issuer.ts";
import { acceptedParties, type IdentityOptions, minute } from "./options.ts";

/** Some issuers write every group into a token; a client's frame holds 64 kB. */
const tokenCharsMax = 60_000;

/** Signatures only by a key that the issuer alone holds: never `none`, never HMAC. */
export const algorithms: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** ID tokens carry `JWT` or nothing; access tokens `at+jwt`. Logout tokens, proofs and the like have their own. */
const types = new Set(["jwt", "at+jwt", "application/at+jwt"]);

/** Kinds that some issuers name in the payload instead. */
const payloadTypes = new Set(["id", "bearer"]);

const signInAgain = "Sign in again for a new one";

/** Shaped like a signed token: three parts, the first a JSON object's beginning. */
export const looksLikeToken = (text: string): boolean => /^ey[\w-]*\.[\w-]+\.[\w-]*$/.test(text.trim());

/** By its header (RFC 9068): one that opens the userinfo endpoint. False for what is no token. */
export function isAccessToken(token: string): boolean {
  try {
    return /^(application\/)?at\+jwt$/i.test(String(decodeProtectedHeader(token.trim()).typ));
  } catch {
    return false;
  }
}

export interface Expected {
  readonly audiences: readonly string[];
  /** Where the token was asked for by Postern itself. */
  readonly nonce?: string;
}

export class TokenVerifier {
  readonly #skewMs: number;

  constructor(
    private readonly issuer: Issuer,
    private readonly options: IdentityOptions,
    private readonly clock: Clock,
  ) {
    this.#skewMs = options.clockSkewMs ?? minute;
  }

  /** The claims. Rejects with AuthFailed. */
  async verify(text: string, expected: Expected): Promise<JWTPayload> {
    const token = text.trim();
    checkHeader(headerOf(token));
    const claims = await this.#signedClaims(token, expected);
    this.#checkTimes(claims);
    this.#checkParties(claims, expected);
    if (expected.nonce !== undefined && claims.nonce !== expected.nonce) {
      throw authFailed("The token belongs to another sign-in (`nonce`)", "Start the sign-in anew");
    }
    return claims;
  }

  async #signedClaims(token: string, expected: Expected): Promise<JWTPayload> {
    const metadata = await this.issuer.metadata();
    const checks = {
      algorithms: [...algorithms],
      issuer: metadata.issuer,
      audience: [...expected.audiences],
      clockTolerance: this.#skewMs / 1000,
      currentDate: new Date(this.clock()),
      requiredClaims: ["exp", "iat", "sub"],
    };
    try {
      return (await jwtVerify(token, this.issuer.keyOf, checks)).payload;
    } catch (error) {
      // Without a key id in the header, several keys may fit: one of them must.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw refusal(error);
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, checks)).payload;
        } catch (inner) {
          if (!(inner instanceof errors.JWSSignatureVerificationFailed)) throw refusal(inner);
        }
      }
      throw refusal(new errors.JWSSignatureVerificationFailed());
    }
  }

  #checkTimes(claims: JWTPayload): void {
    const issuedAt = claims.iat;
    if (typeof issuedAt !== "number" || issuedAt * 1000 > this.clock() + this.#skewMs) {
      throw authFailed(
        "The token was issued in the future (`iat`)",
        `${askOperator}: the clocks of the issuer and of this machine disagree`,
      );
    }
  }

  #checkParties(claims: JWTPayload, expected: Expected): void {
    const kind = claims.typ;
    if (
      Object.hasOwn(claims, "events") || (typeof kind === "string" && !payloadTypes.has(kind.toLowerCase()))
    ) {
      throw authFailed(
        `The token is not for signing in: it is of the kind ${quoted(kind ?? "event")}`,
        signInAgain,
      );
    }
    const accepted = [...acceptedParties(this.options), ...expected.audiences];
    const several = Array.isArray(claims.aud) && claims.aud.length > 1;
    const party = claims.azp ?? (several ? claims.client_id : undefined);
    if (several && party === undefined) {
      throw authFailed(
        "The token is for several audiences and does not say which one it was issued to (`azp`)",
      );
    }
    if (party !== undefined && !accepted.includes(String(party))) {
      throw authFailed(
        `The token was issued to another application, ${quoted(party)} (\`azp\`)`,
        "Use a token that was issued for Postern",
      );
    }
  }
}

function headerOf(token: string): ProtectedHeaderParameters {
  if (token.length > tokenCharsMax) {
    throw authFailed(`The token is longer than ${tokenCharsMax} characters`);
  }
  const parts = token.split(".").length;
  if (parts === 5) throw authFailed("The token is encrypted; Postern takes signed ones only", askOperator);
  try {
    if (parts !== 3) throw new Error(`${parts} parts`);
    return decodeProtectedHeader(token);
  } catch (error) {
    throw authFailed("This is not a signed token: it cannot be decoded as a JWT", signInAgain, error);
  }
}

function checkHeader(header: ProtectedHeaderParameters): void {
  const { alg, typ, crit } = header;
  if (crit !== undefined) {
    throw authFailed("The token demands extensions that Postern does not know (`crit`)");
  }
  if (typ !== undefined && !(typeof typ === "string" && types.has(typ.toLowerCase()))) {
    throw authFailed(`The token is not for signing in: it is of the type ${quoted(typ)}`, signInAgain);
  }
  if (typeof alg !== "string" || alg.toLowerCase() === "none") {
    throw authFailed("The token is not signed (`alg`: none)");
  }
  if (alg.toUpperCase().startsWith("HS")) {
    throw authFailed(
      `The token is signed with a shared secret (\`alg\`: ${
        quoted(alg)
      }), which proves nothing; only public-key signatures count`,
      `${askOperator}: the issuer must sign with RS256, ES256 or the like`,
    );
  }
  if (!algorithms.includes(alg)) {
    throw authFailed(`The token is signed in a way that Postern does not accept (\`alg\`: ${quoted(alg)})`);
  }
}

/** What jose says, for people. */
function refusal(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  if (error instanceof errors.JWTExpired) {
    const at = error.payload.exp;
    const when = typeof at === "number" && at < 1e11 ? ` at ${new Date(at * 1000).toISOString()}` : "";
    return authFailed(`The token has expired${when}`, signInAgain, error);
  }
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error);
  if (error instanceof errors.JWKSNoMatchingKey) {
    return authFailed("The token is signed by a key that the issuer does not publish", signInAgain, error);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return authFailed("The token's signature is not the issuer's", signInAgain, error);
  }
  return authFailed("This is not a signed token that Postern can read", signInAgain, error);
}

function claimRefusal(error: InstanceType<typeof errors.JWTClaimValidationFailed>): PosternError {
  const { claim, reason, payload } = error;
  if (reason === "missing") {
    return authFailed(`The token lacks the claim \`${claim}\``, askOperator, error);
  }
  if (claim === "iss") {
    return authFailed(`The token is from another issuer, ${quoted(payload.iss)}`, signInAgain, error);
  }
  if (claim === "aud") {
    return authFailed(
      `The token is for another audience, ${quoted(payload.aud)}`,
      "Use a token that was issued for Postern; see identity.audiences",
      error,
    );
  }
  if (claim === "nbf") {
    return authFailed("The token is not valid yet (`nbf`)", "Wait, or check the clocks", error);
  }
  return authFailed(`The token's claim \`${claim}\` is not acceptable`, signInAgain, error);
}
