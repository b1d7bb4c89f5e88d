/** Postern's commands, and the composition of its parts: config -> store -> policy -> proxy and dashboard. */
import { z } from "zod";
import { gatewayReloaded, gatewayStarted, gatewayStopped } from "./policy/audit/events.ts";
import {
  formatProblem,
  parseConfig,
  type Parsed,
  policyChecks,
  type PolicyConfig,
  policyShape,
  type Problem,
  toPolicyConfig,
} from "./policy/config.ts";
import { storeOptions, storeSchema } from "./policy/config_store.ts";
import { PosternError } from "./policy/errors.ts";
import { createLog, type Log } from "./policy/log.ts";
import { compilePolicy, type PolicyInForce } from "./policy/in_force.ts";
import { createPolicy, type PolicyPorts } from "./policy/mod.ts";
import type { EvidenceJournal, KeptRecord } from "./policy/ports.ts";
import { dialects } from "./policy/sql/mod.ts";
import { openJournal } from "./policy/store/journal.ts";
import { maskSecret } from "./policy/store/mask_secret.ts";
import { startTraces } from "./policy/traces/mod.ts";
import {
  forward,
  launches,
  listenAddresses,
  listenSchema,
  onTargets,
  protocols,
  type Proxy,
  type ProxySettings,
  startProxy,
  targetQuery,
} from "./proxy/mod.ts";
import { startControl } from "./ui/api/control.ts";
import { opsSchema } from "./ui/api/ops.ts";
import { dashboardTls, startUi } from "./ui/api/start.ts";
import { dashboardSchema, type RunningDashboard } from "./ui/api/mod.ts";
import {
  type Checked,
  configOf,
  type ConfigText,
  createCommands,
  Reloading,
  runCommand,
  type Values,
} from "./ui/cli/mod.ts";

export const version = "0.1.0";

/** Of the whole config, composed of what each part exports. */
export const configSchema = z.strictObject({
  listen: listenSchema,
  dashboard: dashboardSchema,
  /** The folder of the session store; made where it is missing. */
  data: z.string().min(1).default("./data"),
  metrics: opsSchema.optional(),
  store: storeSchema,
  log: z.strictObject({
    level: z.enum(["debug", "info", "warn", "error"]).default("info"),
    format: z.enum(["text", "json"]).default("text"),
  }).prefault({}),
  ...policyShape(protocols),
});

function readConfig({ text, file, env }: ConfigText): Parsed<z.output<typeof configSchema>> {
  return parseConfig(text, configSchema, {
    file,
    env,
    readFile: (path) => Deno.readTextFileSync(path),
    checks: [policyChecks],
  });
}

type Config = z.output<typeof configSchema>;

/** Throws Internal with every problem of the config, each with its line and column. */
function usableConfig(source: ConfigText): Config {
  const parsed = readConfig(source);
  if (parsed.ok) return parsed.value;
  const problems = parsed.problems.map((problem) => formatProblem(source.file, problem));
  throw new PosternError("Internal", `The config cannot be used:\n${problems.join("\n")}`);
}

export interface Gateway {
  /** What was bound, by protocol id. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly dashboard: string;
  /**
   * Puts a config in force as a whole; where it cannot be used, rejects with what is wrong and leaves the old
   * one in force. Resolves with what to tell whoever asked: what changed, and what waits for a restart.
   */
  reload(source: ConfigText, by: string): Promise<string>;
  /** Withdraws holds, drains clients, and closes everything. */
  close(drainMs?: number): Promise<void>;
}

/**
 * Starts everything, in order, and undoes what it started where a later part fails. Rejects with a
 * PosternError that says what could not be had.
 */
export async function startGateway(source: GatewaySource): Promise<Gateway> {
  const config = usableConfig(source);
  const log = source.log ?? createLog(config.log);
  const started: (() => Promise<void>)[] = [];
  const undo = async (): Promise<void> => {
    for (const stop of started.toReversed()) {
      await stop().catch((error) => log("error", "a part did not stop cleanly", { error: String(error) }));
    }
  };
  try {
    return await startParts(config, source, log, { started, undo });
  } catch (error) {
    await undo();
    throw error;
  }
}

export interface GatewaySource extends ConfigText {
  readonly log?: Log;
  /** Where a reload that is asked for from outside takes the config from; the same text again unless told. */
  readonly reread?: () => ConfigText;
  /** Told while the config is read anew. */
  readonly whileReloading?: <T>(reload: () => Promise<T>) => Promise<T>;
  /** File descriptors that listen already, by protocol id: they stand for the config's addresses. */
  readonly sockets?: Readonly<Record<string, number>>;
  /** Told where one of them accepts nobody any more: only a new process can take it up again. */
  readonly deaf?: () => void;
}

interface Undo {
  readonly started: (() => Promise<void>)[];
  readonly undo: () => Promise<void>;
}

