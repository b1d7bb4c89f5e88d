/** Held statements: the inbox, one request, its decision, and what was decided. */
import { z } from "zod";
import type { ApprovalRequest } from "../../policy/types.ts";
import { decisionSchema, type History, type RequestAnswer, type Requests } from "../contract.ts";
import {
  bodyOf,
  cursorSchema,
  type DashboardContext,
  type DashboardDeps,
  notFound,
  pageSize,
  queryOf,
} from "./http.ts";
import { scan } from "./paging.ts";
import { seesRequest } from "./roles.ts";
import { cardOf, detailOf } from "./views.ts";

const historyQuery = z.strictObject({ before: cursorSchema.optional(), limit: pageSize(100, 50) });

/** A person's last requests beside the one that is decided. */
const OTHERS_MAX = 5;

export function requestRoutes(deps: DashboardDeps) {
  const { approvals, journal, clock } = deps;

  const visible = async (c: DashboardContext): Promise<ApprovalRequest> => {
    const request = await approvals.find(c.req.param("id") ?? "");
    if (request === null || !seesRequest(c.get("viewer"), request)) throw notFound("request");
    return request;
  };

  return {
    list(c: DashboardContext): Response {
      const viewer = c.get("viewer");
      const requests = approvals.pending().filter((request) => seesRequest(viewer, request));
      const body: Requests = {
        now: clock(),
        requests: requests.map((request) => cardOf(request, viewer, approvals)),
      };
      return c.json(body);
    },

    async one(c: DashboardContext): Promise<Response> {
      const body: RequestAnswer = {
        now: clock(),
        request: detailOf(await visible(c), c.get("viewer"), deps),
      };
      return c.json(body);
    },

    /** What the same person asked for last, as far as the viewer may see it. */
    async others(c: DashboardContext): Promise<Response> {
      const viewer = c.get("viewer");
      const { id, person } = await visible(c);
      const { found } = await scan<ApprovalRequest>({
        fetch: (before, limit) => journal.approvals({ ...(before === undefined ? {} : { before }), limit }),
        visible: (one) => one.person === person && one.id !== id && seesRequest(viewer, one),
        cursorOf: (one) => one.requestedAt,
        before: undefined,
        limit: OTHERS_MAX,
      });
      const others = found.slice(0, OTHERS_MAX);
      const body: Requests = { now: clock(), requests: others.map((one) => cardOf(one, viewer, approvals)) };
      return c.json(body);
    },

    async decide(c: DashboardContext): Promise<Response> {
      const decision = await bodyOf(c, decisionSchema);
      const { id } = await visible(c);
      const viewer = c.get("viewer");
      const decided = await approvals.decide(id, viewer.identity, decision);
      const body: RequestAnswer = { now: clock(), request: detailOf(decided, viewer, deps) };
      return c.json(body);
    },

    async history(c: DashboardContext): Promise<Response> {
      const { before, limit } = queryOf(c, historyQuery);
      const viewer = c.get("viewer");
      const { found, next } = await scan<ApprovalRequest>({
        fetch: (before, limit) => journal.approvals({ ...(before === undefined ? {} : { before }), limit }),
        visible: (request) => request.state !== "pending" && seesRequest(viewer, request),
        cursorOf: (request) => request.requestedAt,
        before,
        limit,
      });
      const body: History = { requests: found.map((request) => cardOf(request, viewer, approvals)), next };
      return c.json(body);
    },
  };
}
