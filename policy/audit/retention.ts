/** How long the record keeps contents of each target; see `audit.retention` in the config. */
import { z } from "zod";
import { duration } from "../config_values.ts";
import { globMatcher } from "../glob.ts";
import type { Clock, EvidenceJournal } from "../ports.ts";

/** In order; the first that fits a target counts. Where none does, contents are kept for ever. */
export const retentionSchema = z.array(z.strictObject({
  targets: z.array(z.string().min(1)).min(1).default(["*"]),
  keep: duration("1d", "36500d"),
})).max(100).default([]);

export type RetentionConfig = z.output<typeof retentionSchema>;

export interface RetentionDeps {
  readonly rules: RetentionConfig;
  readonly targets: () => readonly string[];
  readonly journal: Pick<EvidenceJournal, "remove">;
  readonly clock: Clock;
  readonly log: (level: "info" | "error", message: string, fields?: Record<string, unknown>) => void;
}

const FIRST_MS = 60_000;
const EVERY_MS = 6 * 3_600_000;

/** How long a target's contents are kept, in milliseconds; null for ever. */
export function keptFor(rules: RetentionConfig, target: string): number | null {
  return rules.find(({ targets }) => targets.some((glob) => globMatcher(glob)(target)))?.keep ?? null;
}

export class Retention {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(private readonly deps: RetentionDeps) {
    if (deps.rules.length > 0) this.#after(FIRST_MS);
  }

  /** Takes out what is over now; resolves with how many contents that were. */
  async apply(): Promise<number> {
    const { rules, targets, journal, clock, log } = this.deps;
    let count = 0;
    for (const target of targets()) {
      const keep = keptFor(rules, target);
      if (keep === null || this.#closed) continue;
      const removal = { kind: "retired", target, before: clock() - keep } as const;
      const taken = await journal.remove({
        ...removal,
        by: "audit.retention",
        reason: "older than it is kept",
      });
      if (taken > 0) log("info", "contents of the record were retired", { target, events: taken });
      count += taken;
    }
    return count;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #after(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.apply().then(() => {}, (error) => {
        this.deps.log("error", "the record's retention could not be applied", { error: String(error) });
      }).finally(() => {
        if (!this.#closed) this.#after(EVERY_MS);
      });
    }, ms);
  }
}
