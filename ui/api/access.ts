/** Access for a time: asking, deciding, ending, and the review of break-glass. Policy says who may do what. */
import type { Grant } from "../../policy/grant.ts";
import type { AccessPlace } from "../../policy/grant_ports.ts";
import {
  type AccessDeskView,
  accessWordsSchema,
  askAccessSchema,
  decisionSchema,
  type GrantAnswer,
  type GrantView,
  type MyAccess,
  noWordsSchema,
  type Place,
} from "../contract.ts";
import { addressOf, bodyOf, type DashboardContext, type DashboardDeps, notFound } from "./http.ts";
import type { Route } from "./routes.ts";
import { hasRole, seesRequest, type Viewer } from "./roles.ts";

/** How far back lists look for what is over. */
const recentMax = 500;
const ownMax = 50;

class AccessRoutes {
  constructor(private readonly deps: DashboardDeps) {}

  /** The viewer's own. */
  readonly mine = async (c: DashboardContext): Promise<Response> => {
    const { grants, journal, clock } = this.deps;
    const viewer = c.get("viewer");
    const { name } = viewer.identity;
    const recent = await journal.grants({ limit: recentMax });
    const own = recent.filter(({ person }) => person === name).slice(0, ownMax);
    const body: MyAccess = {
      now: clock(),
      places: grants.places(viewer.identity).map(placeView),
      grants: own.map((grant) => this.#view(grant, viewer)),
    };
    return c.json(body);
  };

  /** Other people's, as far as it is the viewer's business. */
  readonly desk = async (c: DashboardContext): Promise<Response> => {
    const { grants, journal, clock } = this.deps;
    const viewer = c.get("viewer");
    const open = grants.open().filter((grant) => seesGrant(viewer, grant));
    const recent = await journal.grants({ limit: recentMax });
    const glass = recent.filter((grant) =>
      grant.breakGlass && grant.examined === null && seesGrant(viewer, grant)
    );
    const inState = (state: Grant["state"]) =>
      open.filter((grant) => grant.state === state).map((grant) => this.#view(grant, viewer));
    const body: AccessDeskView = {
      now: clock(),
      requests: inState("requested"),
      granted: inState("granted"),
      unreviewed: glass.map((grant) => this.#view(grant, viewer)),
    };
    return c.json(body);
  };

  readonly one = async (c: DashboardContext): Promise<Response> => this.#answer(c, await this.#visible(c));

  readonly ask = async (c: DashboardContext): Promise<Response> => {
    const { grants } = this.deps;
    const { breakGlass = false, wait, ...wanted } = await bodyOf(c, askAccessSchema);
    const { identity } = c.get("viewer");
    const from = { address: addressOf(c), ...(wait === undefined ? {} : { wait }) };
    const grant = breakGlass
      ? await grants.breakGlass(identity, wanted, from)
      : await grants.ask(identity, wanted, from);
    return this.#answer(c, grant);
  };

  readonly decide = async (c: DashboardContext): Promise<Response> => {
    const decision = await bodyOf(c, decisionSchema);
    const { id } = await this.#visible(c);
    return this.#answer(c, await this.deps.grants.decide(id, c.get("viewer").identity, decision));
  };

  readonly withdraw = async (c: DashboardContext): Promise<Response> => {
    await bodyOf(c, noWordsSchema);
    const { id } = await this.#visible(c);
    return this.#answer(c, await this.deps.grants.withdraw(id, c.get("viewer").identity));
  };

  readonly end = async (c: DashboardContext): Promise<Response> => {
    const { words } = await bodyOf(c, accessWordsSchema);
    const { id } = await this.#visible(c);
    return this.#answer(c, await this.deps.grants.revoke(id, c.get("viewer").identity, words));
  };

  readonly review = async (c: DashboardContext): Promise<Response> => {
    const { words } = await bodyOf(c, accessWordsSchema);
    const { id } = await this.#visible(c);
    return this.#answer(c, await this.deps.grants.examine(id, c.get("viewer").identity, words));
  };

  #answer(c: DashboardContext, grant: Grant): Response {
    const body: GrantAnswer = { now: this.deps.clock(), grant: this.#view(grant, c.get("viewer")) };
    return c.json(body);
  }

  async #visible(c: DashboardContext): Promise<Grant> {
    const grant = await this.deps.grants.find(c.req.param("id") ?? "");
    if (grant === null || !seesGrant(c.get("viewer"), grant)) throw notFound("request for access");
    return grant;
  }

  #view(grant: Grant, { identity }: Viewer): GrantView {
    const { grants } = this.deps;
    const { subject: _subject, issuer: _issuer, scope, examined, ...rest } = grant;
    const mine = grant.person === identity.name;
    return {
      ...rest,
      groups: [...grant.groups],
      approvers: [...grant.approvers],
      reviews: grant.reviews.map((review) => ({ ...review })),
      scope: {
        kinds: scope.kinds === null ? null : [...scope.kinds],
        tables: scope.tables === null ? null : [...scope.tables],
        unmask: [...scope.unmask],
      },
      examined: examined === null ? null : { ...examined },
      mine,
      refusal: grant.state === "requested" ? grants.mayDecide(grant, identity) : `It is ${grant.state}`,
      may: {
        withdraw: mine && grant.state === "requested",
        end: grant.state === "granted" && grants.mayRevoke(grant, identity) === null,
        review: grant.examined === null && grants.mayExamine(grant, identity) === null,
      },
    };
  }
}

function placeView({ name, environment, database, entry, breakGlass, offers }: AccessPlace): Place {
  return {
    name,
    environment,
    database,
    entry,
    breakGlass: breakGlass === null ? null : { ...breakGlass },
    offers: offers.map((one) => ({
      ...one,
      kinds: one.kinds === null ? null : [...one.kinds],
      unmask: [...one.unmask],
    })),
  };
}

const everyone = ["engineer"] as const;

/** Who may take which step is policy's word, for each grant of its own. */
export function accessTable(deps: DashboardDeps): readonly Route[] {
  const routes = new AccessRoutes(deps);
  const bearer = true;
  return [
    { method: "GET", path: "/api/access", access: everyone, bearer, handle: routes.mine },
    { method: "POST", path: "/api/access", access: everyone, bearer, handle: routes.ask },
    { method: "GET", path: "/api/access/desk", access: everyone, handle: routes.desk },
    { method: "GET", path: "/api/access/:id", access: everyone, bearer, handle: routes.one },
    { method: "POST", path: "/api/access/:id/decision", access: everyone, handle: routes.decide },
    { method: "POST", path: "/api/access/:id/withdraw", access: everyone, bearer, handle: routes.withdraw },
    { method: "POST", path: "/api/access/:id/end", access: everyone, bearer, handle: routes.end },
    { method: "POST", path: "/api/access/:id/review", access: everyone, handle: routes.review },
  ];
}

/** As requests for statements; break-glass, and what a rule granted without approvers, is every approver's business. */
export function seesGrant(
  viewer: Viewer,
  grant: Pick<Grant, "person" | "approvers">,
): boolean {
  return seesRequest(viewer, grant) || (grant.approvers.length === 0 && hasRole(viewer, ["approver"]));
}