async function startParts(
  config: Config,
  source: GatewaySource,
  log: Log,
  { started, undo }: Undo,
): Promise<Gateway> {
  const clock = Date.now;
  const policy = toPolicyConfig(config, protocols);
  const { data, dashboard: { url } } = config;
  await Promise.all(dialects.map((dialect) => dialect.ready()));
  const journal = await openJournal({ ...storeOptions(config), heads: policy.heads, clock, log });
  started.push(() => journal.close());
  const maskKey = await maskSecret(data);
  await journal.nodes?.agree(maskKey);
  const traces = await startTraces(policy.traces, { version, secret: maskKey, log });
  const { gatekeeper, inForce, ...ports } = createPolicy(policy, {
    ...{ journal, traces, url, ...onTargets, clock, log },
    file: source.file,
    connections: () => proxy.connections(),
    backlog: () => journal.backlog,
    secret: maskKey,
  });
  started.push(await ports.begin());
  const proxy = await startProxy({
    gatekeeper,
    addresses: listenAddresses(config.listen, source.sockets),
    ...proxySettings(config, policy),
    maskKey,
    log,
    deaf: source.deaf,
  });
  let drainMs = 0;
  started.push(async () => {
    await ports.approvals.close("Postern is shutting down");
    await proxy.close(drainMs);
  });
  const dashboard = await startUi(config, {
    ...ports,
    connectLines: (target, user, password) => proxy.connectLines(url, target, user, password),
    listenerOf: (protocol) => proxy.listenerOf(url, protocol),
    console: proxy.console,
    journal,
    get roles() {
      return inForce.current.roles;
    },
    clock,
    log,
    version,
  });
  started.push(() => dashboard.close());
  const reloading = reloadingOf(config, { ...ports, inForce, proxy, dashboard, journal, log, source });
  const reload = (next: ConfigText, by: string) => reloading.reload(() => usableConfig(next), by);
  const reread = (by: string) => reload(source.reread?.() ?? source, by);
  const control = startControl(data, { journal, log, reload: reread });
  started.push(() => control.close());
  const listeners = Object.entries(proxy.addresses).map(([id, at]) => `${id} ${at.host}:${at.port}`);
  await journal.append(startEvent(policy, listeners));
  log("info", "Postern is running", { listeners, dashboard: url, targets: policy.targets.length });
  return {
    addresses: proxy.addresses,
    dashboard: url,
    reload,
    async close(drain = 0) {
      drainMs = drain;
      journal.note(gatewayStopped("asked to stop"));
      await undo();
    },
  };
}

function startEvent({ targets, digest }: PolicyConfig, listeners: readonly string[]) {
  const names = targets.map(({ name }) => name);
  return gatewayStarted({ version, pid: Deno.pid, policy: digest, listeners, targets: names });
}

interface ReloadedParts extends Pick<PolicyPorts, "configureOutgoing" | "prepareIdentity"> {
  readonly inForce: PolicyInForce;
  readonly proxy: Proxy;
  readonly dashboard: RunningDashboard;
  readonly journal: EvidenceJournal & KeptRecord;
  readonly log: Log;
  readonly source: GatewaySource;
}

function reloadingOf(config: Config, parts: ReloadedParts) {
  const { inForce, proxy, dashboard, journal, log } = parts;
  return new Reloading(config, {
    fixed: [...restartOnly, ...protocols.map(({ id }) => `listen.${id}`)],
    digestOf: (next) => toPolicyConfig(next, protocols).digest,
    record: (data) => journal.append(gatewayReloaded(data)),
    around: parts.source.whileReloading,
    apply(next) {
      const policy = toPolicyConfig(next, protocols);
      const compiled = compilePolicy(policy);
      // First what may refuse: an issuer that can never be asked, and the dashboard's TLS, which cannot be switched
      // on or off. The rest cannot fail.
      const identityInForce = parts.prepareIdentity(policy);
      dashboard.setTls(dashboardTls(next));
      proxy.configure(proxySettings(next, policy));
      inForce.replace(compiled);
      identityInForce();
      parts.configureOutgoing(policy);
      journal.configureHeads(policy.heads);
    },
    log,
  });
}

/** Sections that a reload leaves as they are; the listeners' addresses are among them, too. */
const restartOnly = [
  "data",
  "metrics",
  "traces",
  "store",
  "log",
  "dashboard.listen",
  "dashboard.url",
  "dashboard.sessions",
  "dashboard.limits",
];

const proxySettings = (
  { listen: { tls, limits } }: Config,
  { targets }: Pick<PolicyConfig, "targets">,
): ProxySettings => ({
  tls: tls === undefined ? null : { ...tls, key: tls.key.reveal() },
  limits,
  targets,
});

// ---- commands ----------------------------------------------------------------------------------------------

const usable = (values: Values) => usableConfig(configOf(values));

function checked(source: ConfigText): Checked {
  const parsed = readConfig(source);
  const texts = (problems: readonly Problem[]) => problems.map((one) => formatProblem(source.file, one));
  const warnings = texts(parsed.warnings);
  if (!parsed.ok) return { problems: texts(parsed.problems), warnings, summary: "" };
  const { targets, rules } = toPolicyConfig(parsed.value, protocols);
  return { problems: [], warnings, summary: `${targets.length} targets, ${rules.length} rules` };
}

if (import.meta.main) {
  const commands = createCommands({
    version,
    start: startGateway,
    check: checked,
    config: {
      policy: (values) => toPolicyConfig(usable(values), protocols),
      dataFolder: (values) => usable(values).data,
    },
    protocols: protocols.map(({ id }) => id),
    schema: configSchema,
    targetQuery,
    openJournal: (values) => openJournal(storeOptions(usable(values))),
    launches,
    forward,
  });
  Deno.exit(await runCommand(commands, Deno.args));
}
