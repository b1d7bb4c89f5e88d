/** Statements for approval in advance: from the dashboard, or from `postern request`. */
import { type RequestAnswer, submitSchema } from "../contract.ts";
import { addressOf, bodyOf, type DashboardContext, type DashboardDeps } from "./http.ts";
import { detailOf } from "./views.ts";

export function submitRoute(deps: DashboardDeps) {
  return async (c: DashboardContext): Promise<Response> => {
    const { target, text, reason } = await bodyOf(c, submitSchema);
    const viewer = c.get("viewer");
    const program = c.req.header("authorization") === undefined ? "dashboard" : "postern request";
    const asked = { target, text, reason, address: addressOf(c), program };
    const request = await deps.advance.submit(viewer.identity, asked);
    const body: RequestAnswer = { now: deps.clock(), request: detailOf(request, viewer, deps) };
    return c.json(body);
  };
}
