/** Claims -> who it is. The claims are already verified; their shapes are whatever the issuer thought good. */
import type { Identity } from "../types.ts";
import { askOperator, authFailed, quoted } from "./errors.ts";
import type { IdentityOptions } from "./options.ts";

export type Claims = Readonly<Record<string, unknown>>;

const groupsMax = 2000;
const groupCharsMax = 256;
const nameCharsMax = 200;

const isObject = (value: unknown): value is Claims =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const own = (claims: Claims, name: string): unknown => Object.hasOwn(claims, name) ? claims[name] : undefined;

/** The segments of a configured path; see IdentityOptions.groupsClaim. */
function segmentsOf(path: IdentityOptions["groupsClaim"], claims: Claims): readonly string[] {
  if (typeof path !== "string") return path;
  return path.includes("://") || Object.hasOwn(claims, path) ? [path] : path.split(".");
}

/** The claim's value, or undefined where the path leads nowhere. */
export function groupsValue(claims: Claims, path: IdentityOptions["groupsClaim"]): unknown {
  return segmentsOf(path, claims).reduce<unknown>(
    (value, segment) => isObject(value) ? own(value, segment) : undefined,
    claims,
  );
}

/**
 * Groups as an array of strings, or one string with commas, or else spaces, between them. Throws AuthFailed
 * where they are missing, left out because there are too many, or of another shape.
 */
export function groupsOf(claims: Claims, path: IdentityOptions["groupsClaim"]): readonly string[] {
  const name = typeof path === "string" ? path : path.join(".");
  const value = groupsValue(claims, path);
  if (value === undefined || value === null) throw missingGroups(claims, path, name);
  const list = typeof value === "string" ? value.split(value.includes(",") ? "," : /\s+/) : value;
  if (!Array.isArray(list) || !list.every((group) => typeof group === "string")) {
    throw authFailed(
      `The issuer's claim ${quoted(name)} holds no list of group names`,
      `${askOperator}: identity.groupsClaim must name an array of strings, or one string`,
    );
  }
  const groups = [...new Set(list.map((group: string) => group.trim()).filter((group) => group !== ""))];
  if (groups.length > groupsMax || groups.some((group) => group.length > groupCharsMax)) {
    throw authFailed(
      `The issuer's claim ${
        quoted(name)
      } is too large: Postern reads ${groupsMax} groups of ${groupCharsMax} characters`,
      `${askOperator}: the issuer can be set to send only the groups that matter here`,
    );
  }
  return groups;
}

function missingGroups(claims: Claims, path: IdentityOptions["groupsClaim"], name: string): Error {
  const elsewhere = own(claims, "_claim_names");
  const leftOut = isObject(elsewhere) && groupsValue(elsewhere, path) !== undefined;
  if (leftOut || own(claims, "hasgroups") === true) {
    return authFailed(
      `The issuer left the groups out of the token because there are too many ("groups overage")`,
      `${askOperator}: the issuer can be set to send only the groups assigned to this application`,
    );
  }
  return authFailed(
    `The issuer's token carries no claim ${quoted(name)}, so nobody knows which groups you are in`,
    `${askOperator}: the issuer must send it, or identity.groupsClaim must name where the groups are`,
  );
}

/** A name as it may stand in a notice, a log line and a rule: printable, on one line, not endless. */
function usableName(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const name = value.trim();
  return name !== "" && name.length <= nameCharsMax && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name) ? name : null;
}

/** An e-mail address only where the issuer says it is verified: an address anybody could type in names nobody. */
function nameOf(claims: Claims, subject: string): string {
  const email = usableName(own(claims, "email"));
  const verified = own(claims, "email_verified");
  if (email !== null && (verified === true || verified === "true")) return email;
  const preferred = usableName(own(claims, "preferred_username"));
  const isThatEmail = preferred !== null && preferred.toLowerCase() === email?.toLowerCase();
  // Where the issuer says outright that the address is not theirs, it is no better under another claim's name.
  if (preferred !== null && !(isThatEmail && (verified === false || verified === "false"))) return preferred;
  return subject;
}

/** Throws AuthFailed where the claims name nobody, or no groups. Epoch milliseconds. */
export function identityOf(
  claims: Claims,
  options: IdentityOptions,
  how: { readonly method: string; readonly signedInAt: number; readonly expiresAt: number },
): Identity {
  const subject = usableName(own(claims, "sub"));
  if (subject === null) {
    throw authFailed("The issuer's token names nobody: it has no usable `sub`", askOperator);
  }
  return {
    subject,
    issuer: options.issuer,
    name: nameOf(claims, subject),
    groups: groupsOf(claims, options.groupsClaim),
    ...how,
  };
}
