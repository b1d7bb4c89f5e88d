/** `postern serve` and `postern check`: the config's text, signals, and the gateway's life. */
import { createLog } from "../../policy/log.ts";
import { inheritedSockets, serviceManager } from "./service_manager.ts";
import { type Commands, type ConfigText, readText, say, UsageError, type Values } from "./run.ts";

export interface RunningGateway {
  reload(source: ConfigText, by: string): Promise<string>;
  close(drainMs: number): Promise<void>;
}

/** What a config comes to: texts for people, problems with their line and column. */
export interface Checked {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** What is in it, where it has no problem. */
  readonly summary: string;
}

export interface ServeDeps {
  readonly start: (
    source: ConfigText & {
      readonly reread: () => ConfigText;
      /** Wraps whatever is asked for from outside: `postern reload` as SIGHUP. */
      readonly whileReloading: <T>(reload: () => Promise<T>) => Promise<T>;
      /** Listening already, by protocol id. */
      readonly sockets: Readonly<Record<string, number>>;
      /** Told where only a new process can accept clients again. */
      readonly deaf: () => void;
    },
  ) => Promise<RunningGateway>;
  readonly check: (source: ConfigText) => Checked;
}

/** How long clients may take to finish when Postern is told to stop. */
const DRAIN_MS = 10_000;

export const configFile = (file: string): ConfigText => ({
  text: readText(file),
  file,
  env: (name) => Deno.env.get(name),
});

/** The config that `--config FILE` names. Throws UsageError. */
export function configOf({ config }: Values): ConfigText {
  if (typeof config !== "string") throw new UsageError("Name the config: --config FILE");
  return configFile(config);
}

/** The runtime's own telemetry sends whole URLs, which hold sign-in links and webhooks, and everything logged. */
function refuseRuntimeTraces(): void {
  if (!["", "0", "false"].includes((Deno.env.get("OTEL_DENO") ?? "").toLowerCase())) {
    throw new UsageError(
      "OTEL_DENO is set: the runtime's own traces would carry sign-in links. " +
        "Unset it, and name your collector under `traces:` in the config",
    );
  }
}

async function serve(values: Values, start: ServeDeps["start"]): Promise<number> {
  refuseRuntimeTraces();
  const reread = () => configOf(values);
  const manager = serviceManager(Deno.env, createLog({ level: "warn", format: "text" }));
  const sockets = inheritedSockets(Deno.env);
  const whileReloading: typeof manager.reloading = (reload) => manager.reloading(reload);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<number>();
  // As a failure, so that whoever handed the socket over starts another process on it.
  const gateway = await start({ ...reread(), reread, whileReloading, sockets, deaf: () => stop(1) });
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop(0));
  // What goes wrong is in the log: nobody else hears of it.
  const reload = () => void Promise.try(() => gateway.reload(reread(), "SIGHUP")).catch(() => {});
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", reload);
  await manager.ready();
  const code = await stopped;
  await manager.stopping();
  await gateway.close(DRAIN_MS);
  manager.close();
  return code;
}

async function check(file: string, checked: Checked): Promise<number> {
  for (const warning of checked.warnings) console.error(`${warning} (warning)`);
  if (checked.problems.length > 0) return await say(checked.problems.join("\n"), 1);
  return await say(`${file}: good, ${checked.summary}`);
}

export function serveCommands(deps: ServeDeps): Commands {
  return {
    serve: {
      usage: "--config FILE",
      about: "runs it",
      options: { config: "string" },
      operands: [0, 0],
      run: (_, values) => serve(values, deps.start),
    },
    check: {
      usage: "FILE",
      about: "every error of a config, with line and column",
      options: {},
      operands: [1, 1],
      run: ([file = ""]) => check(file, deps.check(configFile(file))),
    },
  };
}
