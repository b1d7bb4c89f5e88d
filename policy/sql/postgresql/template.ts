/** What statements have in common that differ in their values only: a digest of the tree without them. */
import { createHash } from "node:crypto";
import { parse } from "./parser.ts";
import { checkText } from "./text_limits.ts";

/** SHA-256, hex; null for a text that is not understood. NULL, true and false count as written: they are no values. */
export function templateOf(text: string): string | null {
  if (checkText(text) !== null) return null;
  const parsed = parse(text);
  if ("error" in parsed) return null;
  return createHash("sha256").update(JSON.stringify(parsed.statements, withoutValues)).digest("hex");
}

const values = ["ival", "fval", "sval", "bsval"] as const;

function withoutValues(key: string, node: unknown): unknown {
  if (/(^|_)(location|len)$/.test(key)) return undefined;
  if (key !== "A_Const" || typeof node !== "object" || node === null) return node;
  const kind = values.find((name) => name in node);
  return kind === undefined ? node : { value: kind };
}
