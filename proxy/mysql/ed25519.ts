/**
 * MariaDB's client_ed25519: an Ed25519 signature of the scramble whose secret is the password itself, of any
 * length, in place of RFC 8032's 32 byte seed; which is why the platform's signing cannot be used. It signs
 * once per connection to a target, on this machine, so that it takes no constant time is of no use to anybody
 * on the wire. (MariaDB: "Authentication Plugin - ed25519"; RFC 8032, section 5.1.)
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";

const p = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function mod(value: bigint, by = p): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

const inverse = (value: bigint) => power(value, p - 2n);
const d = mod(-121665n * inverse(121666n));

/** Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
type Point = readonly [bigint, bigint, bigint, bigint];

const baseX = 15112221349535400772501151409588531511454012693041857206046113283949847762202n;
const baseY = 46316835694926478169428394003475163141307993866256225615783033603165251855960n;
const base: Point = [baseX, baseY, 1n, mod(baseX * baseY)];

function add(one: Point, two: Point): Point {
  const a = mod((one[1] - one[0]) * (two[1] - two[0]));
  const b = mod((one[1] + one[0]) * (two[1] + two[0]));
  const c = mod(2n * one[3] * two[3] * d);
  const e = mod(2n * one[2] * two[2]);
  const [f, g, h, i] = [b - a, e - c, e + c, b + a];
  return [mod(f * g), mod(h * i), mod(g * h), mod(f * i)];
}

function multiply(point: Point, factor: bigint): Point {
  let result: Point = [0n, 1n, 1n, 0n];
  let doubled = point;
  for (let left = factor; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, doubled);
    doubled = add(doubled, doubled);
  }
  return result;
}

function littleEndian(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function encode(point: Point): Buffer {
  const z = inverse(point[2]);
  const out = littleEndian(mod(point[1] * z));
  if (mod(point[0] * z) & 1n) out[31]! |= 0x80;
  return out;
}

function sha512(...parts: Uint8Array[]): Buffer {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** 64 bytes: what proves the password for this scramble. */
export function ed25519Proof(password: string, scramble: Uint8Array): Uint8Array {
  const secret = sha512(Buffer.from(password));
  const clamped = Buffer.from(secret.subarray(0, 32));
  clamped[0]! &= 248;
  clamped[31]! = clamped[31]! & 63 | 64;
  const scalar = number(clamped);
  const own = encode(multiply(base, scalar));
  const nonce = mod(number(sha512(secret.subarray(32), scramble)), order);
  const commitment = encode(multiply(base, nonce));
  const challenge = mod(number(sha512(commitment, own, scramble)), order);
  return Buffer.concat([commitment, littleEndian(mod(nonce + challenge * scalar, order))]);
}
