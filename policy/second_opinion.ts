/** A statement that the target's second opinion is against is refused and recorded as such, and somebody is told. */
import { statementJudged } from "./audit/events.ts";
import { probeDisagreed } from "./audit/probe_events.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Journal } from "./ports.ts";
import type { Probes } from "./probes.ts";
import type { Recorder } from "./recorder.ts";
import type { StatementRun, Target } from "./types.ts";

/** Rejects with PolicyDenied, once the refusal is recorded; resolves where the statement may run. */
export async function secondOpinion(
  deps: {
    readonly probes: Probes;
    readonly recorder: Recorder;
    readonly journal: Journal;
    readonly inForce: PolicyInForce;
  },
  { about, target, database }: {
    readonly about: { readonly person: string; readonly session: string; readonly target: string };
    readonly target: Target;
    readonly database: string;
  },
  id: string,
  run: StatementRun,
): Promise<void> {
  const doubt = await deps.probes.check(target, database, run);
  if (doubt === null) return;
  const { message: reason, rule = "", hint = "" } = doubt.error;
  const judgement = { ...run.judgement, verdict: "deny" as const, rule, reason, hint, terms: null };
  const { digest: policy } = deps.inForce.current;
  const refused = { id, run: { ...run, judgement }, policy, approval: null, waitedMs: null };
  await deps.recorder.record(statementJudged(about, refused), false);
  if (doubt.disagreed) deps.journal.note(probeDisagreed(about, id, doubt.code));
  throw doubt.error;
}
