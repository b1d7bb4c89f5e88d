/** Computes what a held statement would do, beside its wait: for whoever decides, and for the record. */
import { SessionWatcher } from "../detectors.ts";
import { maskKey, maskText } from "../masking.ts";
import type { TargetQuery } from "../ports.ts";
import type { Dialect, NotUnderstood, Understood } from "../sql/dialect.ts";
import { type Impact, type ImpactInput, noImpact } from "../sql/impact.ts";
import type { ApprovalRequest, StatementRun, Target } from "../types.ts";
import type { ApprovalService } from "./service.ts";

export interface PreviewDeps {
  readonly dialectOf: (protocol: string) => Dialect | undefined;
  readonly query: TargetQuery;
  /** The installation's secret, for masks that hash. */
  readonly secret: Uint8Array;
  readonly approvals: Pick<ApprovalService, "previewed">;
  readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void;
}

/** What is to be previewed. `analyse` judges by everybody's masks: approvers see no more than anybody. */
export interface Previewed {
  readonly request: ApprovalRequest;
  readonly run: StatementRun;
  readonly target: Target;
  readonly database: string;
  readonly analyse: (text: string) => readonly Understood[] | NotUnderstood;
}

/** Of one target at a time: previews are no load to it. */
const atOnceMax = 2;
const waitingMax = 100;

export class Previews {
  readonly #running = new Map<string, number>();
  readonly #waiting: Previewed[] = [];

  constructor(private readonly deps: PreviewDeps) {}

  /** Returns at once; a preview that fails says so, and nothing waits for it. */
  start(it: Previewed): void {
    const { name } = it.target;
    if ((this.#running.get(name) ?? 0) < atOnceMax) {
      this.#running.set(name, (this.#running.get(name) ?? 0) + 1);
      this.#run(it).finally(() => this.#next(name));
    } else if (this.#waiting.length < waitingMax) this.#waiting.push(it);
    else {this.deps.approvals.previewed(it.request, {
        ...noImpact,
        missing: ["the preview: too many are under way"],
      });}
  }

  #next(target: string): void {
    this.#running.set(target, (this.#running.get(target) ?? 1) - 1);
    const at = this.#waiting.findIndex((one) => one.target.name === target);
    const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (next !== undefined) this.start(next);
  }

  async #run(it: Previewed): Promise<void> {
    const { dialectOf, log, approvals } = this.deps;
    let impact: Impact;
    try {
      const dialect = dialectOf(it.target.protocol);
      if (dialect === undefined) return;
      impact = await dialect.impact(this.#input(it));
    } catch (error) {
      log("warn", "a preview failed", { request: it.request.id, error: String(error) });
      impact = { ...noImpact, missing: ["the preview: it failed; the log of Postern has the details"] };
    }
    approvals.previewed(it.request, impact);
  }

  #input({ request, run, target, database, analyse }: Previewed): ImpactInput {
    const key = maskKey(this.deps.secret, target.name);
    const { detectors } = target;
    const seen = detectors === undefined
      ? null
      : new SessionWatcher(detectors, () => null).watch(null, "preview");
    return {
      target,
      database,
      query: this.deps.query,
      text: run.text,
      parameters: run.parameters,
      state: run.state,
      facts: run.judgement.statements.map(({ facts }) => facts),
      wants: run.judgement.terms?.preview ?? { count: false, samples: 0 },
      analyse,
      failed: (part, error) => {
        // The target's own text may quote a value that somebody masks: its code has to do.
        const { message, targetCode } = error as { message?: string; targetCode?: string };
        const problem = `${message ?? error}${targetCode === undefined ? "" : ` (${targetCode})`}`;
        this.deps.log("warn", "a part of a preview failed", { request: request.id, part, problem });
      },
      mask: (rule, text) => maskText(rule.mask, text, key),
      see: (text) => seen?.see(text) ?? text,
    };
  }
}
