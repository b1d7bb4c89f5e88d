/** Who may do what, composed over one journal: the only thing of policy that starts anything. */
import { Accounts } from "./accounts.ts";
import type { TargetAccounts } from "./account_ports.ts";
import { createAccess } from "./access.ts";
import { AccessWaits } from "./access_waits.ts";
import { type ApprovalService, createApprovals, digestKeyOf } from "./approval.ts";
import { createAdvance } from "./approval/advance.ts";
import { createCatalogs } from "./catalogs.ts";
import type { PolicyConfig } from "./config.ts";
import { cliOf, issuersOf } from "./identity/from_config.ts";
import { DetectionTotals } from "./detectors.ts";
import { Grants } from "./grants.ts";
import { judgingParts } from "./judging_parts.ts";
import { createGatekeeper, type GatekeeperService } from "./gatekeeper.ts";
import {
  basisOf,
  createIssuers,
  createPresentedSignIns,
  createSignIns,
  Departures,
  type Issuers,
  type Leaving,
  OneTimePasswords,
  Rechecks,
  type SignInService,
} from "./identity/mod.ts";
import { shareSignIns } from "./identity/shared_sign_ins.ts";
import { compilePolicy, PolicyInForce } from "./in_force.ts";
import { HealthCheck, storeProbe, targetProbes } from "./health.ts";
import type { Log } from "./log.ts";
import { Metrics, observed } from "./metrics.ts";
import type {
  Access,
  Advance,
  Clock,
  Deliveries,
  EvidenceJournal,
  IdentityProvider,
  Leavers,
  LiveSessions,
  TargetQuery,
} from "./ports.ts";
import { recordDepartures } from "./departures_recorded.ts";
import { LiveEverywhere, serveNodes } from "./live_everywhere.ts";
import { Outgoing, type OutgoingConfig } from "./outgoing.ts";
import { createPlayground, type Playground } from "./playground.ts";
import { Recorder } from "./recorder.ts";
import { dialectOf } from "./sql/mod.ts";
import type { Traces } from "./traces/ports.ts";

