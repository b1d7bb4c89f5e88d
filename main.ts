/** Postern's commands, and the composition of its parts: config -> store -> policy -> proxy and dashboard. */
import { z } from "zod";
import { createAccess } from "./policy/access.ts";
import { createApprovals } from "./policy/approval.ts";
import { gatewayStarted, gatewayStopped } from "./policy/audit/events.ts";
import { createCatalogs } from "./policy/catalogs.ts";
import {
  formatProblem,
  parseConfig,
  type Parsed,
  policyChecks,
  type PolicyConfig,
  policyShape,
  toPolicyConfig,
} from "./policy/config.ts";
import { compileRules } from "./policy/decide.ts";
import { PosternError } from "./policy/errors.ts";
import { createGatekeeper } from "./policy/gatekeeper.ts";
import {
  createIdentityProvider,
  createPasswordVerifier,
  createSignIns,
  OneTimePasswords,
} from "./policy/identity/mod.ts";
import { shareSignIns } from "./policy/identity/shared_sign_ins.ts";
import { createLog, type Log } from "./policy/log.ts";
import type { Clock, EvidenceJournal } from "./policy/ports.ts";
import { compileMasks } from "./policy/masking.ts";
import { Recorder } from "./policy/recorder.ts";
import { dialectOf, dialects } from "./policy/sql/mod.ts";
import { openJournal } from "./policy/store/journal.ts";
import { maskSecret } from "./policy/store/mask_secret.ts";
import { listenAddresses, listenSchema, protocols, startProxy, targetQuery } from "./proxy/mod.ts";
import { startControl } from "./ui/api/control.ts";
import {
  type DashboardConfig,
  type DashboardListener,
  dashboardSchema,
  loadAssets,
  startDashboard,
} from "./ui/api/mod.ts";
import { auditExport, auditVerify, exportOptions } from "./ui/cli/audit.ts";
import { catalogCommand, explainCommand, explainOptions } from "./ui/cli/explain.ts";
import { type Command, readText, runCommand, say, UsageError, type Values } from "./ui/cli/run.ts";

export const version = "0.1.0";

const configSchema = z.strictObject({
  listen: listenSchema,
  dashboard: dashboardSchema,
  /** The folder of the session store; made where it is missing. */
  data: z.string().min(1).default("./data"),
  log: z.strictObject({
    level: z.enum(["debug", "info", "warn", "error"]).default("info"),
    format: z.enum(["text", "json"]).default("text"),
  }).prefault({}),
  ...policyShape(protocols),
});

export interface ConfigText {
  readonly text: string;
  /** Its path: references to files are relative to its folder. */
  readonly file: string;
  readonly env: (name: string) => string | undefined;
}

function readConfig({ text, file, env }: ConfigText): Parsed<z.output<typeof configSchema>> {
  return parseConfig(text, configSchema, {
    file,
    env,
    readFile: (path) => Deno.readTextFileSync(path),
    checks: [policyChecks],
  });
}

function usableConfig(source: ConfigText): z.output<typeof configSchema> {
  const parsed = readConfig(source);
  if (!parsed.ok) {
    {
      const problems = parsed.problems.map((problem) => formatProblem(source.file, problem));
      throw new PosternError("Internal", `The config cannot be used:\n${problems.join("\n")}`);
    }
  }
  return parsed.value;
}

export interface Gateway {
  /** What was bound, by protocol id. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly dashboard: string;
  /** Withdraws holds, drains clients, and closes everything. */
  close(drainMs?: number): Promise<void>;
}

/**
 * Starts everything, in order, and undoes what it started where a later part fails. Rejects with a
 * PosternError that says what could not be had.
 */
export async function startGateway(source: ConfigText & { readonly log?: Log }): Promise<Gateway> {
  const config = usableConfig(source);
  const policy = toPolicyConfig(config, protocols);
  const log = source.log ?? createLog(config.log);
  const clock = Date.now;
  const started: (() => Promise<void>)[] = [];
  const undo = async (): Promise<void> => {
    for (const stop of started.toReversed()) {
      await stop().catch((error) => log("error", "a part did not stop cleanly", { error: String(error) }));
    }
  };
  try {
    const assets = await loadAssets();
    await Promise.all(dialects.map((dialect) => dialect.ready()));
    const journal = await openJournal({ folder: config.data, clock, log });
    started.push(() => journal.close());
    const control = await startControl(config.data, journal);
    started.push(() => control.close());
    const { url } = config.dashboard;
    const { gatekeeper, ports } = composePolicy(policy, { journal, url, clock, log });
    const { tls } = config.listen;
    const proxy = await startProxy({
      gatekeeper,
      addresses: listenAddresses(config.listen),
      tls: tls === undefined ? null : { ...tls, key: tls.key.reveal() },
      limits: config.listen.limits,
      maskKey: await maskSecret(config.data),
      log,
    });
    let drainMs = 0;
    started.push(async () => {
      await ports.approvals.close("Postern is shutting down");
      await proxy.close(drainMs);
    });
    const { sessions } = config.dashboard;
    const dashboard = startDashboard({
      ...ports,
      connectLines: (target, user, password) => proxy.connectLines(url, target, user, password),
      journal,
      live: gatekeeper,
      roles: policy.roles,
      url,
      assets,
      clock,
      log,
      version,
      limits: { idleMs: sessions.idle, absoluteMs: sessions.absolute },
    }, dashboardListener(config.dashboard));
    started.push(() => dashboard.close());
    const listeners = Object.entries(proxy.addresses).map(([id, at]) => `${id} ${at.host}:${at.port}`);
    await journal.append(startEvent(policy, listeners));
    log("info", "Postern is running", { listeners, dashboard: url, targets: policy.targets.length });
    return {
      addresses: proxy.addresses,
      dashboard: url,
      async close(drain = 0) {
        drainMs = drain;
        journal.note(gatewayStopped("asked to stop"));
        await undo();
      },
    };
  } catch (error) {
    await undo();
    throw error;
  }
}

