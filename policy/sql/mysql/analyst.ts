/** Texts -> facts and masks, for one catalog and one set of masks. */
import type { MaskRule, SqlState } from "../../types.ts";
import type { Analyst, MaskLookup, NotUnderstood, Understood } from "../dialect.ts";
import { type Cut, cut, hidesLiterals, ShapedAnswers } from "../shapes.ts";
import { TextCache } from "../text_cache.ts";
import type { CatalogModel } from "./catalog_data.ts";
import { checkHints } from "./hints.ts";
import { judge } from "./judge.ts";
import { understood } from "./judged.ts";
import { freeLiterals } from "./free_literals.ts";
import { checkCharacters, Lexer } from "./lexer.ts";
import { type Mode, modeOf } from "./mode.ts";
import { Reader } from "./reader.ts";
import { Refusal } from "./refusal.ts";
import { secondOpinion } from "./second_opinion.ts";
import { stateAfter } from "./state_after.ts";
import { Taints } from "./taints.ts";
import { templateOf } from "./template.ts";
import { isTrivia, type Token } from "./tokens.ts";
import { Walk } from "./walk.ts";

/** UTF-16 units. */
const textLengthMax = 4_194_304;
/** Tokens of a statement; of one whose rows are mostly literals, which are passed over without a tree. */
const tokensMax = 50_000;
const rowTokensMax = 1_000_000;
const statementsMax = 100;

type Answer = readonly Understood[] | NotUnderstood;

/** Longer texts are rarely asked twice, and would fill the cache. */
const cachedLengthMax = 16_384;

export class MysqlAnalyst implements Analyst {
  readonly #taints: Taints;
  readonly #answers = new TextCache<Answer>({ entriesMax: 8_192, lengthMax: 4_194_304 });
  readonly #shaped = new ShapedAnswers<Answer>();
  readonly #modes = new WeakMap<SqlState, Mode | Refusal>();

  constructor(private readonly model: CatalogModel, masks: MaskLookup) {
    this.#taints = new Taints(model, masks);
  }

  analyse(text: string, state: SqlState): Answer {
    const mode = this.#mode(state);
    if (mode instanceof Refusal) return notUnderstood(mode);
    const context = `${mode.key}\n${state.sql_mode ?? ""}\n`;
    const known = this.#answers.get(context + text);
    if (known !== undefined) return known;
    const parts = cut(text);
    const shaped = parts === null ? undefined : this.#shaped.get(context, parts);
    if (shaped !== undefined) return shaped;
    const answer = this.#judged(text, state, mode, parts === null ? null : { context, parts });
    if (text.length <= cachedLengthMax) this.#answers.set(context + text, answer);
    return answer;
  }

  after(text: string, state: SqlState): SqlState {
    return stateAfter(text, this.#full(state));
  }

  template(text: string, state: SqlState): string | null {
    const mode = this.#mode(state);
    if (mode instanceof Refusal) return null;
    try {
      return templateOf(text, mode);
    } catch {
      return null;
    }
  }

  maskOf(origin: string): MaskRule | null {
    return this.#taints.maskOf(origin);
  }

  /** The target names origins so. */
  nameOf(origin: string): string | null {
    return origin;
  }

  #mode(state: SqlState): Mode | Refusal {
    let mode = this.#modes.get(state);
    if (mode === undefined) {
      try {
        mode = modeOf(this.#full(state));
      } catch (error) {
        mode = refusalOf(error);
      }
      this.#modes.set(state, mode);
    }
    return mode;
  }

  /** What a state leaves open is as new sessions have it. */
  #full(state: SqlState): SqlState {
    const { version, schema } = this.model.data;
    return state.version === undefined || state.schema === undefined ? { version, schema, ...state } : state;
  }

  #judged(text: string, state: SqlState, mode: Mode, shape: Shape | null): Answer {
    try {
      const free = shape === null ? null : new Set<number>();
      const answer = this.#statements(text, state, mode, free);
      if (shape !== null) {
        this.#shaped.keep(shape.context, shape.parts, hidesLiterals(answer) ? null : free, answer);
      }
      return answer;
    } catch (error) {
      return notUnderstood(refusalOf(error));
    }
  }

  /** One after the other: what one sets, the next is read by. `free` gets the places of free literals, where wanted. */
  #statements(text: string, first: SqlState, firstMode: Mode, free: Set<number> | null): Understood[] {
    if (text.length > textLengthMax) {
      throw new Refusal(
        "too-long",
        `The text is longer than ${textLengthMax} characters, more than Postern judges`,
        "Send it in parts, for example fewer rows per INSERT",
      );
    }
    checkCharacters(text);
    const found: Understood[] = [];
    let state = this.#full(first), mode = firstMode;
    for (let at = 0; at < text.length;) {
      const { tokens, end } = new Lexer(text, at, mode).statement();
      at = end;
      if (tokens.every((token) => isTrivia(token) || token.kind === "end")) continue;
      if (found.length >= statementsMax) {
        throw new Refusal(
          "too-long",
          `The text has more than ${statementsMax} statements`,
          "Send fewer at a time",
        );
      }
      checkCount(tokens);
      const walk = new Walk(this.model, this.#taints, mode);
      checkHints(walk, tokens);
      const reader = new Reader(tokens, mode);
      const judged = judge(walk, reader, state);
      secondOpinion(walk, reader.tokens, judged);
      found.push(understood(walk, reader, judged));
      if (free !== null) { for (const start of freeLiterals(reader.tokens)) free.add(start); }
      if (judged.state === null || at >= text.length) continue;
      state = judged.state;
      mode = modeOf(state);
    }
    return found;
  }
}

interface Shape {
  readonly context: string;
  readonly parts: Cut;
}

function checkCount(tokens: readonly Token[]): void {
  const verb = tokens.find((token) => !isTrivia(token))?.keyword;
  const max = verb === "INSERT" || verb === "REPLACE" ? rowTokensMax : tokensMax;
  if (tokens.length <= max) return;
  throw new Refusal(
    "too-long",
    `A statement has ${tokens.length} words and signs, more than the ${max} that Postern judges`,
    "Send it in parts",
  );
}

function notUnderstood({ code, reason, hint }: Refusal): NotUnderstood {
  return { refused: { code, reason, hint } };
}

/** Anything thrown becomes a refusal: a text must never get past because it broke something. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const deep = error instanceof RangeError;
  return new Refusal(
    deep ? "nested-too-deep" : "not-understood",
    deep ? "The statement nests too deep" : "Postern failed to understand this statement",
    "Write it in a simpler form",
  );
}
