/** Colours from PostgreSQL's own scanner, the one that its parser reads a statement with. */
import { type Colour, COLOURED_LENGTH_MAX, type ColourKind, coloursOf, isShownKeyword } from "../colour.ts";
import { scan, type ScannedToken } from "./parser.ts";
import { checkText } from "./text_limits.ts";

/** null where the text cannot be scanned, or would not be judged. */
export function postgresqlColours(text: string): readonly Colour[] | null {
  if (text.length > COLOURED_LENGTH_MAX || checkText(text) !== null) return null;
  const tokens = scan(text);
  if (tokens === null) return null;
  const place = placesIn(text);
  return coloursOf(
    text.length,
    tokens.map((token) => {
      const [start, end] = [place(token.start), place(token.end)];
      return { start, end, kind: kindOf(token, text.slice(start, end)) };
    }),
  );
}

const kinds: Readonly<Record<string, ColourKind>> = {
  SQL_COMMENT: "comment",
  C_COMMENT: "comment",
  SCONST: "string",
  USCONST: "string",
  BCONST: "string",
  XCONST: "string",
  ICONST: "number",
  FCONST: "number",
  PARAM: "parameter",
};

function kindOf({ tokenName, keywordName }: ScannedToken, text: string): ColourKind {
  if (/^(?:[uU]&)?"/.test(text)) return "quoted";
  if (keywordName !== "NO_KEYWORD") return isShownKeyword(text) ? "keyword" : "plain";
  return kinds[tokenName] ?? "plain";
}

/** Offsets in UTF-8 bytes as offsets in UTF-16 units; asked for in rising order. */
function placesIn(text: string): (bytes: number) => number {
  let at = 0;
  let passed = 0;
  return (bytes) => {
    while (passed < bytes && at < text.length) {
      const code = text.codePointAt(at)!;
      passed += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      at += code < 0x10000 ? 1 : 2;
    }
    return at;
  };
}
