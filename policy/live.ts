/** What a session is doing now, for the dashboard: kept in memory, gone with the session, and no evidence. */
import type { SessionPlace } from "./session_deps.ts";
import type { ApprovalRequest, ClientInfo } from "./types.ts";

/** Of the answer under way, as far as it has come from the target. */
export interface Progress {
  readonly rows: number;
  readonly bytes: number;
}

/** The statement that a session runs, or that waits for a person. */
export interface LiveStatement {
  /** Its id in the record; of one that waits, its request's. */
  readonly id: string;
  readonly state: "running" | "waiting";
  /** As it is recorded. */
  readonly text: string;
  readonly verbs: readonly string[];
  /** Epoch milliseconds. */
  readonly since: number;
  /** null before the first row, and while it waits. */
  readonly progress: Progress | null;
  /** Statements of the same pipeline behind it. */
  readonly behind: number;
}

export interface LiveSession {
  readonly id: string;
  readonly person: string;
  readonly target: string;
  readonly database: string;
  readonly environment: string;
  readonly client: ClientInfo;
  readonly method: string;
  readonly startedAt: number;
  readonly readOnly: boolean;
  /** Judged so far, and of them held. */
  readonly statements: number;
  readonly held: number;
  /** null between statements. */
  readonly current: LiveStatement | null;
  /** When the last statement ended; null before the first has. */
  readonly idleSince: number | null;
}

interface Entry {
  readonly id: string;
  readonly text: string;
  readonly verbs: readonly string[];
  readonly since: number;
}

/** The statements of one session that are under way. Cheap: it is on every statement's path. */
export class LiveTrack {
  readonly #running = new Map<string, Entry>();
  readonly #waiting = new Map<string, Entry>();
  #held = 0;
  #idleSince: number | null = null;
  /** Set by the data path, which alone knows. */
  progress: (() => Progress | null) | null = null;

  get idleSince(): number | null {
    return this.#running.size + this.#waiting.size === 0 ? this.#idleSince : null;
  }

  /** `statements`: judged so far. */
  session(id: string, place: SessionPlace, startedAt: number, statements: number): LiveSession {
    const { client, identity, target, database, readOnly } = place;
    return {
      id,
      person: identity.name,
      target: target.name,
      database,
      environment: target.environment,
      client,
      method: identity.method,
      startedAt,
      readOnly,
      statements,
      held: this.#held,
      current: this.current(),
      idleSince: this.idleSince,
    };
  }

  began(id: string, text: string, verbs: readonly string[], since: number): void {
    this.#running.set(id, { id, text, verbs, since });
  }

  ended(id: string, at: number): void {
    if (this.#running.delete(id)) this.#idleSince = at;
  }

  waits({ id, text, verbs, requestedAt }: ApprovalRequest): void {
    this.#held++;
    this.#waiting.set(id, { id, text, verbs, since: requestedAt });
  }

  decided(id: string, at: number): void {
    if (this.#waiting.delete(id)) this.#idleSince = at;
  }

  /** What waits comes first: it is what a person can do something about. */
  current(): LiveStatement | null {
    const [waiting] = this.#waiting.values();
    const [running] = this.#running.values();
    const one = waiting ?? running;
    if (one === undefined) return null;
    const isWaiting = one === waiting;
    return {
      ...one,
      state: isWaiting ? "waiting" : "running",
      progress: isWaiting ? null : this.progress?.() ?? null,
      behind: this.#running.size + this.#waiting.size - 1,
    };
  }
}
