/**
 * Approval in advance: a statement or a file of them, submitted before anything runs. Approved as one, each statement
 * gets an approval of its own, good once within a window: sent exactly as submitted, it passes without waiting.
 */
import { approvalDecided, approvalRequested } from "../audit/approval_events.ts";
import type { Catalogs } from "../catalogs.ts";
import { decide, mayConnect } from "../decide.ts";
import { PosternError } from "../errors.ts";
import type { PolicyInForce } from "../in_force.ts";
import type { Advance, Clock, Journal, TargetQuery } from "../ports.ts";
import type { Dialect } from "../sql/dialect.ts";
import type { ApprovalRequest, Identity, Judgement, StatementRun, Target } from "../types.ts";
import { requestFor } from "./request.ts";
import { digestOf } from "./review.ts";
import type { ApprovalService } from "./service.ts";

export interface AdvanceDeps {
  readonly inForce: PolicyInForce;
  readonly catalogs: Catalogs;
  readonly approvals: Pick<ApprovalService, "hold" | "find">;
  readonly journal: Pick<Journal, "append" | "useApproval">;
  readonly dialectOf: (protocol: string) => Dialect | undefined;
  readonly query: TargetQuery;
  readonly digestKey: Uint8Array;
  readonly clock: Clock;
  readonly log: (level: "error", message: string, fields?: Record<string, unknown>) => void;
}

const statementsMax = 200;

type Asked = Parameters<Advance["submit"]>[1];

export function createAdvance(deps: AdvanceDeps): Advance {
  return {
    async submit(identity, asked) {
      const { target, dialect } = placeOf(deps, identity, asked);
      await deps.catalogs.load(target, target.database);
      const state = await dialect.startState(target, target.database, deps.query);
      const texts = dialect.split(asked.text, state);
      if (texts === null || texts.length === 0 || texts.length > statementsMax) {
        throw refusal(
          texts === null ? "The text is not understood" : `A request holds 1 to ${statementsMax} statements`,
        );
      }
      const runOf = (text: string): StatementRun => ({
        text,
        parameters: [],
        judgement: judge(deps, identity, target, asked, text, state),
        state,
        inTransaction: false,
      });
      const runs = texts.map(runOf).filter((run, at) => needsApproval(run.judgement, at));
      const whole = runOf(asked.text);
      if (runs.length === 0 || !needsApproval(whole.judgement, 0)) {
        throw refusal("None of these statements needs an approval: run them");
      }
      return await ask(deps, identity, target, asked, whole, runs);
    },
  };
}

const refusal = (message: string) => new PosternError("PolicyDenied", message, { rule: "approvals" });

function placeOf(deps: AdvanceDeps, identity: Identity, { target: name }: Asked) {
  const target = deps.inForce.current.targets.get(name);
  const dialect = target === undefined ? undefined : deps.dialectOf(target.protocol);
  if (target === undefined || dialect === undefined || !mayConnect(identity, target)) {
    throw refusal(`There is no target "${name}" that you may reach`);
  }
  return { target, dialect };
}

function judge(
  { inForce, catalogs, clock }: AdvanceDeps,
  identity: Identity,
  target: Target,
  { address }: Asked,
  text: string,
  state: StatementRun["state"],
): Judgement {
  const policy = inForce.current;
  const { database, environment, name } = target;
  const catalog = catalogs.current(target, database);
  if (catalog === null) {
    throw refusal("Postern has no recent catalog of this target; try again in a few seconds");
  }
  // What everybody's masks hide is hidden from approvers; whoever sees more there is judged again when it runs.
  const { key, lookup } = policy.masksFor([], name);
  const understood = catalog.analyst(key, lookup).analyse(text, state);
  const place = { target: name, database, environment, clientAddress: address };
  return decide(understood, identity, place, clock(), policy.rules);
}

/** Throws for what no approval could let pass. */
function needsApproval({ verdict, reason }: Judgement, at: number): boolean {
  if (verdict === "deny") throw refusal(`Statement ${at + 1}: ${reason}`);
  return verdict === "approve";
}

async function ask(
  deps: AdvanceDeps,
  identity: Identity,
  target: Target,
  { address, reason, program }: Asked,
  whole: StatementRun,
  runs: readonly StatementRun[],
): Promise<ApprovalRequest> {
  const { digestKey, clock, approvals, log } = deps;
  const client = { address, port: 0, application: program, user: identity.name, tls: null };
  const place = { id: "", identity, target, database: target.database, client };
  const means = { transactionHoldMs: 0, digestKey, template: () => null };
  const requests = runs.map((run) => requestFor(run, place, clock(), means));
  const parent: ApprovalRequest = {
    ...requestFor(whole, place, clock(), means),
    digest: digestOf({ inAdvance: requests.map(({ digest }) => digest) }, digestKey),
    reason: `Asked in advance${reason === "" ? "" : `: ${reason}`}`,
    tableScope: null,
    advance: {
      statements: requests.length,
      windowMs: deps.inForce.current.approvals.advanceMs,
      list: requests.map(({ text, verbs }) => ({ text, verbs })),
    },
  };
  const hold = await approvals.hold(parent, identity);
  if (hold.passes !== undefined || hold.request.id !== parent.id) return hold.request;
  hold.outcome.then(async ({ state }) => {
    if (state === "approved") await issue(deps, parent, requests);
  }).catch((error) => log("error", "approvals in advance could not be recorded", { error: String(error) }));
  return hold.request;
}

/** The decision is durable: each statement's own approval follows it, or that it was left out. */
async function issue(
  { approvals, journal, clock }: AdvanceDeps,
  parent: ApprovalRequest,
  requests: readonly ApprovalRequest[],
): Promise<void> {
  const { reviews = [], granted } = await approvals.find(parent.id) ?? {};
  if (!granted) throw new PosternError("Internal", "An approval in advance grants nothing");
  const { until } = granted;
  const own = { scope: "once", until, statementsMax: 1 } as const;
  for (const [place, request] of requests.entries()) {
    const part = { ...request, reason: parent.reason, part: { of: parent.id, until }, reviews };
    const approved = granted.only?.includes(place) ?? true;
    await journal.append(approvalRequested({ ...part, reviews: [] }));
    await journal.append(approvalDecided(
      approved
        ? { ...part, state: "approved", granted: own, outcome: `approved in advance with ${parent.id}` }
        : { ...part, state: "denied", outcome: `left out of what was approved in advance with ${parent.id}` },
    ));
  }
  // Its statements have their own now: the same text asked for again is another request.
  await journal.useApproval({ id: parent.id, digest: parent.digest, at: clock(), session: parent.session });
}
