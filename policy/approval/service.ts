/** What approvals offer to the rest of policy, and what they need of it. */
import type { Approvals, Clock, Hold, Journal } from "../ports.ts";
import type { Impact } from "../sql/impact.ts";
import type { ApprovalRequest, Identity } from "../types.ts";

export interface ApprovalService extends Approvals {
  /** How many wait whose clients are this node's. */
  readonly pendingHere: number;
  /**
   * What lets this statement pass: an approval that it has already, or a request, recorded and shown to approvers.
   * Asked again while its request is pending, it joins that. Rejects with StoreFailed or LimitExceeded.
   */
  hold(request: ApprovalRequest, requester: Identity): Promise<Hold>;
  /**
   * Uses an approval up, for the statement that `asked` describes. Rejects with ApprovalRequired where it is not
   * good for that, or not any more: of two connections that race, one passes.
   */
  use(id: string, asked: ApprovalRequest): Promise<void>;
  /** What a request would do has been computed: shown from now on, and recorded. */
  previewed(request: ApprovalRequest, impact: Impact): void;
  /** A session is over: what was approved for the rest of it ends. */
  forget(session: string): void;
  /** Somebody's access ended: what they asked for and did not use, and what they agreed to, counts no more. */
  endAccess(person: Pick<Identity, "issuer" | "subject">, reason: string): Promise<void>;
  /** Withdraws all that is pending: Postern shuts down. */
  close(reason: string): Promise<void>;
}

export interface ApprovalDeps {
  readonly journal: Pick<
    Journal,
    | "append"
    | "note"
    | "follow"
    | "elsewhere"
    | "nodes"
    | "approval"
    | "usableApproval"
    | "leftOut"
    | "unusedApprovals"
    | "useApproval"
  >;
  readonly clock: Clock;
  /** What links start with, without a slash at the end. */
  readonly url: string;
  /** Most requests pending at once, in all. */
  readonly pendingMax?: () => number;
  /** How long a request stays pending for a client that went away and may come again; 0 withdraws it at once. */
  readonly retryMs?: () => number;
  readonly log: (level: "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
}
