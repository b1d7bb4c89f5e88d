/** Decisions of one session, remembered as long as nothing that they depend on changes. */
import { type CompiledRules, decide, type Place } from "./decide.ts";
import type { Estimate, NotUnderstood, Understood } from "./sql/dialect.ts";
import type { Identity, Judgement } from "./types.ts";

type Input = readonly Understood[] | NotUnderstood;

interface Decided {
  readonly rules: CompiledRules;
  /** Rules change with the time by whole minutes. */
  readonly minute: number;
  readonly judgement: Judgement;
}

export class Decisions {
  /** By what the analyst gave, which is one object for a text as long as its facts hold. */
  readonly #known = new WeakMap<Input, Decided>();
  /** Whether the rules look at more than facts and the minute. */
  #asksMore: { readonly rules: CompiledRules; readonly answer: boolean } | null = null;

  constructor(
    private readonly who: Identity,
    private readonly where: Place,
    private readonly within: ((judgement: Judgement) => Judgement) | null = null,
  ) {}

  /** The same judgement again for the same facts, rules and minute. */
  on(input: Input, at: number, rules: CompiledRules, estimate: Estimate | null = null): Judgement {
    const minute = Math.floor(at / 60_000);
    const known = this.#known.get(input);
    if (known !== undefined && known.minute === minute && known.rules === rules) return known.judgement;
    const decided = decide(input, this.who, this.where, at, rules, estimate);
    const judgement = this.within?.(decided) ?? decided;
    if (!this.#more(rules)) this.#known.set(input, { rules, minute, judgement });
    return judgement;
  }

  /** A condition may read the clock to the millisecond. */
  #more(rules: CompiledRules): boolean {
    if (this.#asksMore?.rules !== rules) {
      const answer = rules.applicable(this.who, this.where).some(({ condition }) => condition !== null);
      this.#asksMore = { rules, answer };
    }
    return this.#asksMore.answer;
  }
}