export interface PolicyDeps {
  readonly journal: EvidenceJournal;
  /** What links start with: the dashboard's address, without a slash at the end. */
  readonly url: string;
  /** Postern's own query on a target, in that target's protocol. */
  readonly targetQuery: TargetQuery;
  /** The config file's path, where relative paths of streams start. */
  readonly file: string;
  readonly accountsOf: (protocol: string) => TargetAccounts | undefined;
  /** Client connections being served, for the metrics. */
  readonly connections: () => number;
  /** Events that are durable and not in the database yet, for the metrics. */
  readonly backlog: () => number;
  /** The installation's secret; digests of approvals are keyed with what is derived from it. */
  readonly secret: Uint8Array;
  /** null where they are off. */
  readonly traces: Traces | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the data path and the dashboard are given. */
export interface PolicyPorts {
  readonly gatekeeper: GatekeeperService;
  readonly identity: IdentityProvider;
  readonly signIns: SignInService;
  readonly approvals: ApprovalService;
  readonly access: Access;
  readonly playground: Playground;
  readonly advance: Advance;
  readonly inForce: PolicyInForce;
  /** What programs on people's machines need to sign in at the issuer. */
  readonly cli: { readonly issuer: string; readonly clientId: string | null };
  readonly metrics: Metrics;
  readonly health: HealthCheck;
  /** What the detectors found since the start. */
  readonly detections: DetectionTotals;
  readonly grants: Grants;
  readonly deliveries: Deliveries;
  /** Replaces what goes out; returns at once. */
  configureOutgoing(config: OutgoingConfig): void;
  /** Throws AuthFailed for an issuer that can never be asked; what it gives comes after the policy is in force. */
  prepareIdentity(config: PolicyConfig): () => void;
  readonly departures: Leavers;
  readonly live: LiveSessions;
  /**
   * Takes up what a run before has left open; rejects with StoreFailed. Resolves with the way to end, once no
   * client is served any more: what is under way finishes.
   */
  begin(): Promise<() => Promise<void>>;
}

export function createPolicy(config: PolicyConfig, deps: PolicyDeps): PolicyPorts {
  const { journal, url, targetQuery, secret, connections, clock, log } = deps;
  const inForce = new PolicyInForce(compilePolicy(config));
  const { identity, prepareIdentity, departures, rechecks, recall, ...entrances } = identityParts(
    config,
    inForce,
    deps,
  );
  const { signIns, passwords } = entrances;
  const approvals = approvalsUnder(inForce, departures, deps);
  const detections = new DetectionTotals();
  const { accounts, grants, waits } = accessParts(inForce, deps);
  const catalogs = createCatalogs({ dialectOf, queryOf: () => targetQuery, clock, log });
  const metrics = new Metrics({
    sessions: () => gatekeeper.ids().length,
    connections,
    pendingApprovals: () => approvals.pendingHere,
    storeBacklog: deps.backlog,
    spans: deps.traces,
  }, clock);
  journal.subscribe((event) => metrics.observe(event), observed);
  const outgoing = new Outgoing(config, { journal, inForce, url, file: deps.file, clock, log });
  const others = () => [identity, outgoing].flatMap((one) => one.probes());
  const parts = () => [storeProbe(journal), ...targetProbes(inForce, catalogs), ...others()];
  const judging = judgingParts(approvals, deps);
  const gatekeeper = createGatekeeper({
    inForce,
    detections,
    ...judging,
    journal,
    recorder: new Recorder(journal, () => inForce.current.reads, log),
    approvals,
    catalogs,
    meter: metrics,
    traces: deps.traces,
    digestKey: digestKeyOf(secret),
    ...entrances,
    clock,
    grants,
    accounts,
    waits,
    departures,
  });
  serveNodes(journal, approvals, gatekeeper);
  const access = createAccess({ inForce, passwords, journal, grants });
  const means = { catalogs, approvals, digestKey: digestKeyOf(secret), dialectOf, query: targetQuery };
  return {
    ...lifeOf({ grants, accounts, rechecks, recall, outgoing: [outgoing, judging.largeTexts, deps.traces] }),
    gatekeeper,
    identity,
    signIns,
    approvals,
    access,
    playground: createPlayground({ inForce, catalogs, clock }),
    advance: createAdvance({ ...means, inForce, journal, clock, log }),
    inForce,
    grants,
    get cli() {
      return cliOf(inForce.current.identity);
    },
    metrics,
    health: new HealthCheck(parts, clock),
    detections,
    deliveries: outgoing,
    prepareIdentity,
    configureOutgoing: (next) => outgoing.configure(next),
    departures,
    live: new LiveEverywhere({ here: gatekeeper, journal, log }),
  };
}

/** Who it is, and who has gone. */
function identityParts(
  { identity: config }: PolicyConfig,
  inForce: PolicyInForce,
  { journal, url, clock, log }: PolicyDeps,
) {
  const limits = () => inForce.current.limits;
  const settings = () => inForce.current.identity;
  const departures = new Departures(clock, (identity) => basisOf(identity, settings()) !== null);
  const passwords = new OneTimePasswords({ clock, limits });
  const depart = (who: Leaving) => departures.depart(who);
  const rechecks = new Rechecks({ everyMs: () => settings().recheckMs, clock, log, depart });
  departures.subscribe((who) => {
    passwords.revoke(who);
    rechecks.forget(who);
  });
  departures.onReview((stays) => {
    passwords.review(stays);
    rechecks.review(stays);
  });
  const { recall } = recordDepartures(departures, journal, clock);
  const certificateOf = (issuer: string) =>
    [settings(), ...settings().others].find((one) => one.issuer === issuer)?.ca;
  const identity = createIssuers(issuersOf(config, certificateOf), {
    clock,
    log,
    departures,
    url,
    services: () => settings().services,
    guessesMax: () => inForce.current.limits.failedSignInsPerAddressMax,
    ...watching(rechecks),
  });
  let before = config;
  const prepareIdentity = ({ identity: next }: PolicyConfig) => {
    const commit = identity.prepare(issuersOf(next, certificateOf));
    return () => {
      commit();
      const left = before;
      before = next;
      departures.review((who) => basisOf(who, next) === basisOf(who, left));
    };
  };
  const passed = { identity, prepareIdentity, departures, rechecks, recall };
  return { ...passed, ...entrancesOf(identity, passwords, settings, { url, limits, clock }) };
}

/** The ways in: by a browser, and by what a client may present. */
function entrancesOf(
  identity: Issuers,
  passwords: OneTimePasswords,
  settings: () => PolicyConfig["identity"],
  common: Pick<PolicyDeps, "url" | "clock"> & { readonly limits: () => PolicyConfig["limits"] },
) {
  const signIns = createSignIns({ ...common, timeoutMs: () => settings().signInTimeoutMs });
  return {
    signIns,
    passwords,
    shared: shareSignIns((attempt, target) => signIns.start(attempt, target), {
      windowMs: () => settings().shareSignInMs,
      clock: common.clock,
    }),
    presented: createPresentedSignIns(identity, passwords, {
      everyone: () => settings().oauthBearer === "everyone",
    }),
  };
}

const watching = (rechecks: Rechecks) => ({
  watch: (...args: Parameters<Rechecks["watch"]>) => rechecks.watch(...args),
  watched: (who: Parameters<Rechecks["watches"]>[0]) => rechecks.watches(who),
});

function approvalsUnder(
  inForce: PolicyInForce,
  departures: Departures,
  { journal, clock, url, log }: PolicyDeps,
): ApprovalService {
  const approvals = createApprovals({
    journal,
    clock,
    url,
    log,
    pendingMax: () => inForce.current.limits.pendingApprovalsMax,
    retryMs: () => inForce.current.approvals.retryMs,
  });
  departures.subscribe((who) => {
    approvals.endAccess(who, who.reason).catch((error) =>
      log("error", "approvals of somebody who left could not be ended", { error: String(error) })
    );
  });
  return approvals;
}

function lifeOf(
  { grants, accounts, rechecks, recall, outgoing }: {
    readonly recall: () => Promise<void>;
    readonly rechecks: Rechecks;
    readonly grants: Grants;
    readonly accounts: Accounts;
    readonly outgoing: readonly ({ close(): Promise<void> } | null)[];
  },
): Pick<PolicyPorts, "begin"> {
  return {
    async begin() {
      await Promise.all([grants.book.load(), recall()]);
      accounts.start();
      rechecks.start();
      return async () => {
        rechecks.close();
        grants.book.close();
        await Promise.all([accounts, ...outgoing].map((one) => one?.close()));
      };
    },
  };
}

/** Access for a time, and accounts for a session. */
function accessParts(inForce: PolicyInForce, deps: PolicyDeps) {
  const { accountsOf, journal, url, clock, log } = deps;
  const accounts = new Accounts({ accountsOf, inForce, journal, clock, log });
  const grants = new Grants({ inForce, journal, clock, log });
  const waitMs = () => inForce.current.limits.accessWaitMs;
  return { accounts, grants, waits: new AccessWaits({ grants, url, clock, waitMs }) };
}