const startEvent = (policy: PolicyConfig, listeners: readonly string[]) =>
  gatewayStarted({
    version,
    pid: Deno.pid,
    policy: policy.digest,
    listeners,
    targets: policy.targets.map(({ name }) => name),
  });

function dashboardListener({ listen: { host: hostname, port }, tls }: DashboardConfig): DashboardListener {
  return { hostname, port, ...(tls === undefined ? {} : { tls: { ...tls, key: tls.key.reveal() } }) };
}

/** Who may do what, over one journal. */
function composePolicy(
  policy: PolicyConfig,
  { journal, url, clock, log }: { journal: EvidenceJournal; url: string; clock: Clock; log: Log },
) {
  const signIns = createSignIns({ url, timeoutMs: policy.identity.signInTimeoutMs, clock });
  const identity = createIdentityProvider({
    ...policy.identity,
    clientSecret: policy.identity.clientSecret?.reveal(),
  }, { clock, log });
  const approvals = createApprovals({
    journal,
    clock,
    url,
    log,
    pendingMax: policy.limits.pendingApprovalsMax,
  });
  const passwords = new OneTimePasswords({ clock });
  const gatekeeper = createGatekeeper({
    targets: policy.targets,
    rules: compileRules(policy.rules),
    masksFor: compileMasks(policy.masks),
    policy: policy.digest,
    limits: policy.limits,
    journal,
    recorder: new Recorder(journal, policy.reads, log),
    approvals,
    catalogs: createCatalogs({ dialectOf, queryOf: () => targetQuery, clock, log }),
    startSignIn: shareSignIns((attempt, target) => signIns.start(attempt, target), {
      windowMs: policy.identity.shareSignInMs,
      clock,
    }),
    verifyPassword: createPasswordVerifier(identity, passwords),
    passwords,
    clock,
  });
  const access = createAccess({ targets: policy.targets, passwords, journal });
  return { gatekeeper, ports: { identity, signIns, approvals, access } };
}

// ---- commands ----------------------------------------------------------------------------------------------

const help = `Postern ${version}: a guarded gate in front of production databases.

  postern serve --config FILE           run it
  postern check FILE                    every error of a config, with line and column
  postern explain --config FILE --as NAME --groups A,B --target NAME [--catalog FILE] [--json] [FILE|-]
                                        what would happen to statements
  postern catalog TARGET --config FILE  a target's catalog as JSON, for explain --catalog
  postern audit export --config FILE [--session ID] [--person NAME] [--target NAME] [--from TIME] [--to TIME]
                                        the record as JSON Lines
  postern audit verify FILE [--public-key FILE]
                                        checks an export's chain; names the first line that is wrong
  postern version
  postern help
`;

const commands: Readonly<Record<string, Command>> = {
  serve: { options: { config: "string" }, operands: [0, 0], run: (_, values) => serve(values) },
  check: { options: {}, operands: [1, 1], run: ([file]) => check(file ?? "") },
  explain: {
    options: { config: "string", ...explainOptions },
    operands: [0, 1],
    run: ([file], values) => explainCommand(file, values, policyOf(values), targetQuery),
  },
  catalog: {
    options: { config: "string" },
    operands: [1, 1],
    run: ([name], values) => catalogCommand(name ?? "", policyOf(values), targetQuery),
  },
  "audit export": {
    options: { config: "string", ...exportOptions },
    operands: [0, 0],
    run: (_, values) => {
      const { data } = usableConfig(configOf(values));
      return auditExport(data, values, () => openJournal({ folder: data }));
    },
  },
  "audit verify": {
    options: { "public-key": "string" },
    operands: [1, 1],
    run: ([file], values) => auditVerify(file ?? "", values),
  },
  version: { options: {}, operands: [0, 0], run: () => say(`postern ${version}`) },
  help: { options: {}, operands: [0, 0], run: () => say(help) },
};

function configOf(values: Values): ConfigText {
  const { config } = values;
  if (typeof config !== "string") throw new UsageError("Name the config: --config FILE");
  return { text: readText(config), file: config, env: (name) => Deno.env.get(name) };
}

function policyOf(values: Values): PolicyConfig {
  return toPolicyConfig(usableConfig(configOf(values)), protocols);
}

async function serve(values: Values): Promise<number> {
  const gateway = await startGateway(configOf(values));
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  await stopped;
  await gateway.close(10_000);
  return 0;
}

async function check(file: string): Promise<number> {
  const parsed = readConfig({ text: readText(file), file, env: (name) => Deno.env.get(name) });
  for (const warning of parsed.warnings) console.error(`${formatProblem(file, warning)} (warning)`);
  if (!parsed.ok) return await say(parsed.problems.map((one) => formatProblem(file, one)).join("\n"), 1);
  const { targets, rules } = toPolicyConfig(parsed.value, protocols);
  return await say(`${file}: good, ${targets.length} targets, ${rules.length} rules`);
}

if (import.meta.main) {
  const code = await runCommand(commands, Deno.args);
  Deno.exit(code);
}
