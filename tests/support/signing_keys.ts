/** Signing keys and compact JWS (RFC 7515) by node:crypto alone, so that bad tokens can be made as easily as good ones. */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";

/** A signing key as tests may need it: to make bad tokens that are signed by the right key. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function makeKey(algorithm: string): SigningKey {
  const pair = algorithm === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : algorithm === "EdDSA"
    ? generateKeyPairSync("ed25519")
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid: randomUUID(), algorithm, ...pair };
}

export const jwkOf = (key: SigningKey, half: "privateKey" | "publicKey") => ({
  ...key[half].export({ format: "jwk" }),
  kid: key.kid,
  alg: key.algorithm,
  use: "sig",
});

/** Signs with the key of an issuer, or with any other: for tokens that must be refused. */
export function signJws(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: key.algorithm, kid: key.kid, typ: "JWT", ...header })}.${part(claims)}`;
  const signature = key.algorithm === "EdDSA"
    ? sign(null, Buffer.from(signed), key.privateKey)
    : sign("sha256", Buffer.from(signed), {
      key: key.privateKey,
      dsaEncoding: "ieee-p1363",
      ...(key.algorithm === "PS256" ? { padding: 6, saltLength: 32 } : {}),
    });
  return `${signed}.${signature.toString("base64url")}`;
}
