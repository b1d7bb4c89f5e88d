/** Postern's commands, and the composition of its parts: config -> store -> policy -> proxy and dashboard. */
import { z } from "zod";
import { gatewayStarted, gatewayStopped } from "./policy/audit/events.ts";
import {
  formatProblem,
  parseConfig,
  type Parsed,
  policyChecks,
  type PolicyConfig,
  policyShape,
  toPolicyConfig,
} from "./policy/config.ts";
import { PosternError } from "./policy/errors.ts";
import { createLog, type Log } from "./policy/log.ts";
import { createPolicy } from "./policy/mod.ts";
import { dialects } from "./policy/sql/mod.ts";
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
import { auditCommands } from "./ui/cli/audit.ts";
import { explainCommands } from "./ui/cli/explain.ts";
import { helpCommand } from "./ui/cli/help.ts";
import {
  type Commands,
  type ConfigReader,
  readText,
  runCommand,
  say,
  UsageError,
  type Values,
} from "./ui/cli/run.ts";

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
    const { gatekeeper, ...ports } = createPolicy(policy, { journal, url, targetQuery, clock, log });
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

// ---- commands ----------------------------------------------------------------------------------------------

const configReader: ConfigReader = {
  policy: (values) => toPolicyConfig(usableConfig(configOf(values)), protocols),
  dataFolder: (values) => usableConfig(configOf(values)).data,
};

const commands: Commands = {
  serve: {
    usage: "--config FILE",
    about: "runs it",
    options: { config: "string" },
    operands: [0, 0],
    run: (_, values) => serve(values),
  },
  check: {
    usage: "FILE",
    about: "every error of a config, with line and column",
    options: {},
    operands: [1, 1],
    run: ([file]) => check(file ?? ""),
  },
  ...explainCommands(configReader, targetQuery),
  ...auditCommands(configReader, (folder) => openJournal({ folder })),
  version: {
    usage: "",
    about: "which Postern this is",
    options: {},
    operands: [0, 0],
    run: () => say(`postern ${version}`),
  },
  help: helpCommand(version, () => commands),
};

function configOf(values: Values): ConfigText {
  const { config } = values;
  if (typeof config !== "string") throw new UsageError("Name the config: --config FILE");
  return { text: readText(config), file: config, env: (name) => Deno.env.get(name) };
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
