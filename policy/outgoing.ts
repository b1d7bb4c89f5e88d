/** What goes out by itself (notifications, streams, anchors) and what is retired: a reload replaces all of it. */
import { dirname, resolve as resolvePath } from "node:path";
import { hash } from "node:crypto";
import { Retention } from "./audit/retention.ts";
import type { PolicyConfig } from "./config.ts";
import { Secret } from "./config_values.ts";
import type { Probe } from "./health.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Log } from "./log.ts";
import { Anchors } from "./notify/anchors.ts";
import { type RunningDeliveries, startDeliveries } from "./notify/mod.ts";
import type { Clock, Deliveries, DeliveryState, EvidenceJournal } from "./ports.ts";

export interface OutgoingDeps {
  readonly journal: EvidenceJournal;
  readonly inForce: PolicyInForce;
  readonly url: string;
  /** The config file's path, where relative paths start. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

export type OutgoingConfig = Pick<PolicyConfig, "notify" | "stream" | "retention" | "anchors">;

interface Running {
  readonly deliveries: RunningDeliveries;
  readonly anchors: Anchors;
  readonly retention: Retention;
}

export class Outgoing implements Deliveries {
  #running: Running;
  #replacing: Promise<void> = Promise.resolve();
  #closed = false;
  #inForce: string;

  constructor(config: OutgoingConfig, private readonly deps: OutgoingDeps) {
    this.#running = this.#start(config);
    this.#inForce = fingerprint(config);
  }

  states(): readonly DeliveryState[] {
    return this.#running.deliveries.states();
  }

  probes(): readonly Probe[] {
    return [...this.states().map(channelProbe), ...this.#running.anchors.probes()];
  }

  /** Where anything differs, the old ones stop first: what was under way goes out again. Returns at once. */
  configure(config: OutgoingConfig): void {
    const next = fingerprint(config);
    if (next === this.#inForce) return;
    this.#inForce = next;
    this.#replacing = this.#replacing.then(() => stop(this.#running)).then(() => {
      if (!this.#closed) this.#running = this.#start(config);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#replacing;
    await stop(this.#running);
  }

  #start({ notify, stream, retention, anchors }: OutgoingConfig): Running {
    const { journal, inForce, url, file, clock, log } = this.deps;
    const resolve = (path: string) => resolvePath(dirname(file), path);
    const targets = () => [...inForce.current.targets.keys()];
    return {
      deliveries: startDeliveries({ notify, stream, url, file, journal, clock, log }),
      anchors: new Anchors({ anchors, journal, resolve, allowed: notify.allowAddresses, clock, log }),
      retention: new Retention({ rules: retention, targets, journal, clock, log }),
    };
  }
}

/** A channel as its last delivery left it. */
function channelProbe({ name, kind, purpose, state, failures, reason, dropped }: DeliveryState): Probe {
  return {
    name: `${purpose === "notify" ? "notifications" : "stream"} ${name}`,
    vital: false,
    async ask() {
      if (state === "failing") {
        throw new Error(`${reason} (${failures} in a row)`);
      }
      const lost = dropped > 0 ? `, ${dropped} given up since the start` : "";
      return await Promise.resolve(`${state === "elsewhere" ? `${kind}, by another node` : kind}${lost}`);
    },
  };
}

/** Of all of it, secrets among it. */
function fingerprint({ notify, stream, retention, anchors }: OutgoingConfig): string {
  const text = JSON.stringify(
    { notify, stream, retention, anchors },
    function (this: Record<string, unknown>, key, value) {
      const raw = this[key];
      return raw instanceof Secret ? raw.reveal() : value;
    },
  );
  return hash("sha256", text, "hex");
}

async function stop({ deliveries, anchors, retention }: Running): Promise<void> {
  await Promise.all([deliveries, anchors, retention].map((one) => one.close()));
}
