/** Ids of sessions and requests. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** 80 random bits in Crockford's base 32: short enough to read out, too many to guess. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join("");
}
