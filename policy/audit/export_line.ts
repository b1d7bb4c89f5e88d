/** One line of an export, read with suspicion. */
import type { AuditEvent, Json } from "../types.ts";
import { canonical } from "./canonical.ts";

/** What is wrong with an export, and with which event where it is about one. */
export class Bad extends Error {
  constructor(message: string, readonly sequence: number | null = null) {
    super(message);
  }
}

/** Throws Bad for what is no line of ours. */
export function parse(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Bad("this line is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Bad("this is no line of an export");
  }
  // A second member of the same name, or another spelling, would show other readers something else.
  if (!isCanonical(value as Json, text)) {
    throw new Bad(
      "this line is not in canonical form: it was changed",
      Number.isSafeInteger((value as AuditEvent).sequence) ? (value as AuditEvent).sequence : null,
    );
  }
  return value;
}

function isCanonical(value: Json, text: string): boolean {
  try {
    return canonical(value) === text;
  } catch {
    // Nested so deep that no event of ours could be.
    return false;
  }
}
