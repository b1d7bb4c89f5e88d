/**
 * Service accounts and AI agents: programs that sign in as themselves, by a token of the issuer's that they got
 * with client credentials, or by a JWT that they sign with a key of their own (RFC 7523, section 3). What the
 * config says of them counts, whatever groups their token claims; they reach the targets that it names, and no others.
 */
import { decodeJwt, errors, importSPKI, jwtVerify } from "jose";
import { PosternError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { Identity } from "../types.ts";
import type { Claims } from "./claims.ts";
import { authFailed, quoted } from "./errors.ts";
import { algorithms } from "./token.ts";

export interface ServiceAccount {
  /** The client's id at the issuer, or the `iss` of what it signs by itself. */
  readonly client: string;
  /** `sub` of its tokens, where that is not the client's id. */
  readonly subject?: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly targets: readonly string[];
  /** From `iat` on; what the token says beyond that does not count. */
  readonly maxLifetimeMs: number;
  /** PEM (SPKI): it signs its own tokens, and needs no issuer. */
  readonly publicKey?: string;
}

/** The names under which issuers say which client a token was issued to. */
export const partyOf = (claims: Claims): unknown =>
  claims.client_id ?? claims.azp ?? claims.cid ?? claims.appid;

/** What its tokens say in `sub`. */
export const subjectOf = ({ subject, client }: ServiceAccount): string => subject ?? client;

/**
 * The service account that the claims, already verified, are its own of; null for a person's. Throws AuthFailed
 * for what a service account's client was given on behalf of somebody else: that is neither.
 */
export function serviceOf(claims: Claims, services: readonly ServiceAccount[]): ServiceAccount | null {
  const party = partyOf(claims);
  const service = services.find(({ client, publicKey }) => publicKey === undefined && client === party);
  if (service === undefined) return null;
  if (claims.sub === subjectOf(service)) return service;
  throw authFailed(
    `The token was issued to the service account ${quoted(service.client)}, on behalf of somebody else`,
    "A service account signs in with client credentials, as itself",
  );
}

/** Epoch milliseconds. Throws AuthFailed where the token is older than the config lets it become. */
export function serviceIdentity(
  claims: Claims,
  service: ServiceAccount,
  issuer: string,
  now: number,
): Identity {
  const { iat, exp } = claims;
  if (typeof iat !== "number" || typeof exp !== "number") {
    throw authFailed("The token does not say when it was issued, and when it ends (`iat`, `exp`)");
  }
  const expiresAt = Math.min(exp * 1000, iat * 1000 + service.maxLifetimeMs);
  if (expiresAt <= now) {
    throw authFailed(
      `The token is older than ${service.maxLifetimeMs / 1000} s, which is all that ${service.name} may use`,
      "Get a new one",
    );
  }
  return {
    subject: subjectOf(service),
    issuer,
    name: service.name,
    groups: service.groups,
    targets: service.targets,
    signedInAt: now,
    expiresAt,
    method: "service",
  };
}

/** Longest JWT that is read, in characters: a service account says little of itself. */
const tokenCharsMax = 8_192;

export class SelfSigned {
  /** `audience`: the dashboard's address, so that what was signed for another program does not count here. */
  constructor(
    private readonly services: () => readonly ServiceAccount[],
    private readonly audience: string,
    private readonly clock: Clock,
  ) {}

  /** The service account whose word this token is said to be; nothing of it is verified. */
  claimed(token: string): ServiceAccount | null {
    if (token.length > tokenCharsMax) return null;
    try {
      const { iss } = decodeJwt(token.trim());
      return this.services().find(({ client, publicKey }) => publicKey !== undefined && client === iss) ??
        null;
    } catch {
      return null;
    }
  }

  /** Rejects with AuthFailed. */
  async verify(token: string, service: ServiceAccount): Promise<Identity> {
    const checks = {
      algorithms: [...algorithms],
      issuer: service.client,
      subject: subjectOf(service),
      audience: this.audience,
      clockTolerance: 60,
      currentDate: new Date(this.clock()),
      requiredClaims: ["exp", "iat"],
    };
    try {
      const key = await keyOf(service.publicKey ?? "", token);
      const { payload } = await jwtVerify(token.trim(), key, checks);
      return serviceIdentity(payload, service, service.client, this.clock());
    } catch (error) {
      if (error instanceof PosternError) throw error;
      throw authFailed(
        `The token of the service account ${quoted(service.client)} is not good: ${whatIsWrong(error)}`,
        `It signs with its own key: iss and sub ${quoted(service.client)}, aud ${
          quoted(this.audience)
        }, iat, exp`,
        error,
      );
    }
  }
}

/** The key as the token's algorithm uses it; jose refuses a key of another kind. */
async function keyOf(pem: string, token: string): Promise<CryptoKey> {
  const { alg } = JSON.parse(atob((token.trim().split(".")[0] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
  if (!algorithms.includes(alg)) throw new errors.JOSEAlgNotAllowed("its algorithm is not accepted");
  return await importSPKI(pem, alg);
}

function whatIsWrong(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed) return `its \`${error.claim}\` is ${error.reason}`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is not by the known key";
  return "it cannot be read";
}
