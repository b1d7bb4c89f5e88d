/** What approvers are told of a statement before it runs, as tests look at it. */
import assert from "node:assert/strict";
import type { DashboardUser } from "./gateway.ts";

/** As the API gives it. */
export interface Impact {
  readonly rows: number | null;
  readonly plan: readonly string[];
  readonly tables: readonly { name: string; rows: number | null; bytes: number | null; indexes: number }[];
  readonly triggers: readonly string[];
  readonly cascades: readonly string[];
  readonly locks: readonly string[];
  readonly warnings: readonly string[];
  readonly exactRows: number | null;
  readonly samples:
    | { columns: string[]; before: (string | null)[][]; after: (string | null)[][] | null }
    | null;
  readonly missing: readonly string[];
}

/** Everything asks, with all that a preview can have; `ssn` is masked. */
export const previewRules = `rules:
  - name: all-asked
    then: approve
    what: { kinds: [read, write, ddl], missingWhere: true, unsafe: ["*"] }
    approvers: { groups: [db-approvers], preview: { count: true, samples: 2 } }
  - name: whole-tables
    then: approve
    what: { missingWhere: true }
    approvers: { groups: [db-approvers], preview: { count: true, samples: 2 } }
  - { name: session, then: allow, what: { kinds: [session, transaction] } }
  - name: rest
    then: approve
    what: { kinds: [read, write, ddl, call, copy] }
    approvers: { groups: [db-approvers], preview: { count: true, samples: 2 } }
masks:
  - columns: ["*.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

/** Sends it, waits for the estimate on its request, refuses it. */
export async function preview(approver: DashboardUser, send: () => Promise<unknown>): Promise<Impact> {
  const sent = send().then(() => "ran", (error: Error) => error.message);
  for (let tries = 0; tries < 2400; tries++) {
    const { requests } = await approver.json<{ requests: { id: string }[] }>("/api/requests");
    const id = requests[0]?.id;
    const impact = id === undefined
      ? null
      : (await approver.json<{ request: { impact: Impact | null } }>(`/api/requests/${id}`)).request.impact;
    if (id !== undefined && impact !== null) {
      await approver.decide(id, false, "only looking");
      assert.match(await sent, /only looking/);
      return impact;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no estimate came; the statement: ${await Promise.race([sent, "still waits"])}`);
}
