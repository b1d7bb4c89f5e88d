/**
 * What a text must keep to before the parser sees it. The parser reads a C string, recurses, and takes quadratic
 * time on some inputs; one linear pass here bounds it. Reading a token wrongly here could only cost time, never
 * change a verdict: the parser alone says what a text means.
 */
import type { NotUnderstood } from "../dialect.ts";

export const limits = {
  /** UTF-16 code units. */
  lengthMax: 4_194_304,
  commentDepthMax: 32,
  /** Operator characters in a row: PostgreSQL itself refuses names over 63 bytes. */
  operatorRunMax: 64,
  /** Names, numbers, strings, parameters, operators and semicolons. */
  tokensMax: 150_000,
  /** How deep the tree can get at most: open brackets, and operators and joins that may nest within them. */
  depthMax: 600,
} as const;

const refuse = (code: string, reason: string, hint: string): NotUnderstood => ({
  refused: { code, reason, hint },
});

/** null where the text may be parsed. */
export function checkText(text: string): NotUnderstood | null {
  if (text.length > limits.lengthMax) {
    return refuse(
      "text-too-long",
      `The statement has ${text.length} characters; at most ${limits.lengthMax} are judged`,
      "Send large values as parameters, or load rows with COPY … FROM STDIN",
    );
  }
  if (text.includes("\0")) {
    return refuse(
      "text-nul",
      "The statement holds a NUL character, where other readers would stop",
      "Take the NUL out",
    );
  }
  if (!text.isWellFormed()) {
    return refuse("text-encoding", "The statement is no valid Unicode text", "Send it as UTF-8");
  }
  return new Scan(text).run();
}

const operatorCharacter = new Set("+-*/<>=~!@#%^&|`?");
/** Words after which an expression starts anew, so that what came before cannot nest it. */
const fresh = new Set(["and", "or", "when", "then", "else", "from", "where", "on", "set", "by", "having"]);
/** Words that add a level to the left of a chain. */
const chaining = new Set(["join", "union", "intersect", "except"]);
/** Words that act as operators. */
const nesting = new Set([
  "at",
  "between",
  "collate",
  "ilike",
  "in",
  "is",
  "isnull",
  "like",
  "not",
  "notnull",
  "operator",
  "similar",
]);
const word = /[\p{L}_\u0080-\uffff][\p{L}\p{N}_$\u0080-\uffff]*/uy;
const number = /[0-9.][0-9a-zA-Z_.]*/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const stringEnd = /'/g;
const nameEnd = /"/g;
const lineEnd = /[\r\n]/g;
const commentMark = /\/\*|\*\//g;

interface Level {
  /** Operators since the last comma or fresh start. */
  run: number;
  /** Joins and set operations. */
  chain: number;
}

class Scan {
  private at = 0;
  private tokens = 0;
  private readonly levels: Level[] = [{ run: 0, chain: 0 }];
  /** Sum of both over all levels. */
  private depth = 0;

  constructor(private readonly text: string) {}

  run(): NotUnderstood | null {
    const { text } = this;
    while (this.at < text.length) {
      const refused = this.step(text[this.at]!);
      if (refused !== null) return refused;
      if (this.tokens > limits.tokensMax) {
        return refuse(
          "text-too-many-tokens",
          `The statement has more than ${limits.tokensMax} names, numbers, strings and operators`,
          "Split it into smaller statements, or load rows with COPY … FROM STDIN",
        );
      }
      if (this.depth + 2 * this.levels.length > limits.depthMax) {
        return refuse(
          "text-too-deep",
          `The statement nests deeper than ${limits.depthMax} levels of brackets, operators and joins`,
          "Write it flatter: = ANY (…) or IN (…) instead of long chains, fewer brackets",
        );
      }
    }
    return null;
  }

  private step(c: string): NotUnderstood | null {
    if (c <= " ") {
      this.at++;
      return null;
    }
    if (c === "'") return this.string(false);
    if (c === '"') return this.quotedName();
    if (c === "$") return this.dollar();
    if (c === "-" && this.text[this.at + 1] === "-") return this.skipTo(lineEnd, this.at + 2);
    if (c === "/" && this.text[this.at + 1] === "*") return this.comment();
    if (operatorCharacter.has(c)) return this.operator();
    if (c === "(" || c === "[") return this.open();
    if (c === ")" || c === "]") return this.close();
    if (c === "," || c === ";") return this.separator(c);
    return this.wordOrNumber(c);
  }

