/**
 * Colours from the lexer that judges statements. What a text's quotes mean depends on the session's sql_mode, which a
 * text alone does not tell: it is coloured where every mode cuts it alike, and plain otherwise.
 */
import { type Colour, COLOURED_LENGTH_MAX, type ColourKind, coloursOf, isShownKeyword } from "../colour.ts";
import { Lexer } from "./lexer.ts";
import { type Mode, modeOf } from "./mode.ts";
import { Refusal } from "./refusal.ts";
import type { Token } from "./tokens.ts";

const modes = ["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"];

/** null where the text cannot be cut, or is cut in more than one way. */
export function mysqlColours(text: string): readonly Colour[] | null {
  // Whether a version comment is read depends on the server.
  if (text.length > COLOURED_LENGTH_MAX || /\/\*M?!/.test(text)) return null;
  try {
    const [first, ...others] = modes.map((sqlMode) =>
      coloured(text, modeOf({ sql_mode: sqlMode, character_set_client: "utf8mb4", version: "", schema: "" }))
    );
    const wanted = JSON.stringify(first);
    return others.every((other) => JSON.stringify(other) === wanted) ? first! : null;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

function coloured(text: string, mode: Mode): Colour[] {
  const lexer = new Lexer(text, 0, mode);
  const tokens: Token[] = [];
  for (let end = 0; end < text.length;) {
    const statement = lexer.statement();
    tokens.push(...statement.tokens);
    if (statement.end === end) break;
    end = statement.end;
  }
  return coloursOf(text.length, tokens.map((token) => ({ ...token, kind: kindOf(token) })));
}

const kinds: Readonly<Partial<Record<Token["kind"], ColourKind>>> = {
  name: "quoted",
  string: "string",
  number: "number",
  bits: "number",
  param: "parameter",
  variable: "parameter",
  comment: "comment",
  hint: "comment",
};

function kindOf({ kind, keyword }: Token): ColourKind {
  if (kind === "word") return keyword !== "" && isShownKeyword(keyword) ? "keyword" : "plain";
  return kinds[kind] ?? "plain";
}
