/**
 * Signed heads: Postern's word that at some time the chain ended at this sequence with this hash. Whoever
 * rewrites the chain afterwards cannot sign the new one without the key. Ed25519 (RFC 8032) over the
 * canonical JSON of the statement; signatures are base64.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import { sign as signBytes, verify as verifyBytes } from "node:crypto";
import { z } from "zod";
import type { Json } from "../types.ts";
import { canonical } from "./canonical.ts";

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

export const headSchema = z.strictObject({
  /** Says what is signed, so that a signature over one thing is no signature over another. */
  kind: z.literal("postern-head/1"),
  /** Epoch milliseconds. */
  at: z.number(),
  sequence: z.number().int().min(0),
  hash: hex64,
  /** The id of the key that signed. */
  key: hex64,
  signature: z.string(),
}).readonly();

/** The chain's head at a time, signed. Sequence 0 stands for the empty chain. */
export type SignedHead = z.infer<typeof headSchema>;

/** Signs statements with one key. */
export interface Signer {
  /** SHA-256 of the public key's DER (SubjectPublicKeyInfo), hex. */
  readonly key: string;
  readonly publicPem: string;
  sign<T extends { readonly [name: string]: Json }>(statement: T): T & { key: string; signature: string };
}

/** A fresh private key, PKCS #8 PEM. */
export function newPrivateKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

const keyId = (key: KeyObject): string => hash("sha256", key.export({ type: "spki", format: "der" }), "hex");

/** Throws where the PEM holds no Ed25519 private key. */
export function signer(privatePem: string): Signer {
  const secret = createPrivateKey(privatePem);
  if (secret.asymmetricKeyType !== "ed25519") {
    throw new TypeError(`the key is ${secret.asymmetricKeyType}, not Ed25519`);
  }
  const open = createPublicKey(secret);
  const key = keyId(open);
  return {
    key,
    publicPem: open.export({ type: "spki", format: "pem" }).toString(),
    sign(statement) {
      const signed = { ...statement, key };
      const signature = signBytes(null, new TextEncoder().encode(canonical(signed)), secret);
      return { ...signed, signature: signature.toString("base64") };
    },
  };
}

/** Public keys by id. */
export type KeyRing = ReadonlyMap<string, KeyObject>;

/** The Ed25519 public keys of one text that may hold several PEM blocks. Throws where there is none. */
export function keyRing(pem: string): KeyRing {
  const ring = new Map<string, KeyObject>();
  for (const [block] of pem.matchAll(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g)) {
    const key = createPublicKey(block);
    if (key.asymmetricKeyType !== "ed25519") {
      throw new TypeError(`a public key is ${key.asymmetricKeyType}, not Ed25519`);
    }
    ring.set(keyId(key), key);
  }
  if (ring.size === 0) throw new TypeError("no public key in it (PEM with BEGIN PUBLIC KEY)");
  return ring;
}

/** Whether one of the ring's keys signed exactly this; the reason if not. */
export function signatureFault(
  statement: { readonly [name: string]: Json },
  ring: KeyRing,
): "unknown key" | "bad signature" | null {
  const { signature, ...signed } = statement;
  if (typeof signature !== "string" || typeof signed.key !== "string") return "bad signature";
  const key = ring.get(signed.key);
  if (key === undefined) return "unknown key";
  const given = Buffer.from(signature, "base64");
  // Decoders overlook blanks, a missing end and spare bits: one signature is written in one way only.
  if (given.toString("base64") !== signature) return "bad signature";
  const bytes = new TextEncoder().encode(canonical(signed));
  return verifyBytes(null, bytes, key, given) ? null : "bad signature";
}

// ---- when ---------------------------------------------------------------------------------------------------

export interface HeadTimes {
  /** A head is signed after so many events, or after so long where there were fewer. */
  readonly events: number;
  readonly intervalMs: number;
}

export const headTimes: HeadTimes = { events: 1000, intervalMs: 60_000 };
