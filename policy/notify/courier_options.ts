/** What a courier is told: what to bring, where it begins, how often it tries. */
import type { Log } from "../log.ts";
import type { Clock, EvidenceJournal } from "../ports.ts";
import type { AuditEvent, EventType } from "../types.ts";

export interface CourierOptions {
  readonly name: string;
  readonly purpose: "notify" | "stream";
  /** What is read of the record; null for everything. */
  readonly types: readonly EventType[] | null;
  /** Which of those go out; the others count as done. */
  readonly wants: (event: AuditEvent) => boolean;
  /** Whether a new channel begins at the record's beginning, and not at its end. */
  readonly fromBeginning: boolean;
  /** What is older is not sent any more, and counted as dropped; null: everything is sent, however late. */
  readonly giveUpMs: number | null;
  readonly retry: RetryTimes;
}

export interface RetryTimes {
  readonly firstMs: number;
  readonly mostMs: number;
  /** How long the record is left alone when nothing new was heard of: other nodes' events come so, too. */
  readonly pollMs: number;
  readonly leaseMs: number;
}

export const retryTimes: RetryTimes = { firstMs: 500, mostMs: 60_000, pollMs: 2_000, leaseMs: 30_000 };

export interface CourierDeps {
  readonly journal: Pick<EvidenceJournal, "events" | "note" | "subscribe" | "cursors">;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1; for the jitter. */
  readonly random?: () => number;
}
