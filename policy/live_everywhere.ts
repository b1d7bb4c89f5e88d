/** Running sessions of every node on the store, for the dashboards of all of them. */
import type { LiveSession } from "./live.ts";
import type { LocalSessions } from "./gatekeeper.ts";
import type { Log } from "./log.ts";
import type { Approvals, Journal, LiveSessions } from "./ports.ts";
import type { Identity, Json } from "./types.ts";

/** A list is looked at again in a moment: a node that is slower than this is left out of it. */
const LIST_TIMEOUT_MS = 2_000;

interface Found {
  readonly node: string;
  readonly sessions: readonly LiveSession[];
}

export class LiveEverywhere implements LiveSessions {
  constructor(
    private readonly deps: {
      readonly here: LocalSessions;
      readonly journal: Pick<Journal, "nodes">;
      readonly log: Log;
    },
  ) {}

  async ids(): Promise<readonly string[]> {
    const { here, journal: { nodes } } = this.deps;
    return nodes === null ? here.ids() : [...here.ids(), ...await nodes.sessions()];
  }

  async list(): Promise<readonly LiveSession[]> {
    const there = await this.#elsewhere();
    return [...this.deps.here.list(), ...there.flatMap(({ sessions }) => sessions)]
      .sort((one, other) => one.startedAt - other.startedAt);
  }

  async end(id: string, by: string, reason: string): Promise<boolean> {
    const { here, journal: { nodes } } = this.deps;
    if (here.end(id, by, reason)) return true;
    const found = (await this.#elsewhere()).find(({ sessions }) => sessions.some((one) => one.id === id));
    if (found === undefined || nodes === null) return false;
    return await nodes.ask(found.node, { kind: "end", id, by, reason }) === true;
  }

  renew(identity: Identity, users: readonly string[]): number {
    return this.deps.here.renew(identity, users);
  }

  /** Each other node's, as far as they answer. */
  async #elsewhere(): Promise<readonly Found[]> {
    const { journal: { nodes }, log } = this.deps;
    if (nodes === null) return [];
    const asked = (await nodes.others()).map(async (node): Promise<Found[]> => {
      try {
        const sessions = await nodes.ask(node, { kind: "live" }, LIST_TIMEOUT_MS);
        return [{ node, sessions: sessions as unknown as readonly LiveSession[] }];
      } catch (error) {
        log("warn", "another node's sessions could not be listed", { node, error: String(error) });
        return [];
      }
    });
    return (await Promise.all(asked)).flat();
  }
}

/** What other nodes ask of this one. */
export function serveNodes(
  { nodes }: Pick<Journal, "nodes">,
  approvals: Pick<Approvals, "decide">,
  here: LocalSessions,
): void {
  nodes?.answering(async (question) => {
    switch (question.kind) {
      case "decide":
        return asJson(await approvals.decide(question.id, question.by, question.decision));
      case "end":
        return here.end(question.id, question.by, question.reason);
      case "live":
        return asJson(here.list());
    }
  });
}

const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null)) as Json;
