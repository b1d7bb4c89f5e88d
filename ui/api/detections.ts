/** What the detectors found, for whoever writes the rules. */
import { detectionText } from "../../policy/audit/detection_events.ts";
import type { Detections } from "../contract.ts";
import type { DashboardContext, DashboardDeps } from "./http.ts";
import { hasRole } from "./roles.ts";

/** Where and how many, as the record has it; a sample for admins only, since it is of a value, if masked. */
export const detectionsRoute = ({ detections, clock }: DashboardDeps) => (c: DashboardContext): Response => {
  const isAdmin = hasRole(c.get("viewer"), ["admin"]);
  const body: Detections = {
    now: clock(),
    detections: detections.list().map(({ sample, ...one }) => ({
      ...one,
      sample: isAdmin ? sample : null,
      text: detectionText(one),
    })),
  };
  return c.json(body);
};
