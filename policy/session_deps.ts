/** What sessions have in common. */
import type { Account } from "./account_ports.ts";
import type { ApprovalService } from "./approval.ts";
import type { Previews } from "./approval/preview.ts";
import type { Catalogs } from "./catalogs.ts";
import type { DetectionTotals } from "./detectors.ts";
import type { Estimates } from "./estimates.ts";
import type { SessionGrant } from "./grant_ports.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Clock, Journal, Meter } from "./ports.ts";
import type { Probes } from "./probes.ts";
import type { Recorder } from "./recorder.ts";
import type { LargeTexts } from "./sql/large_texts.ts";
import type { Traces } from "./traces/ports.ts";
import type { ClientInfo, Identity, Target } from "./types.ts";

export interface SessionDeps {
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly approvals: ApprovalService;
  readonly catalogs: Catalogs;
  readonly inForce: PolicyInForce;
  readonly meter: Meter;
  /** null where they are off. */
  readonly traces: Traces | null;
  readonly detections: DetectionTotals;
  readonly previews: Previews;
  /** Keys the digests that approvals are bound to: see approval/review.ts. */
  readonly digestKey: Uint8Array;
  readonly probes: Probes;
  readonly largeTexts: LargeTexts;
  readonly estimates: Estimates;
  readonly clock: Clock;
}

/** Who and where, settled at admission. */
export interface SessionPlace {
  readonly id: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly database: string;
  readonly client: ClientInfo;
  readonly readOnly: boolean;
  /** What let them in for a time; null where membership is enough. */
  readonly grant: SessionGrant | null;
  /** This session's own on the target; null where all share the target's. */
  readonly account: Account | null;
}
