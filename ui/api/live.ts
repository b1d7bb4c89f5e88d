/** Who runs what now, and the end of it: one session, or all of a person's. */
import { dashboardAction } from "../../policy/audit/events.ts";
import type { LiveSession as Running } from "../../policy/live.ts";
import { endSchema } from "../contract.ts";
import { type Ended, endPersonSchema, type Live, type LiveSession } from "../contract/live.ts";
import {
  addressOf,
  bodyOf,
  type DashboardContext,
  type DashboardDeps,
  HttpRefusal,
  notFound,
} from "./http.ts";
import { seesSession } from "./replay.ts";
import { hasRole, type Viewer } from "./roles.ts";
import { clientOf, cut } from "./views.ts";

/** Characters of a running statement in the list; its session's page has the whole. */
const PREVIEW_LENGTH_MAX = 600;

/** Looking at the list again within this time is the same look. */
const LOOK_MS = 600_000;

/** Everybody ends their own; approvers and admins those that they see. */
export function mayEnd(viewer: Viewer, session: { readonly person: string }): boolean {
  return session.person === viewer.identity.name || hasRole(viewer, ["approver", "admin"]);
}

export function liveRoutes(deps: DashboardDeps) {
  const { live, journal, clock } = deps;

  const visible = async (viewer: Viewer): Promise<Running[]> => {
    const found: Running[] = [];
    for (const session of live.list()) if (await seesSession(deps, viewer, session)) found.push(session);
    return found;
  };

  /** Durable before it happens: who ended what, and why. */
  const record = (c: DashboardContext, { id, target }: Running, reason: string) =>
    journal.append(dashboardAction(
      c.get("viewer").identity.name,
      { action: "session.killed", subject: id, detail: reason, address: addressOf(c) },
      { session: id, target },
    ));

  /** Durable before it is shown: that somebody looked at what others run. */
  const recordLook = async (c: DashboardContext, sessions: readonly Running[]) => {
    const { name } = c.get("viewer").identity;
    if (sessions.every(({ person }) => person === name)) return;
    if (!c.get("session").sawSession("live", clock(), LOOK_MS)) return;
    try {
      const action = { action: "live.viewed", subject: "", detail: "", address: addressOf(c) };
      await journal.append(dashboardAction(name, action));
    } catch (error) {
      c.get("session").forget("live");
      throw error;
    }
  };

  return {
    async list(c: DashboardContext): Promise<Response> {
      const viewer = c.get("viewer");
      const sessions = await visible(viewer);
      await recordLook(c, sessions);
      const body: Live = { now: clock(), sessions: sessions.map((session) => rowOf(session, viewer)) };
      return c.json(body);
    },

    async endOne(c: DashboardContext): Promise<Response> {
      const { reason } = await bodyOf(c, endSchema);
      const viewer = c.get("viewer");
      const id = c.req.param("id") ?? "";
      const session = live.list().find((one) => one.id === id);
      if (session === undefined || !await seesSession(deps, viewer, session)) {
        const recorded = await journal.session(id);
        if (recorded === null || !await seesSession(deps, viewer, recorded)) throw notFound("session");
        throw new HttpRefusal(410, "SessionEnded", "This session has ended already");
      }
      if (!mayEnd(viewer, session)) throw notYours();
      await record(c, session, reason);
      if (!live.end(id, viewer.identity.name, reason)) {
        throw new HttpRefusal(410, "SessionEnded", "This session has ended already");
      }
      return c.json({ done: true });
    },

    async endPerson(c: DashboardContext): Promise<Response> {
      const { person, reason } = await bodyOf(c, endPersonSchema);
      const viewer = c.get("viewer");
      const theirs = (await visible(viewer)).filter((one) => one.person === person);
      if (theirs.length === 0) throw notFound("running session of that person");
      if (!theirs.every((one) => mayEnd(viewer, one))) throw notYours();
      let ended = 0;
      for (const session of theirs) {
        await record(c, session, reason);
        if (live.end(session.id, viewer.identity.name, reason)) ended++;
      }
      const body: Ended = { ended };
      return c.json(body);
    },
  };
}

function notYours(): HttpRefusal {
  return new HttpRefusal(
    403,
    "Forbidden",
    "You may end your own sessions only; others are ended by approvers and admins",
    "Ask one of them",
  );
}

function rowOf(session: Running, viewer: Viewer): LiveSession {
  const { current, client, ...plain } = session;
  return {
    ...plain,
    client: clientOf(client),
    current: current === null ? null : {
      id: current.id,
      state: current.state,
      preview: cut(current.text, PREVIEW_LENGTH_MAX),
      textLength: current.text.length,
      verbs: [...current.verbs],
      since: current.since,
      rows: current.progress?.rows ?? null,
      bytes: current.progress?.bytes ?? null,
      behind: current.behind,
    },
    mine: session.person === viewer.identity.name,
    mayEnd: mayEnd(viewer, session),
  };
}
