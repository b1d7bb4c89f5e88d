/** Authorization requests under way, in memory: each good for ten minutes and one answer. */
import type { Clock } from "../ports.ts";
import { minute } from "./options.ts";
import { digestOf, newSecret } from "./secrets.ts";

export interface Flow {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE. */
  readonly verifier: string;
  readonly startedAt: number;
}

const lifetimeMs = 10 * minute;
const flowsMax = 10_000;

export class Flows {
  /** By the digest of the id that the browser's cookie holds; oldest first. */
  readonly #flows = new Map<string, Flow>();

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#flows.size;
  }

  /** The id to find it by. Beyond the limit, the oldest goes: a flood must not lock everybody out. */
  add(flow: Omit<Flow, "startedAt">): string {
    const now = this.clock();
    for (const [key, { startedAt }] of this.#flows) {
      if (startedAt + lifetimeMs > now && this.#flows.size < flowsMax) break;
      this.#flows.delete(key);
    }
    const id = newSecret();
    this.#flows.set(digestOf(id), { ...flow, startedAt: now });
    return id;
  }

  /** Once; null for an unknown, used or expired id. */
  take(id: string): Flow | null {
    const key = digestOf(id);
    const flow = this.#flows.get(key);
    this.#flows.delete(key);
    return flow !== undefined && flow.startedAt + lifetimeMs > this.clock() ? flow : null;
  }
}
