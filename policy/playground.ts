/** The policy for people: what it says, and what it would say to a statement. Nothing here runs anything. */
import type { Catalogs } from "./catalogs.ts";
import { decide, mayConnect, type Place } from "./decide.ts";
import { PosternError } from "./errors.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Clock } from "./ports.ts";
import { denied, safeName } from "./reasons.ts";
import { maskSettingWords, type MaskWords, type RuleWords, ruleWords } from "./rule_words.ts";
import type { Rule } from "./rules.ts";
import type { Colour } from "./sql/colour.ts";
import { dialectOf } from "./sql/mod.ts";
import { type RuleTrace, traceOf } from "./trace.ts";
import type { Identity, JudgedStatement, Judgement, Target, Verdict } from "./types.ts";

export interface RuleView extends RuleWords {
  readonly name: string;
  readonly verdict: Verdict;
  /** Whether the viewer is one of those that it is for. */
  readonly mine: boolean;
}

export interface PolicyView {
  /** Which policy: the record names it with each verdict. */
  readonly digest: string;
  readonly rules: readonly RuleView[];
  readonly masks: readonly MaskWords[];
  readonly targets: readonly Pick<Target, "name" | "environment" | "database" | "groups">[];
}

export interface TryOut {
  readonly text: string;
  readonly who: Identity;
  readonly target: string;
  /** Epoch milliseconds: rules may ask for the time. */
  readonly at: number;
}

/** One statement of the text: what it was understood as, its verdict, and every rule's part in it. */
export interface TriedStatement extends JudgedStatement {
  readonly trace: readonly RuleTrace[];
}

export interface Tried {
  /** Of the whole text, which is refused or held as one. */
  readonly judgement: Pick<Judgement, "verdict" | "rule" | "reason" | "hint" | "terms">;
  /** Empty where the text was not understood, or its person may not connect. */
  readonly statements: readonly TriedStatement[];
}

export interface Playground {
  /** All of it, or what concerns this person. */
  view(viewer: Identity, all: boolean): PolicyView;
  /** A statement's tokens as the target's dialect reads them; null where that is not certain. */
  colours(target: string, text: string): readonly Colour[] | null;
  /** Rejects with PolicyDenied for an unknown target, with TargetUnavailable where its catalog cannot be read. */
  tryOut(question: TryOut): Promise<Tried>;
}

export interface PlaygroundDeps {
  readonly inForce: Pick<PolicyInForce, "current">;
  readonly catalogs: Pick<Catalogs, "load" | "current">;
  readonly clock: Clock;
}

export function createPlayground(deps: PlaygroundDeps): Playground {
  return {
    view(viewer, all) {
      const { rules, masks, targets, digest } = deps.inForce.current;
      const shown = rules.rules.map(({ rule, who }) => viewOf(rule, who(viewer)));
      return {
        digest,
        rules: all ? shown : shown.filter(({ mine }) => mine),
        masks: masks.map(maskSettingWords),
        targets: [...targets.values()].filter((target) => all || mayConnect(viewer, target))
          .map(({ name, environment, database, groups }) => ({ name, environment, database, groups })),
      };
    },
    colours(target, text) {
      const found = deps.inForce.current.targets.get(target);
      return found === undefined ? null : dialectOf(found.protocol)?.colours(text) ?? null;
    },
    tryOut: (question) => tryOut(question, deps),
  };
}

const viewOf = (rule: Rule, mine: boolean): RuleView => ({
  ...ruleWords(rule),
  name: rule.name,
  verdict: rule.then,
  mine,
});

async function tryOut({ text, who, target: name, at }: TryOut, deps: PlaygroundDeps): Promise<Tried> {
  const { rules, masksFor, targets } = deps.inForce.current;
  const target = targets.get(name);
  if (target === undefined) {
    throw new PosternError("PolicyDenied", `There is no target "${safeName(name)}"`, {
      rule: "targets",
      hint: "Choose one of the policy's targets",
    });
  }
  if (!mayConnect(who, target)) {
    const judgement = denied(
      `targets.${target.name}.groups`,
      `${safeName(who.name)} may not connect to ${target.name}: it is for members of ${
        target.groups.join(", ")
      }`,
      "Try it with one of these groups",
    );
    return { judgement, statements: [] };
  }
  await deps.catalogs.load(target, target.database);
  const catalog = deps.catalogs.current(target, target.database);
  if (catalog === null) {
    throw new PosternError("TargetUnavailable", `The catalog of "${target.name}" cannot be read now`, {
      hint: "Try again in a few seconds",
    });
  }
  const masks = masksFor(who.groups, target.name);
  const where: Place = {
    target: target.name,
    database: target.database,
    environment: target.environment,
    clientAddress: "127.0.0.1",
  };
  const understood = catalog.analyst(masks.key, masks.lookup).analyse(text, { schema: target.database });
  const judgement = decide(understood, who, where, at, rules);
  return {
    judgement,
    statements: judgement.statements.map((one) => ({
      ...one,
      trace: traceOf(one.facts, who, where, at, rules),
    })),
  };
}
