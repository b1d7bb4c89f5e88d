/** A config put in force under a running gateway, as a whole or not at all; and `postern reload`. */
import { asPosternError } from "../../policy/errors.ts";
import type { Log } from "../../policy/log.ts";
import { reloadRunning } from "../api/control.ts";
import { type Commands, type ConfigReader, say, UsageError } from "./run.ts";

/** What a reload of a config `C` does. */
export interface ReloadPlan<C> {
  /** Paths of sections that wait for a restart: `data`, `dashboard.listen`. */
  readonly fixed: readonly string[];
  /** Of the rules and masks, for the record. */
  readonly digestOf: (config: C) => string;
  /** Rejects where it cannot be made durable; the config before is applied again then. */
  readonly record: (entry: {
    readonly by: string;
    readonly before: string;
    readonly policy: string;
    readonly changed: string[];
    readonly needsRestart: string[];
  }) => Promise<unknown>;
  /** Each reload runs within it. */
  readonly around?: (<T>(reload: () => Promise<T>) => Promise<T>) | undefined;
  /** Throws where the config cannot be put in force, and has changed nothing then. */
  readonly apply: (config: C) => void;
  readonly log: Log;
}

export class Reloading<C extends object> {
  #under: Promise<unknown> = Promise.resolve();

  constructor(private config: C, private readonly plan: ReloadPlan<C>) {}

  /**
   * Resolves with what to tell whoever asked; rejects with what is wrong, and the config before stays in
   * force. One after the other, in the order of the calls.
   */
  reload(read: () => C, by: string): Promise<string> {
    const { around = (run) => run() } = this.plan;
    const done = this.#under.then(() => around(() => this.#reload(read, by)));
    this.#under = done.catch(() => {});
    return done;
  }

  async #reload(read: () => C, by: string): Promise<string> {
    const { fixed, digestOf, record, apply, log } = this.plan;
    try {
      const next = read();
      const differing = differences(this.config, next);
      const waits = (path: string) => fixed.some((one) => path === one || path.startsWith(`${one}.`));
      const changed = differing.filter((path) => !waits(path));
      const needsRestart = differing.filter(waits);
      const [before, policy] = [digestOf(this.config), digestOf(next)];
      apply(next);
      // What cannot be recorded does not count.
      await record({ by, before, policy, changed, needsRestart }).catch((error) => {
        apply(this.config);
        throw error;
      });
      this.config = next;
      log("info", "the config was reloaded", { by, changed, needsRestart });
      return reloadText(changed, needsRestart);
    } catch (error) {
      const { message } = asPosternError(error);
      log("error", "the config was not reloaded; the one before it stays in force", { by, problem: message });
      throw error;
    }
  }
}

/** Paths of what differs, one or two keys deep. Secrets print as `***`: a new password behind one shows not. */
function differences(before: object, after: object): string[] {
  const text = (value: unknown) => JSON.stringify(value);
  const keysOf = (...values: unknown[]) => [
    ...new Set(values.flatMap((value) => isMap(value) ? Object.keys(value) : [])),
  ];
  const at = (value: unknown, key: string) => isMap(value) ? value[key] : undefined;
  return keysOf(before, after).flatMap((key) => {
    const [one, other] = [at(before, key), at(after, key)];
    if (text(one) === text(other)) return [];
    if (!isMap(one) || !isMap(other)) return [key];
    return keysOf(one, other).filter((inner) => text(one[inner]) !== text(other[inner]))
      .map((inner) => `${key}.${inner}`);
  });
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function reloadText(changed: readonly string[], needsRestart: readonly string[]): string {
  const what = changed.length > 0
    ? `in force now: ${changed.join(", ")}`
    : "nothing that counts at once differs";
  const later = needsRestart.length > 0 ? `\nwaits for a restart: ${needsRestart.join(", ")}` : "";
  return `The config was read anew; ${what}. Secrets and certificates were read anew, too.${later}`;
}

export function reloadCommands(config: ConfigReader): Commands {
  return {
    reload: {
      usage: "--config FILE",
      about: "the running Postern reads its config anew, without dropping anybody",
      options: { config: "string" },
      operands: [0, 0],
      async run(_, values) {
        const answer = await reloadRunning(config.dataFolder(values));
        if (answer === null) throw new UsageError("No Postern runs on the data folder of this config");
        return await say(answer.text, answer.ok ? 0 : 1);
      },
    },
  };
}
