/** What the detectors found, for whoever writes the rules. */
import { detectionText } from "../../policy/audit/detection_events.ts";
import type { Detections } from "../contract.ts";
import type { DashboardContext, DashboardDeps } from "./http.ts";

export const detectionsRoute = ({ detections, clock }: DashboardDeps) => (c: DashboardContext): Response => {
  const body: Detections = {
    now: clock(),
    detections: detections.list().map((one) => ({ ...one, text: detectionText(one) })),
  };
  return c.json(body);
};
