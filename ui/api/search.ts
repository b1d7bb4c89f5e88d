/**
 * `GET /api/search`: statements of the record by person, target, session, table, words, template, verdict, kind,
 * rule and time. Auditors and admins search everything, others what they ran themselves.
 */
import { z } from "zod";
import { dashboardAction } from "../../policy/audit/events.ts";
import type { StatementSearch } from "../../policy/ports.ts";
import type { SearchAnswer } from "../contract.ts";
import {
  addressOf,
  cursorSchema,
  type DashboardContext,
  type DashboardDeps,
  HttpRefusal,
  pageSize,
  queryOf,
} from "./http.ts";
import { seesAll } from "./roles.ts";

const name = z.string().min(1).max(200);
const searchQuery = z.strictObject({
  person: name.optional(),
  target: name.optional(),
  session: name.optional(),
  table: name.optional(),
  text: z.string().max(1000).optional(),
  template: z.string().min(1).max(20_000).optional(),
  verdict: z.enum(["allow", "approve", "deny"]).optional(),
  kind: z.enum(["read", "write", "ddl", "session", "transaction", "admin", "copy", "call", "unknown"])
    .optional(),
  rule: name.optional(),
  from: cursorSchema.optional(),
  to: cursorSchema.optional(),
  before: cursorSchema.optional(),
  limit: pageSize(200, 50),
});

export function searchRoute(deps: DashboardDeps) {
  return async (c: DashboardContext): Promise<Response> => {
    const query = queryOf(c, searchQuery);
    const viewer = c.get("viewer");
    const own = viewer.identity.name;
    if (!seesAll(viewer) && query.person !== undefined && query.person !== own) {
      throw new HttpRefusal(
        403,
        "Forbidden",
        "You may search your own statements only",
        "Auditors and admins search everything; leave the person out to search what you ran",
      );
    }
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const wanted = Object.fromEntries(given) as unknown as StatementSearch;
    const search: StatementSearch = seesAll(viewer) ? wanted : { ...wanted, person: own };
    // Who looked for what among other people's statements is part of the record; the next pages are the same look.
    if (seesAll(viewer) && query.before === undefined) {
      await deps.journal.append(dashboardAction(own, {
        action: "record.searched",
        subject: query.session ?? "",
        detail: JSON.stringify({ ...wanted, limit: undefined }),
        address: addressOf(c),
      }, { session: query.session ?? null, target: query.target ?? null }));
    }
    const { hits, ...rest } = await deps.journal.search(search);
    const body: SearchAnswer = {
      now: deps.clock(),
      hits: hits.map((hit) => ({
        ...hit,
        verbs: [...hit.verbs],
        tables: [...hit.tables],
        masked: [...hit.masked],
      })),
      ...rest,
    };
    return c.json(body);
  };
}
