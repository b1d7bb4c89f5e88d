/** What statements have in common that differ in their values only: a digest of their tokens without them. */
import { createHash } from "node:crypto";
import { checkCharacters, Lexer } from "./lexer.ts";
import type { Mode } from "./mode.ts";
import { isTrivia, type TokenKind } from "./tokens.ts";

const values: ReadonlySet<TokenKind> = new Set(["string", "number", "bits"]);

/** SHA-256, hex. Throws Refusal for a text that is not understood. Parameters count as such, hints as written. */
export function templateOf(text: string, mode: Mode): string {
  checkCharacters(text);
  const hash = createHash("sha256");
  for (let at = 0; at < text.length;) {
    const { tokens, end } = new Lexer(text, at, mode).statement();
    at = end;
    for (const token of tokens) {
      if (isTrivia(token) && token.kind !== "hint") continue;
      const shown = values.has(token.kind) ? "" : token.keyword || token.value;
      hash.update(JSON.stringify([token.kind, shown]));
    }
  }
  return hash.digest("hex");
}
