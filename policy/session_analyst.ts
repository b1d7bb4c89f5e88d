/** What one session's texts mean: by the newest catalog and the policy in force, both of which may change under it. */
import type { Catalogs } from "./catalogs.ts";
import type { SessionGrant } from "./grant_ports.ts";
import type { Policy, PolicyInForce } from "./in_force.ts";
import { type Ahead, shortTextMax } from "./ahead.ts";
import type { LargeTexts, PortableMasks } from "./sql/large_texts.ts";
import type { Analyst, Catalog, NotUnderstood, Understood } from "./sql/dialect.ts";
import type { Identity, MaskRule, SqlState, Target } from "./types.ts";

/** The verdict where the target's catalog is missing: without it nothing can be masked for certain. */
const noCatalog: NotUnderstood = {
  refused: {
    code: "no-catalog",
    reason: "Postern has no recent catalog of this database, so it cannot tell what a statement touches",
    hint: "The target did not answer Postern's own query; try again in a few seconds",
  },
};

/** How long a catalog that was read for a text is new enough to judge it by. */
const renewedMs = 1_000;
/** COPY TO STDOUT, which may be written STDIN as well. */
const mayBeUnnamed = /\bstd(?:in|out)\b/i;

interface Analysts {
  readonly catalog: Catalog;
  readonly policy: Policy;
  /** By the masks of whoever asks. */
  readonly own: Analyst;
  /** By everybody's masks, where some do not count for whoever asks: for what the record hides. */
  readonly strict: Analyst | null;
  readonly masks: { readonly own: PortableMasks; readonly strict: PortableMasks };
}

type Answer = readonly Understood[] | NotUnderstood;

/** A long text that was understood ahead of its judgement. */
interface UnderstoodAhead {
  readonly text: string;
  readonly state: SqlState;
  readonly analysts: Analysts;
  readonly own: Answer;
  readonly strict: Answer;
  readonly template: string | null;
}

export class SessionAnalyst {
  #analysts: Analysts | null = null;
  #ahead: UnderstoodAhead | null = null;
  /** The last text for which the catalog was read anew. */
  #renewed: { readonly text: string; readonly until: number; readonly failed: boolean } | null = null;

  constructor(
    private readonly deps: {
      readonly catalogs: Catalogs;
      readonly inForce: PolicyInForce;
      readonly largeTexts: LargeTexts | null;
    },
    private readonly place: {
      readonly identity: Identity;
      readonly target: Target;
      readonly database: string;
      readonly grant?: SessionGrant | null;
    },
  ) {}

  analyse(text: string, state: SqlState): readonly Understood[] | NotUnderstood {
    const analysts = this.#current();
    if (analysts === null || (this.#renewed?.failed && this.#isRenewed(text))) return noCatalog;
    const ahead = this.#aheadOf(text, state, analysts);
    const understood = ahead?.own ?? analysts.own.analyse(text, state);
    if (analysts.strict === null || "refused" in understood) return understood;
    return hiddenBy(understood, ahead?.strict ?? analysts.strict.analyse(text, state));
  }

  /** Until analyse() of this text takes no time; null where it takes none anyway. */
  ahead(text: string, state: SqlState): Ahead | null {
    const { largeTexts } = this.deps;
    if (text.length <= shortTextMax || largeTexts === null) return this.#renewal(text, state);
    const known = this.#current();
    if (known === null) return null;
    const ahead = this.#aheadOf(text, state, known);
    if (ahead !== null && !this.#mustRenew(text, ahead.own)) return null;
    const left = new AbortController();
    return { ready: this.#understand(text, state, largeTexts, left.signal), cancel: () => left.abort() };
  }

  async #understand(
    text: string,
    state: SqlState,
    largeTexts: LargeTexts,
    left: AbortSignal,
  ): Promise<void> {
    if (mayBeUnnamed.test(text)) await this.#renew(text);
    const analysts = this.#current();
    if (analysts === null || left.aborted || this.#aheadOf(text, state, analysts) !== null) return;
    const { target, database } = this.place;
    const { catalog, masks } = analysts;
    const place = JSON.stringify([target.name, database]);
    const under = (masks: PortableMasks) => ({
      dialect: target.protocol,
      place,
      catalog,
      masks,
      text,
      state,
    });
    const { answer: own, template } = await largeTexts.read(under(masks.own), left);
    const strict = analysts.strict === null ? own : await largeTexts.analyse(under(masks.strict), left);
    if (!left.aborted) this.#ahead = { text, state, analysts, own, strict, template };
  }

  /** Of a result that names no columns, a column that moved within the last minute would be shown in another's place. */
  #renewal(text: string, state: SqlState): Ahead | null {
    if (!mayBeUnnamed.test(text)) return null;
    const answer = this.#current()?.own.analyse(text, state) ?? noCatalog;
    return this.#mustRenew(text, answer) ? { ready: this.#renew(text), cancel: () => {} } : null;
  }

  #mustRenew(text: string, answer: readonly Understood[] | NotUnderstood): boolean {
    return !("refused" in answer) && answer.some(({ unnamed }) => unnamed) && !this.#isRenewed(text);
  }

  #renew(text: string): Promise<void> {
    const { target, database } = this.place;
    const settled = (failed: boolean) => () => {
      this.#renewed = { text, until: performance.now() + renewedMs, failed };
    };
    return this.deps.catalogs.renew(target, database).then(settled(false), settled(true));
  }

  #isRenewed(text: string): boolean {
    return this.#renewed?.text === text && performance.now() < this.#renewed.until;
  }

