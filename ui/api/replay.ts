/** Sessions of clients: the list, one, its steps, and its end. */
import { z } from "zod";
import { dashboardAction, known, type KnownEvent } from "../../policy/audit/events.ts";
import type { SessionSummary } from "../../policy/ports.ts";
import type { RecordedResults, SessionAnswer, Sessions, StatementText, Steps } from "../contract.ts";
import {
  addressOf,
  cursorSchema,
  type DashboardContext,
  type DashboardDeps,
  notFound,
  pageSize,
  queryOf,
} from "./http.ts";
import { scan } from "./paging.ts";
import { hasRole, seesAll, seesRequest, type Viewer } from "./roles.ts";
import { stepsOf } from "./steps.ts";
import { coloursOf, rowOf } from "./views.ts";

const name = z.string().min(1).max(200);
const listQuery = z.strictObject({
  person: name.optional(),
  target: name.optional(),
  before: cursorSchema.optional(),
  limit: pageSize(100, 50),
});
const stepsQuery = z.strictObject({ after: cursorSchema.optional(), limit: pageSize(2000, 200) });

/** Looking at a session again within this time is the same look. */
const LOOK_MS = 600_000;

/** What a replay is made of. */
const shownTypes = [
  "session.started",
  "session.ended",
  "statement.judged",
  "result.recorded",
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
  const pending = deps.approvals.pending().filter((request) => request.session === session.id);
  if (pending.some((request) => seesRequest(viewer, request))) return true;
  if (session.held === 0) return false;
  const asked = await deps.journal.events({ session: session.id, types: ["approval.requested"], limit: 200 });
  return asked.some((event) => {
    const it = known(event);
    return it?.type === "approval.requested" && seesRequest(viewer, it.data);
  });
}

export class ReplayRoutes {
  constructor(private readonly deps: DashboardDeps) {}

  readonly list = async (c: DashboardContext): Promise<Response> => {
    const { person, target, before, limit } = queryOf(c, listQuery);
    const viewer = c.get("viewer");
    const { found, next } = await this.#page(viewer, { person, target }, before, limit);
    const running = new Set(await this.deps.live.ids());
    const body: Sessions = {
      now: this.deps.clock(),
      sessions: found.map((session) => rowOf(session, viewer, running)),
      next,
    };
    return c.json(body);
  };

  readonly one = async (c: DashboardContext): Promise<Response> => {
    const viewer = c.get("viewer");
    const session = rowOf(await this.#visible(c), viewer, new Set(await this.deps.live.ids()));
    const may = {
      end: session.live && (session.mine || hasRole(viewer, ["approver", "admin"])),
      export: seesAll(viewer),
    };
    const body: SessionAnswer = { now: this.deps.clock(), session, may };
    return c.json(body);
  };

  readonly steps = async (c: DashboardContext): Promise<Response> => {
    const { after, limit } = queryOf(c, stepsQuery);
    const session = await this.#visible(c);
    await this.#recordLook(c, session);
    const events = await this.deps.journal.events({
      session: session.id,
      types: shownTypes,
      ...(after === undefined ? {} : { after }),
      limit,
    });
    const body: Steps = {
      steps: events.flatMap(stepsOf),
      next: events.length === limit ? events.at(-1)!.sequence : null,
    };
    return c.json(body);
  };

  /** The whole text of one step, where the list has cut it. */
  readonly text = async (c: DashboardContext): Promise<Response> => {
    const session = await this.#visible(c);
    const it = await this.#event(c, session, "statement");
    if (it?.type !== "statement.judged" && it?.type !== "approval.requested") throw notFound("statement");
    const body: StatementText = {
      text: it.data.text,
      colours: coloursOf(this.deps.playground, session.target, it.data.text),
    };
    return c.json(body);
  };

  /** What the client saw of a statement's results. */
  readonly results = async (c: DashboardContext): Promise<Response> => {
    const it = await this.#event(c, await this.#visible(c), "result");
    if (it?.type !== "result.recorded") throw notFound("result");
    const body: RecordedResults = {
      results: it.data.results.map(({ columns, rows, more }) => ({
        columns: columns.map(({ name, masked }) => ({ name, masked })),
        rows: rows.map((row) => [...row]),
        more,
      })),
    };
    return c.json(body);
  };

  /** The event of this session that the path names; the look at it is recorded. */
  async #event(c: DashboardContext, session: SessionSummary, what: string): Promise<KnownEvent | null> {
    const sequence = cursorSchema.safeParse(c.req.param("sequence"));
    if (!sequence.success || sequence.data < 1) throw notFound(what);
    await this.#recordLook(c, session);
    const filter = { session: session.id, after: sequence.data - 1, limit: 1 };
    const [event] = await this.deps.journal.events(filter);
    return event?.sequence === sequence.data ? known(event) : null;
  }

  async #page(
    viewer: Viewer,
    wanted: { readonly person?: string | undefined; readonly target?: string | undefined },
    before: number | undefined,
    limit: number,
  ): Promise<{ found: SessionSummary[]; next: number | null }> {
    // Who sees only their own asks only for their own.
    const mineOnly = !hasRole(viewer, ["approver", "auditor", "admin"]);
    const own = viewer.identity.name;
    if (mineOnly && wanted.person !== undefined && wanted.person !== own) return { found: [], next: null };
    const person = mineOnly ? own : wanted.person;
    const filter = {
      ...(person === undefined ? {} : { person }),
      ...(wanted.target === undefined ? {} : { target: wanted.target }),
    };
    return await scan<SessionSummary>({
      fetch: (before, limit) =>
        this.deps.journal.sessions({ ...filter, ...(before === undefined ? {} : { before }), limit }),
      visible: (session) => seesSession(this.deps, viewer, session),
      cursorOf: (session) => session.startedAt,
      before,
      limit,
    });
  }

  async #visible(c: DashboardContext): Promise<SessionSummary> {
    const session = await this.deps.journal.session(c.req.param("id") ?? "");
    if (session === null || !await seesSession(this.deps, c.get("viewer"), session)) {
      throw notFound("session");
    }
    return session;
  }

  /** Durable before anything is shown: who looked is part of the record. */
  async #recordLook(c: DashboardContext, session: SessionSummary): Promise<void> {
    if (!c.get("session").sawSession(session.id, this.deps.clock(), LOOK_MS)) return;
    try {
      await this.#record(c, session, "session.viewed", "");
    } catch (error) {
      // Not recorded is not seen: the next try must record it.
      c.get("session").forget(session.id);
      throw error;
    }
  }

  async #record(c: DashboardContext, session: SessionSummary, action: string, detail: string): Promise<void> {
    await this.deps.journal.append(dashboardAction(
      c.get("viewer").identity.name,
      { action, subject: session.id, detail, address: addressOf(c) },
      { session: session.id, target: session.target },
    ));
  }
}
