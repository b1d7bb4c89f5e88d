/** Reading the record: what lists, pages and lookups ask of the database. */
import type { EventFilter, EvidenceJournal, SessionSummary } from "../ports.ts";
import type { Grant } from "../grant.ts";
import type { ApprovalRequest, AuditEvent } from "../types.ts";
import type { CallName, Calls } from "./calls.ts";
import { EVENTS_DEFAULT } from "./queries.ts";

export abstract class RecordReader {
  /** Asks the database, once it has what was appended before. */
  protected abstract read<N extends CallName>(
    name: N,
    argument: Calls[N]["argument"],
  ): Promise<Calls[N]["answer"]>;

  async events(filter: EventFilter): Promise<AuditEvent[]> {
    const limit = filter.limit ?? EVENTS_DEFAULT;
    const found: AuditEvent[] = [];
    let after: number | null = filter.after ?? 0;
    while (after !== null && found.length < limit) {
      const page = await this.#page(filter, after, limit - found.length);
      found.push(...page.events);
      after = page.next;
    }
    return found;
  }

  async *export(filter: EventFilter): AsyncIterable<AuditEvent> {
    let left = filter.limit ?? Infinity;
    let after: number | null = filter.after ?? 0;
    while (after !== null && left > 0) {
      const page = await this.#page(filter, after, left);
      yield* page.events;
      left -= page.events.length;
      after = page.next;
    }
  }

  sessions(filter: Parameters<EvidenceJournal["sessions"]>[0]): Promise<SessionSummary[]> {
    return this.read("sessions", filter);
  }

  readonly session = (id: string): Promise<SessionSummary | null> => this.read("session", id);
  readonly overview = (asked: Calls["overview"]["argument"]) => this.read("overview", asked);
  readonly approval = (id: string): Promise<ApprovalRequest | null> => this.read("approval", id);

  approvals(filter: { before?: number; limit: number }): Promise<ApprovalRequest[]> {
    return this.read("approvals", filter);
  }

  heads(after: number) {
    return this.read("heads", { after, to: Number.MAX_SAFE_INTEGER });
  }

  grant(id: string): Promise<Grant | null> {
    return this.read("grant", id);
  }

  grants(filter: Parameters<EvidenceJournal["grants"]>[0]): Promise<Grant[]> {
    return this.read("grants", filter);
  }

  readonly usableApproval = (digest: string, at: number) => this.read("usableApproval", { digest, at });
  readonly leftOut = (digest: string, at: number) => this.read("leftOut", { digest, at });
  readonly unusedApprovals = (person: string, at: number) => this.read("unusedApprovals", { person, at });

  #page(filter: EventFilter, after: number, limit: number) {
    return this.read("events", { filter, after, limit });
  }
}
