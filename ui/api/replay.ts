/** Sessions of clients: the list, one, its steps, and its end. */
import { z } from "zod";
import { dashboardAction, known } from "../../policy/audit/events.ts";
import type { SessionSummary } from "../../policy/ports.ts";
import { endSchema, type SessionAnswer, type Sessions, type StatementText, type Steps } from "../contract.ts";
import {
  addressOf,
  bodyOf,
  cursorSchema,
  type DashboardContext,
  type DashboardDeps,
  HttpRefusal,
  notFound,
  pageSize,
  queryOf,
} from "./http.ts";
import { scan } from "./paging.ts";
import { hasRole, seesAll, seesRequest, type Viewer } from "./roles.ts";
import { stepOf } from "./steps.ts";
import { rowOf } from "./views.ts";

const name = z.string().min(1).max(200);
const listQuery = z.strictObject({
  person: name.optional(),
  target: name.optional(),
  before: cursorSchema.optional(),
  limit: pageSize(100, 50),
});
const stepsQuery = z.strictObject({ after: cursorSchema.optional(), limit: pageSize(500, 200) });

/** Looking at a session again within this time is the same look. */
const LOOK_MS = 600_000;

/** What a replay is made of. */
const shownTypes = [
  "session.started",
  "session.ended",
  "statement.judged",
  "statement.finished",
  "approval.requested",
  "approval.decided",
  "approval.withdrawn",
];

/** Whether an approver's groups decided, or decide, something in this session. Others: all, or their own. */
export async function seesSession(
  deps: Pick<DashboardDeps, "approvals" | "journal">,
  viewer: Viewer,
  session: Pick<SessionSummary, "id" | "person" | "held">,
): Promise<boolean> {
  if (seesAll(viewer) || session.person === viewer.identity.name) return true;
  if (!hasRole(viewer, ["approver"])) return false;
  const pending = deps.approvals.pending().filter((request) => request.session === session.id);
  if (pending.some((request) => seesRequest(viewer, request))) return true;
  if (session.held === 0) return false;
  const asked = await deps.journal.events({ session: session.id, types: ["approval.requested"], limit: 200 });
  return asked.some((event) => {
    const it = known(event);
    return it?.type === "approval.requested" && seesRequest(viewer, it.data);
  });
}

export function replayRoutes(deps: DashboardDeps) {
  const { journal, live, clock } = deps;

  const visible = async (c: DashboardContext): Promise<SessionSummary> => {
    const session = await journal.session(c.req.param("id") ?? "");
    if (session === null || !await seesSession(deps, c.get("viewer"), session)) throw notFound("session");
    return session;
  };

  /** Durable before anything is shown: who looked is part of the record. */
  const recordLook = async (c: DashboardContext, session: SessionSummary) => {
    if (!c.get("session").sawSession(session.id, clock(), LOOK_MS)) return;
    await journal.append(dashboardAction(c.get("viewer").identity.name, {
      action: "session.viewed",
      subject: session.id,
      detail: "",
      address: addressOf(c),
    }, { session: session.id, target: session.target }));
  };

  return {
    async list(c: DashboardContext): Promise<Response> {
      const { person, target, before, limit } = queryOf(c, listQuery);
      const viewer = c.get("viewer");
      // Who sees only their own asks only for their own.
      const mineOnly = !hasRole(viewer, ["approver", "auditor", "admin"]);
      const who = mineOnly ? viewer.identity.name : person;
      const filter = {
        ...(who === undefined ? {} : { person: who }),
        ...(target === undefined ? {} : { target }),
      };
      const impossible = mineOnly && person !== undefined && person !== viewer.identity.name;
      const { found, next } = impossible ? { found: [], next: null } : await scan<SessionSummary>({
        fetch: (before, limit) =>
          journal.sessions({ ...filter, ...(before === undefined ? {} : { before }), limit }),
        visible: (session) => seesSession(deps, viewer, session),
        cursorOf: (session) => session.startedAt,
        before,
        limit,
      });
      const running = new Set(live.ids());
      const body: Sessions = {
        now: clock(),
        sessions: found.map((session) => rowOf(session, viewer, running)),
        next,
      };
      return c.json(body);
    },

    async one(c: DashboardContext): Promise<Response> {
      const session = rowOf(await visible(c), c.get("viewer"), new Set(live.ids()));
      const viewer = c.get("viewer");
      const may = { end: session.live && hasRole(viewer, ["approver", "admin"]), export: seesAll(viewer) };
      const body: SessionAnswer = { now: clock(), session, may };
      return c.json(body);
    },

    async steps(c: DashboardContext): Promise<Response> {
      const { after, limit } = queryOf(c, stepsQuery);
      const session = await visible(c);
      await recordLook(c, session);
      const events = await journal.events({
        session: session.id,
        types: shownTypes,
        ...(after === undefined ? {} : { after }),
        limit,
      });
      const body: Steps = {
        steps: events.map(stepOf),
        next: events.length === limit ? events.at(-1)!.sequence : null,
      };
      return c.json(body);
    },

    /** The whole text of one step, where the list has cut it. */
    async text(c: DashboardContext): Promise<Response> {
      const session = await visible(c);
      const sequence = cursorSchema.safeParse(c.req.param("sequence"));
      if (!sequence.success || sequence.data < 1) throw notFound("statement");
      await recordLook(c, session);
      const [event] = await journal.events({ session: session.id, after: sequence.data - 1, limit: 1 });
      const it = event?.sequence === sequence.data ? known(event) : null;
      if (it?.type !== "statement.judged" && it?.type !== "approval.requested") throw notFound("statement");
      const body: StatementText = { text: it.data.text };
      return c.json(body);
    },

    async end(c: DashboardContext): Promise<Response> {
      const { reason } = await bodyOf(c, endSchema);
      const session = await visible(c);
      const { name } = c.get("viewer").identity;
      await journal.append(dashboardAction(name, {
        action: "session.killed",
        subject: session.id,
        detail: reason,
        address: addressOf(c),
      }, { session: session.id, target: session.target }));
      if (!live.end(session.id, name, reason)) {
        throw new HttpRefusal(410, "SessionEnded", "This session has ended already");
      }
      return c.json({ done: true });
    },
  };
}
