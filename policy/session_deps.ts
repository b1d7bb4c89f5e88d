/** What sessions have in common. */
import type { ApprovalService } from "./approval.ts";
import type { Previews } from "./approval/preview.ts";
import type { Catalogs } from "./catalogs.ts";
import type { DetectionTotals } from "./detectors.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Clock, Journal, Meter } from "./ports.ts";
import type { Probes } from "./probes.ts";
import type { Recorder } from "./recorder.ts";

export interface SessionDeps {
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly approvals: ApprovalService;
  readonly catalogs: Catalogs;
  readonly inForce: PolicyInForce;
  readonly meter: Meter;
  readonly detections: DetectionTotals;
  readonly previews: Previews;
  /** Keys the digests that approvals are bound to: see approval/review.ts. */
  readonly digestKey: Uint8Array;
  readonly probes: Probes;
  readonly clock: Clock;
}
