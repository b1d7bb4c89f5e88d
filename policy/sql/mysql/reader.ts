/** A cursor over a statement's tokens, with the few questions that the grammar asks. */
import type { Mode } from "./mode.ts";
import { notUnderstood, Refusal } from "./refusal.ts";
import { isTrivia, type Token } from "./tokens.ts";
import { isAlias, isReserved } from "./words.ts";

/** How deep expressions and queries may nest: what people write stays far below, a stack overflow far above. */
const depthMax = 200;

const endToken: Token = { kind: "end", start: 0, end: 0, value: "", keyword: "", doubleQuoted: false };

export interface Name {
  readonly value: string;
  readonly doubleQuoted: boolean;
}

export class Reader {
  readonly tokens: readonly Token[];
  #at = 0;
  /** Levels of recursion that are open; set back after an attempt that failed. */
  depth = 0;

  /** Literals and parameters -> the tokens that they were read from. */
  readonly spans = new WeakMap<object, readonly [from: number, to: number]>();

  constructor(tokens: readonly Token[], readonly mode: Mode) {
    this.tokens = tokens.filter((token) => !isTrivia(token) && token.kind !== "end");
  }

  peek(ahead = 0): Token {
    return this.tokens[this.#at + ahead] ?? endToken;
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  get done(): boolean {
    return this.#at >= this.tokens.length;
  }

  /** For a short look ahead and back. */
  get place(): number {
    return this.#at;
  }

  back(place: number): void {
    this.#at = place;
  }

  isWord(word: string, ahead = 0): boolean {
    return this.peek(ahead).keyword === word;
  }

  isAnyWord(...words: string[]): boolean {
    return words.includes(this.peek().keyword);
  }

  isOp(op: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "op" && token.value === op;
  }

  /** Takes these words if they all follow. */
  take(...words: string[]): boolean {
    for (let i = 0; i < words.length; i++) if (this.peek(i).keyword !== words[i]) return false;
    this.#at += words.length;
    return true;
  }

  /** Takes one of these words; empty where none follows. */
  takeOne(...words: string[]): string {
    const { keyword } = this.peek();
    if (keyword === "" || !words.includes(keyword)) return "";
    this.#at++;
    return keyword;
  }

  takeOp(op: string): boolean {
    if (!this.isOp(op)) return false;
    this.#at++;
    return true;
  }

  /** Takes the first of these phrases that follows; empty where none does. */
  phrase(...phrases: string[]): string {
    return phrases.find((phrase) => this.take(...phrase.split(" "))) ?? "";
  }

  expect(...words: string[]): void {
    if (!this.take(...words)) throw this.unexpected(words.join(" "));
  }

  expectOp(op: string): void {
    if (!this.takeOp(op)) throw this.unexpected(op);
  }

  /** Says where it stopped without repeating literals, which may be secrets. */
  unexpected(wanted: string): Refusal {
    const token = this.peek();
    if (this.done) return notUnderstood(`it ends where ${wanted} was expected`);
    const shown = token.kind === "word" || token.kind === "op" ? token.value.slice(0, 40) : `a ${token.kind}`;
    return notUnderstood(`${shown} at character ${token.start + 1}, where ${wanted} was expected`);
  }

  /** Is this token a name where any name may stand? */
  isName(ahead = 0): boolean {
    const token = this.peek(ahead);
    if (token.kind === "name") return true;
    return token.kind === "word" && (token.keyword === "" || !isReserved(this.mode.flavour, token.keyword));
  }

  name(): Name {
    if (!this.isName()) throw this.unexpected("a name");
    return this.next();
  }

  /** After a dot any word is a name. */
  nameAfterDot(): Name {
    const token = this.peek();
    if (token.kind !== "name" && token.kind !== "word") throw this.unexpected("a name");
    return this.next();
  }

  /** `[AS] alias`; null where none follows. `strings`: a literal may be an alias (of a column). */
  alias(strings: boolean): Name | null {
    if (this.take("AS")) {
      if (strings && this.peek().kind === "string") return this.next();
      return this.name();
    }
    const token = this.peek();
    if (strings && token.kind === "string") return this.next();
    if (token.kind === "name") return this.next();
    const free = token.kind === "word" && (token.keyword === "" || isAlias(this.mode.flavour, token.keyword));
    return free ? this.next() : null;
  }

  /** `a, b, c` */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.takeOp(",")) items.push(item());
    return items;
  }

  /** `(a, b, c)` */
  parenthesised<T>(item: () => T): T[] {
    this.expectOp("(");
    const items = this.list(item);
    this.expectOp(")");
    return items;
  }

  /** Skips a group in parentheses, whose opening one was taken. */
  skipGroup(): void {
    for (let depth = 1; depth > 0;) {
      if (this.done) throw this.unexpected(")");
      const token = this.next();
      if (token.kind !== "op") continue;
      if (token.value === "(") depth++;
      else if (token.value === ")") depth--;
    }
  }

  /** Runs one level of a recursion. */
  nested<T>(level: () => T): T {
    if (++this.depth > depthMax) {
      throw new Refusal(
        "nested-too-deep",
        `The statement nests deeper than ${depthMax} levels`,
        "Write it flatter, for example with a common table expression",
      );
    }
    const result = level();
    this.depth--;
    return result;
  }
}
