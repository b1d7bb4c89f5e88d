/**
 * Patterns as config writes them: `*` stands for any run of characters, `\` takes the next one literally,
 * everything else is itself. Matched by two pointers in O(pattern × text) at worst, never as a RegExp, so
 * that no pattern can be slow on a text that somebody chose.
 */

/** Whether a text fits; built once per pattern. */
export type Matcher = (text: string) => boolean;

export interface GlobOptions {
  /** For names that must not be missed (masks, refusals) whatever their case. */
  readonly ignoreCase?: boolean;
}

/** A run of characters to be found as it is, or null for `*`. */
type Token = string | null;

export function globMatcher(pattern: string, options: GlobOptions = {}): Matcher {
  const fold = options.ignoreCase ? foldCase : identity;
  const tokens = tokensOf(pattern).map((token) => token === null ? null : fold(token));
  const [only] = tokens;
  if (only === undefined) return (text) => text === "";
  if (tokens.length === 1) return only === null ? () => true : (text) => fold(text) === only;
  return (text) => matchTokens(tokens, fold(text));
}

/** One matcher for several patterns: any of them. */
export function anyGlob(patterns: readonly string[], options: GlobOptions = {}): Matcher {
  const matchers = patterns.map((pattern) => globMatcher(pattern, options));
  return (text) => matchers.some((matches) => matches(text));
}

/** Whether the pattern has a wildcard at all. */
export function hasWildcard(pattern: string): boolean {
  return tokensOf(pattern).includes(null);
}

/** Splits `schema.table` or `schema.table.column` at its dots; `\.` is a dot within a name. */
export function splitName(pattern: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === ".") {
      parts.push(part);
      part = "";
    } else {
      part += char;
      if (char === "\\" && at + 1 < pattern.length) part += pattern.charAt(++at);
    }
  }
  parts.push(part);
  return parts;
}

/** Upper then lower case, so that letters with several forms (ß, ſ, K) meet. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

function identity(text: string): string {
  return text;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  let literal = "";
  const flush = () => {
    if (literal !== "") tokens.push(literal);
    literal = "";
  };
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === "*") {
      flush();
      if (tokens.at(-1) !== null || tokens.length === 0) tokens.push(null);
    } else if (char === "\\" && at + 1 < pattern.length) {
      literal += pattern.charAt(++at);
    } else {
      literal += char;
    }
  }
  flush();
  return tokens;
}

/**
 * The first literal must stand at the start and the last at the end unless a `*` is there; those between are
 * taken at their first place, which is always the best one when only `*` lies between.
 */
function matchTokens(tokens: readonly Token[], text: string): boolean {
  let from = 0;
  let end = text.length;
  const first = tokens[0];
  const last = tokens[tokens.length - 1];
  if (typeof first === "string") {
    if (!text.startsWith(first)) return false;
    from = first.length;
  }
  if (typeof last === "string") {
    end -= last.length;
    if (end < from || !text.endsWith(last)) return false;
  }
  for (let at = 1; at < tokens.length - 1; at++) {
    const token = tokens[at];
    if (typeof token !== "string") continue;
    const found = text.indexOf(token, from);
    if (found < 0 || found + token.length > end) return false;
    from = found + token.length;
  }
  // The first token may be a `*` followed by literals: those were handled by the loop from index 1.
  return true;
}
