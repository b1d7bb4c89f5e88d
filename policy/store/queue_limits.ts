/** How much may wait between a caller and the database, and the error that names it. */
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
