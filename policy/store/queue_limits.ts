/** How much may wait between a caller and the database, and the error that names it. */
import type { AuditEvent, EventType } from "../types.ts";
import type { Drained } from "./engine.ts";
import type { Position } from "./spool_format.ts";
import { PosternError } from "../errors.ts";

export interface QueueLimits {
  /** Events, and characters of them, that may wait for the database. */
  readonly backlogEvents: number;
  readonly backlogChars: number;
  /** Characters of one event. */
  readonly eventChars: number;
  /** How long the database may fail before those who wait for an event's place are told. */
  readonly patienceMs: number;
}

export const queueLimits: QueueLimits = {
  backlogEvents: 500_000,
  backlogChars: 1024 * 1024 * 1024,
  eventChars: 48 * 1024 * 1024,
  patienceMs: 5_000,
};

export const full = (message: string) =>
  new PosternError("StoreFailed", message, {
    hint: "wait until the store has caught up; if that does not help, tell whoever runs Postern",
  });

/** What the queue needs of its surroundings. */
export interface QueueDeps {
  readonly spool: string;
  /** The first segment of the spool that may be written. */
  readonly segment: number;
  readonly drain: (to: Position, hashes: boolean) => Promise<Drained>;
  /** Whether somebody wants to hear of such events. */
  readonly wanted: (type: EventType) => boolean;
  /** Called with each event that is wanted, once it has its place. */
  readonly placed: (event: AuditEvent) => void;
  /** Called with how many came into the chain. */
  readonly grew: (events: number) => void;
  readonly log: (level: "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
}
