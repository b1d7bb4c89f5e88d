/** Whether the parts that Postern needs work, for probes and for the dashboard. */
import type { Catalogs } from "./catalogs.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Clock, Journal } from "./ports.ts";

export interface PartHealth {
  /** `store`, `issuer`, `target orders-prod`. */
  readonly name: string;
  readonly ok: boolean;
  /** For people; nothing secret. Empty where there is nothing to say. */
  readonly detail: string;
  /** Without this part nothing works: Postern is not ready. */
  readonly vital: boolean;
}

export interface Health {
  readonly at: number;
  /** Every vital part works. */
  readonly ready: boolean;
  readonly parts: readonly PartHealth[];
}

/** Resolves with a word about the part; rejects where it does not work. */
export interface Probe {
  readonly name: string;
  readonly vital: boolean;
  readonly ask: () => Promise<string>;
}

/** A probe that takes longer counts as failed. */
const PROBE_TIMEOUT_MS = 3_000;
/** Answers are kept so long: whoever asks often puts no load on the parts. */
const FRESH_MS = 2_000;

export class HealthCheck {
  #last: { readonly at: number; readonly health: Promise<Health> } | null = null;

  constructor(private readonly probes: () => readonly Probe[], private readonly clock: Clock) {}

  /** Never rejects. */
  check(): Promise<Health> {
    const now = this.clock();
    if (this.#last === null || now - this.#last.at > FRESH_MS || now < this.#last.at) {
      this.#last = { at: now, health: this.#ask(now) };
    }
    return this.#last.health;
  }

  async #ask(at: number): Promise<Health> {
    const parts = await Promise.all(this.probes().map(asked));
    return { at, ready: parts.every(({ ok, vital }) => ok || !vital), parts };
  }
}

async function asked({ name, vital, ask }: Probe): Promise<PartHealth> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer in ${PROBE_TIMEOUT_MS / 1000} s`)),
      PROBE_TIMEOUT_MS,
    );
  });
  try {
    return { name, vital, ok: true, detail: await Promise.race([Promise.try(ask), late]) };
  } catch (error) {
    return { name, vital, ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The record answers a question. */
export function storeProbe(journal: Pick<Journal, "approval">): Probe {
  return {
    name: "store",
    vital: true,
    async ask() {
      await journal.approval("probe");
      return "";
    },
  };
}

/** Each target as the last reading of its catalog found it; one that nobody has used yet has nothing to say. */
export function targetProbes(
  inForce: Pick<PolicyInForce, "current">,
  catalogs: Pick<Catalogs, "states">,
): Probe[] {
  const states = catalogs.states();
  return [...inForce.current.targets.keys()].map((target): Probe => ({
    name: `target ${target}`,
    vital: false,
    ask() {
      const mine = states.filter((one) => one.target === target);
      const problem = mine.find((one) => one.problem !== null)?.problem;
      if (problem) throw new Error(problem);
      return Promise.resolve(mine.length === 0 ? "not used yet" : "");
    },
  }));
}
