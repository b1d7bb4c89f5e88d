/** The refusals of this folder, worded in one place. */
import { PosternError } from "../errors.ts";

export function authFailed(message: string, hint?: string, cause?: unknown): PosternError {
  return new PosternError("AuthFailed", message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

export const askOperator = "Tell whoever runs Postern";

/**
 * A value from outside as it may stand in a message: quoted, cut, control characters escaped. What strangers
 * wrote must neither flood a terminal nor move its cursor.
 */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  const shown = text.length > 120 ? `${text.slice(0, 117)}…"` : text;
  return shown.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