  #aheadOf(text: string, state: SqlState, analysts: Analysts): UnderstoodAhead | null {
    const known = this.#ahead;
    if (known === null || known.analysts !== analysts || known.state !== state) return null;
    return known.text === text ? known : null;
  }

  /** By everybody's masks, whoever asks. */
  strictly(text: string, state: SqlState): readonly Understood[] | NotUnderstood {
    const analysts = this.#current();
    if (analysts === null) return noCatalog;
    return this.#aheadOf(text, state, analysts)?.strict ??
      (analysts.strict ?? analysts.own).analyse(text, state);
  }

  maskOf(origin: string): MaskRule | null {
    return this.#current()?.own.maskOf(origin) ?? null;
  }

  /** Whether every mask counts for whoever asks. */
  get strict(): boolean {
    return this.#current()?.strict === null;
  }

  /** Of a long text only where it was understood ahead: reading it here would keep others waiting. */
  template(text: string, state: SqlState): string | null {
    const analysts = this.#current();
    if (analysts === null) return null;
    if (text.length <= shortTextMax || this.deps.largeTexts === null) {
      return analysts.own.template(text, state);
    }
    return this.#aheadOf(text, state, analysts)?.template ?? null;
  }

  nameOf(origin: string): string | null {
    return this.#current()?.own.nameOf(origin) ?? null;
  }

  #current(): Analysts | null {
    const { identity, target, database, grant } = this.place;
    const catalog = this.deps.catalogs.current(target, database);
    if (catalog === null) return null;
    const policy = this.deps.inForce.current;
    if (this.#analysts?.catalog !== catalog || this.#analysts.policy !== policy) {
      const masks = policy.masksFor(identity.groups, target.name, grant?.scope.unmask);
      const all = policy.masksFor([], target.name);
      this.#analysts = {
        catalog,
        policy,
        own: catalog.analyst(masks.key, masks.lookup),
        strict: all.key === masks.key ? null : catalog.analyst(all.key, all.lookup),
        masks: { own: masks.portable, strict: all.portable },
      };
    }
    return this.#analysts;
  }
}

/** Whoever may see a column writes its values, too; those who read the record may not. */
function hiddenBy(
  understood: readonly Understood[],
  strict: readonly Understood[] | NotUnderstood,
): readonly Understood[] {
  if ("refused" in strict) return understood;
  return understood.map((one, index) => {
    const { maskedLiterals = [], maskedParameters = [] } = strict[index]?.facts ?? {};
    if (maskedLiterals.length + maskedParameters.length === 0) return one;
    return { ...one, facts: { ...one.facts, maskedLiterals, maskedParameters } };
  });
}
