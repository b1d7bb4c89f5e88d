/**
 * Anchors: signed heads kept where whoever could change the record cannot reach them. Each is brought to a file,
 * a webhook or a program at least once, after a durable cursor; `postern audit verify --anchors` holds an export against them.
 */
import { z } from "zod";
import type { SignedHead } from "../audit/heads.ts";
import { canonical } from "../audit/canonical.ts";
import { certificate, duration, secret } from "../config_values.ts";
import type { Log } from "../log.ts";
import type { Clock, EvidenceJournal } from "../ports.ts";
import type { Probe } from "../health.ts";
import { anchorByCommand } from "./anchor_command.ts";
import { networkError } from "./channel.ts";
import { hookUrl } from "./config.ts";
import { postJson } from "./http_post.ts";
import { signedHeaders } from "./webhooks.ts";

const anchor = z.discriminatedUnion("kind", [
  /** Lines are only ever appended: put it on a file system that allows nothing else, or that another machine keeps. */
  z.strictObject({ kind: z.literal("file"), path: z.string().min(1) }),
  z.strictObject({
    kind: z.literal("webhook"),
    url: hookUrl,
    ca: certificate.optional(),
    secret: secret.optional(),
    timeout: duration("1s", "2m").default(10_000),
  }),
  /** `postern-anchor NAME` gets it on standard input: see anchor_command.ts. */
  z.strictObject({ kind: z.literal("command"), timeout: duration("1s", "10m").default(60_000) }),
]);

export const anchorsSchema = z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/), anchor).default(
  {},
);

export type AnchorsConfig = z.output<typeof anchorsSchema>;

export interface AnchorDeps {
  readonly anchors: AnchorsConfig;
  readonly journal: Pick<EvidenceJournal, "heads" | "cursors">;
  /** Where relative paths lead from. */
  readonly resolve: (path: string) => string;
  readonly allowed: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;
const LEASE_MS = 30_000;

interface Standing {
  /** Up to which head; null before the first. */
  readonly sequence: number | null;
  /** Why it fails now; null where it does not. */
  readonly problem: string | null;
}

export class Anchors {
  readonly #standings = new Map<string, Standing>();
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(private readonly deps: AnchorDeps) {
    this.#running = Promise.all(Object.keys(deps.anchors).map((name) => this.#keep(name)));
  }

  /** Each anchor as it stands, for whoever watches. */
  probes(): readonly Probe[] {
    return [...this.#standings].map(([name, { sequence, problem }]) => ({
      name: `anchor ${name}`,
      vital: false,
      ask: async () => {
        if (problem !== null) throw new Error(problem);
        return await Promise.resolve(sequence === null ? "" : `has the head of event ${sequence}`);
      },
    }));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #keep(name: string): Promise<void> {
    const everyMs = this.deps.everyMs ?? EVERY_MS;
    let failures = 0;
    this.#standings.set(name, { sequence: null, problem: null });
    while (!this.#stop.signal.aborted) {
      try {
        await this.#bring(name);
        failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const reason = networkError(error).message;
        this.#standings.set(name, { sequence: this.#standings.get(name)?.sequence ?? null, problem: reason });
        if (failures++ === 0) {
          this.deps.log("warn", "an anchor fails and is tried again", { anchor: name, reason });
        }
      }
      await this.#pause(everyMs * Math.min(2 ** failures, 12));
    }
  }

  /** Every head after the cursor, each before the cursor passes it. */
  async #bring(name: string): Promise<void> {
    const { journal } = this.deps;
    const cursor = `anchor:${name}`;
    const reached = await journal.cursors.claim(cursor, 0, LEASE_MS);
    if (reached === null) return;
    for (const head of await journal.heads(reached)) {
      await this.#send(name, head);
      if (!await journal.cursors.advance(cursor, head.sequence)) return;
      this.#standings.set(name, { sequence: head.sequence, problem: null });
    }
    const { sequence = null } = this.#standings.get(name) ?? {};
    this.#standings.set(name, { sequence: sequence ?? (reached === 0 ? null : reached), problem: null });
  }

  async #send(name: string, head: SignedHead): Promise<void> {
    const { anchors, resolve, allowed, clock } = this.deps;
    const anchor = anchors[name]!;
    const line = canonical({ ...head });
    if (anchor.kind === "file") {
      using file = await Deno.open(resolve(anchor.path), { append: true, create: true, mode: 0o640 });
      const bytes = new TextEncoder().encode(`${line}\n`);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.syncData();
      return;
    }
    if (anchor.kind === "command") {
      await anchorByCommand(name, line, { timeoutMs: anchor.timeout, signal: this.#stop.signal });
      return;
    }
    const headers = signedHeaders(anchor.secret ?? null, `head_${head.hash.slice(0, 32)}`, clock(), line);
    const to = { url: anchor.url, ca: anchor.ca, allowed, timeoutMs: anchor.timeout };
    await postJson(to, line, headers, this.#stop.signal);
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    clearTimeout(timer);
  }
}
