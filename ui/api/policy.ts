/** The policy as it stands, and "would this pass?": auditors and admins for anybody, everybody for themselves. */
import { supposedIdentity } from "../../policy/explain.ts";
import type { TriedStatement } from "../../policy/playground.ts";
import type { Identity } from "../../policy/types.ts";
import { type PolicyAnswer, type Tried, type Try, trySchema } from "../contract.ts";
import { bodyOf, type DashboardContext, type DashboardDeps, HttpRefusal } from "./http.ts";
import { seesAll, type Viewer } from "./roles.ts";

export function policyRoutes({ playground, clock }: DashboardDeps) {
  return {
    view(c: DashboardContext): Response {
      const viewer = c.get("viewer");
      const { digest, rules, masks, targets } = playground.view(viewer.identity, seesAll(viewer));
      const body: PolicyAnswer = {
        digest,
        rules: [...rules],
        all: seesAll(viewer),
        masks: masks.map((mask) => ({
          ...mask,
          columns: [...mask.columns],
          targets: mask.targets === null ? null : [...mask.targets],
          except: [...mask.except],
        })),
        targets: targets.map((target) => ({ ...target, groups: [...target.groups] })),
      };
      return c.json(body);
    },

    async tryOut(c: DashboardContext): Promise<Response> {
      const wanted = await bodyOf(c, trySchema);
      const at = wanted.at ?? clock();
      const who = askedFor(wanted, c.get("viewer"), at);
      const { judgement, statements } = await playground.tryOut({
        text: wanted.text,
        target: wanted.target,
        who,
        at,
      });
      const { verdict, rule, reason, hint } = judgement;
      const body: Tried = {
        at,
        person: who.name,
        groups: [...who.groups],
        verdict,
        rule,
        reason,
        hint,
        statements: statements.map(triedOf),
      };
      return c.json(body);
    },
  };
}

function askedFor({ person, groups }: Try, viewer: Viewer, at: number): Identity {
  const own = viewer.identity;
  if (person === undefined && groups === undefined) return own;
  if (!seesAll(viewer)) {
    throw new HttpRefusal(
      403,
      "Forbidden",
      "You may ask for yourself only",
      "Auditors and admins ask for anybody; leave the person and the groups out",
    );
  }
  return supposedIdentity(person ?? own.name, groups ?? own.groups, at);
}

function triedOf(one: TriedStatement): Tried["statements"][number] {
  const { verdict, rule, reason, hint, facts, trace } = one;
  return {
    verdict,
    rule,
    reason,
    hint,
    kind: facts.kind,
    verb: facts.verb,
    tables: facts.tables.map(({ schema, name, access }) => ({ schema, name, access })),
    columns: [...facts.columns],
    functions: [...facts.functions],
    masked: [...facts.masked],
    missingWhere: facts.missingWhere,
    catalogOnly: facts.catalogOnly,
    unsafe: facts.unsafe.map(({ code, what, hint }) => ({ code, what, hint })),
    trace: trace.map((rule) => ({ ...rule, tables: [...rule.tables], why: [...rule.why] })),
  };
}
