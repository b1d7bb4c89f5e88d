/**
 * Canonical JSON, RFC 8785 (JCS): members sorted by UTF-16 code units, no white space, numbers and strings as
 * ECMAScript prints them (section 3.2.2). Equal values give equal bytes, so that they can be hashed.
 *
 * Written here because it runs for each statement; tests prove it equal to the `canonicalize` package.
 */
import type { Json } from "../types.ts";

/**
 * Throws TypeError for what JSON cannot hold (undefined, NaN, infinities, bigint, functions). Lone surrogates,
 * which RFC 8785 forbids, become U+FFFD: a client's odd program name must not make its session unrecordable.
 */
export function canonical(value: Json): string {
  if (typeof value === "string") return text(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no ${value}`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value !== "object") throw new TypeError(`canonical JSON has no ${typeof value}`);
  if (Array.isArray(value)) return list(value);
  return members(value as { readonly [key: string]: Json });
}

function text(value: string): string {
  return JSON.stringify(value.isWellFormed() ? value : value.toWellFormed());
}

function list(values: readonly Json[]): string {
  if (values.length === 0) return "[]";
  let out = "[" + canonical(values[0]!);
  for (let i = 1; i < values.length; i++) out += "," + canonical(values[i]!);
  return out + "]";
}

function members(value: { readonly [key: string]: Json }): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return "{}";
  keys.sort();
  let out = "";
  for (const key of keys) {
    out += (out === "" ? "{" : ",") + text(key) + ":" + canonical(value[key]!);
  }
  return out + "}";
}
