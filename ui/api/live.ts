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

export class LiveRoutes {
  constructor(private readonly deps: DashboardDeps) {}

  readonly list = async (c: DashboardContext): Promise<Response> => {
    const viewer = c.get("viewer");
    const sessions = await this.#visible(viewer);
    await this.#recordLook(c, sessions);
    const body: Live = {
      now: this.deps.clock(),
      sessions: sessions.map((session) => rowOf(session, viewer)),
    };
    return c.json(body);
  };

  readonly endOne = async (c: DashboardContext): Promise<Response> => {
    const { reason } = await bodyOf(c, endSchema);
    const viewer = c.get("viewer");
    const id = c.req.param("id") ?? "";
    const session = (await this.deps.live.list()).find((one) => one.id === id);
    if (session === undefined || !await seesSession(this.deps, viewer, session)) {
      const recorded = await this.deps.journal.session(id);
      if (recorded === null || !await seesSession(this.deps, viewer, recorded)) throw notFound("session");
      throw hasEnded();
    }
    if (!mayEnd(viewer, session)) throw notYours();
    if (!await this.#end(c, session, reason)) throw hasEnded();
    return c.json({ done: true });
  };

  readonly endPerson = async (c: DashboardContext): Promise<Response> => {
    const { person, reason } = await bodyOf(c, endPersonSchema);
    const viewer = c.get("viewer");
    const theirs = (await this.#visible(viewer)).filter((one) => one.person === person);
    if (theirs.length === 0) throw notFound("running session of that person");
    if (!theirs.every((one) => mayEnd(viewer, one))) throw notYours();
    let ended = 0;
    for (const session of theirs) if (await this.#end(c, session, reason)) ended++;
    const body: Ended = { ended };
    return c.json(body);
  };

  async #visible(viewer: Viewer): Promise<Running[]> {
    const found: Running[] = [];
    for (const session of await this.deps.live.list()) {
      if (await seesSession(this.deps, viewer, session)) found.push(session);
    }
    return found;
  }

  /** Durable before it happens: who ended what, and why. */
  async #end(c: DashboardContext, { id, target }: Running, reason: string): Promise<boolean> {
    const { name } = c.get("viewer").identity;
    await this.deps.journal.append(dashboardAction(
      name,
      { action: "session.killed", subject: id, detail: reason, address: addressOf(c) },
      { session: id, target },
    ));
    return await this.deps.live.end(id, name, reason);
  }

  /** Durable before it is shown: that somebody looked at what others run. */
  async #recordLook(c: DashboardContext, sessions: readonly Running[]): Promise<void> {
    const { name } = c.get("viewer").identity;
    if (sessions.every(({ person }) => person === name)) return;
    if (!c.get("session").sawSession("live", this.deps.clock(), LOOK_MS)) return;
    try {
      const action = { action: "live.viewed", subject: "", detail: "", address: addressOf(c) };
      await this.deps.journal.append(dashboardAction(name, action));
    } catch (error) {
      c.get("session").forget("live");
      throw error;
    }
  }
}

const hasEnded = () => new HttpRefusal(410, "SessionEnded", "This session has ended already");

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