  private token(): null {
    this.tokens++;
    return null;
  }

  /** Moves behind the next match, or to the end. */
  private skipTo(pattern: RegExp, from: number): null {
    pattern.lastIndex = from;
    const found = pattern.exec(this.text);
    this.at = found === null ? this.text.length : pattern.lastIndex;
    return null;
  }

  private string(escapes: boolean): null {
    const { text } = this;
    this.at++;
    if (!escapes) {
      this.skipTo(stringEnd, this.at);
      return this.token();
    }
    while (this.at < text.length && text[this.at] !== "'") this.at += text[this.at] === "\\" ? 2 : 1;
    this.at++;
    return this.token();
  }

  private quotedName(): null {
    this.skipTo(nameEnd, this.at + 1);
    return this.token();
  }

  private dollar(): null {
    dollarTag.lastIndex = this.at;
    const tag = dollarTag.exec(this.text)?.[0];
    if (tag === undefined) {
      this.at++;
      return this.token();
    }
    const end = this.text.indexOf(tag, this.at + tag.length);
    this.at = end < 0 ? this.text.length : end + tag.length;
    return this.token();
  }

  private comment(): NotUnderstood | null {
    let depth = 0;
    commentMark.lastIndex = this.at;
    for (let mark = commentMark.exec(this.text); mark !== null; mark = commentMark.exec(this.text)) {
      depth += mark[0] === "/*" ? 1 : -1;
      this.at = commentMark.lastIndex;
      if (depth === 0) return null;
      if (depth > limits.commentDepthMax) {
        return refuse(
          "text-comment-depth",
          `The statement nests comments deeper than ${limits.commentDepthMax} levels`,
          "Take the inner /* … */ out",
        );
      }
    }
    this.at = this.text.length;
    return null;
  }

  private operator(): NotUnderstood | null {
    const start = this.at;
    const { text } = this;
    while (operatorCharacter.has(text[this.at] ?? "")) {
      const pair = text.slice(this.at, this.at + 2);
      if (pair === "--" || pair === "/*") break;
      this.at++;
    }
    const length = this.at - start;
    if (length > limits.operatorRunMax) {
      return refuse(
        "text-operator-run",
        `The statement has ${length} operator characters in a row; at most ${limits.operatorRunMax} are judged`,
        "Put white space between operators",
      );
    }
    // `+-+-` is several operators in one run.
    this.deepen(length);
    this.tokens += length;
    return null;
  }

  private get level(): Level {
    return this.levels[this.levels.length - 1]!;
  }

  private deepen(by: number): void {
    this.level.run += by;
    this.depth += by;
  }

  private restart(): void {
    this.depth -= this.level.run;
    this.level.run = 0;
  }

  private open(): null {
    this.at++;
    this.levels.push({ run: 0, chain: 0 });
    return null;
  }

  private close(): null {
    this.at++;
    this.leave();
    // `f(…)(…)`, `a[1][2]`: what follows a closed bracket may hang on it.
    this.deepen(1);
    return null;
  }

  private leave(): void {
    if (this.levels.length === 1) return;
    this.depth -= this.level.run + this.level.chain;
    this.levels.pop();
  }

  private separator(c: string): null {
    this.at++;
    this.restart();
    if (c === ",") return null;
    while (this.levels.length > 1) this.levels.pop();
    this.levels[0] = { run: 0, chain: 0 };
    this.depth = 0;
    return this.token();
  }

  private wordOrNumber(c: string): null {
    const isNumber = c === "." || (c >= "0" && c <= "9");
    const pattern = isNumber ? number : word;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) {
      // A colon, or a character that the parser will refuse.
      this.at++;
      this.deepen(1);
      return this.token();
    }
    this.at += found.length;
    if (isNumber) return this.token();
    if (found.length === 1 && /[eE]/.test(found) && this.text[this.at] === "'") return this.string(true);
    return this.plainWord(found.length > 10 ? found : found.toLowerCase());
  }

  private plainWord(lower: string): null {
    if (lower === "case") this.levels.push({ run: 0, chain: 0 });
    else if (lower === "end") this.leave();
    else if (fresh.has(lower)) this.restart();
    else if (nesting.has(lower)) this.deepen(1);
    else if (chaining.has(lower)) {
      this.restart();
      this.level.chain++;
      this.depth++;
    }
    return this.token();
  }
}
