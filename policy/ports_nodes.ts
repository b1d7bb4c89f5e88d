/** Several Posterns on one store; part of policy/ports.ts. */
import type { Decision } from "./approval/review.ts";
import type { ApprovalRequest, Identity, Json } from "./types.ts";

/** A request that waits at another node, whose client it is: that one alone decides about it. */
export interface PendingElsewhere {
  readonly node: string;
  readonly request: ApprovalRequest;
}

/** What a node asks of another: the dashboards of all are the same. */
export type Question =
  | { readonly kind: "decide"; readonly id: string; readonly by: Identity; readonly decision: Decision }
  | { readonly kind: "end"; readonly id: string; readonly by: string; readonly reason: string }
  /** What its sessions do now. */
  | { readonly kind: "live" };

export interface Nodes {
  /** Rejects with StoreFailed where another node that is alive has another secret of the installation. */
  agree(secret: Uint8Array): Promise<void>;
  /** Those that are alive, this one left out. */
  others(): Promise<readonly string[]>;
  /** Sessions that run at others. */
  sessions(): Promise<readonly string[]>;
  /**
   * What that node's `answering` gave, as JSON; rejects with the PosternError that it threw, and with
   * TargetUnavailable where it does not answer in time.
   */
  ask(node: string, question: Question, timeoutMs?: number): Promise<Json>;
  /** Does something that no other node does at the same time under that name; waits for its turn. Rejects as `work` does. */
  alone<T>(name: string, work: () => Promise<T>): Promise<T>;
  answering(answer: (question: Question) => Json | Promise<Json>): void;
}
