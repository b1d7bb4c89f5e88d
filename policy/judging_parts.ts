/** Puts together what judging a statement asks of others: of its target, and of a Worker. */
import type { ApprovalService } from "./approval.ts";
import { Previews } from "./approval/preview.ts";
import { Estimates } from "./estimates.ts";
import type { Clock, TargetQuery } from "./ports.ts";
import { Probes } from "./probes.ts";
import { LargeTexts } from "./sql/large_texts.ts";
import { dialectOf } from "./sql/mod.ts";

export function judgingParts(approvals: ApprovalService, { targetQuery: query, secret, clock, log }: {
  readonly targetQuery: TargetQuery;
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void;
}) {
  return {
    probes: new Probes({ dialectOf, query, clock, log }),
    estimates: new Estimates({ dialectOf, query, clock, log }),
    previews: new Previews({ dialectOf, query, secret, approvals, log }),
    largeTexts: new LargeTexts(log),
  };
}
