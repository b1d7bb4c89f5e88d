/** Approvals over a journal in memory. */
import { type ApprovalService, createApprovals, digestOf } from "../../../policy/approval.ts";
import { PosternError } from "../../../policy/errors.ts";
import type { ApprovalRequest, AuditEvent, EventDraft, Identity } from "../../../policy/types.ts";

export const digestKey = new Uint8Array(32);
export const now = 1_800_000_000_000;

export function person(name: string, groups: string[], expiresAt = now + 3_600_000): Identity {
  return {
    subject: name,
    issuer: "https://idp.test",
    name,
    groups,
    signedInAt: now,
    expiresAt,
    method: "browser",
  };
}

export const devin = person("devin@example.test", ["engineers"]);
export const ada = person("ada@example.test", ["db-approvers"]);
export const ben = person("ben@example.test", ["db-approvers"]);

export function request(change: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    id: "r1",
    session: "s1",
    person: devin.name,
    groups: devin.groups,
    target: "demo",
    database: "postgres",
    environment: "demo",
    client: { address: "127.0.0.1", port: 1, application: "psql", user: "devin", tls: null },
    text: "UPDATE t SET a = 1 WHERE id = 2",
    parameters: [],
    digest: digestOf({ text: "UPDATE" }, digestKey),
    kind: "write",
    verbs: ["UPDATE"],
    tables: [],
    rule: "writes-need-approval",
    reason: "UPDATE",
    approvers: ["db-approvers"],
    quorum: 1,
    inTransaction: false,
    requestedAt: now,
    deadlineAt: now + 60_000,
    state: "pending",
    reviews: [],
    outcome: "",
    ...change,
  };
}

/** A journal whose appends end when the test says so. */
export function desk(retryMs = 0) {
  const clock = { now };
  const used = new Set<string>();
  const approved = (): ApprovalRequest[] => {
    const requests = new Map<string, ApprovalRequest>();
    for (const { type, data } of appended) {
      const change = data as unknown as ApprovalRequest;
      if (type === "approval.requested") requests.set(change.id, change);
      if (type === "approval.decided" || type === "approval.withdrawn") {
        requests.set(change.id, { ...requests.get(change.id)!, ...change });
      }
    }
    return [...requests.values()].filter(({ id, state, granted }) =>
      state === "approved" && granted!.until > clock.now && !used.has(id)
    );
  };
  const appended: EventDraft[] = [];
  const gate: { wait: Promise<void> | null; fail: boolean } = { wait: null, fail: false };
  const journal = {
    async append(draft: EventDraft): Promise<AuditEvent> {
      if (gate.wait !== null) await gate.wait;
      if (gate.fail) throw new PosternError("StoreFailed", "the store is full");
      appended.push(draft);
      return { ...draft, sequence: appended.length, at: now, previous: "", hash: "" };
    },
    follow: () => () => {},
    elsewhere: [],
    nodes: null,
    note: (draft: EventDraft) => void appended.push(draft),
    approval: () => Promise.resolve(null),
    usableApproval: (digest: string) =>
      Promise.resolve(approved().find((one) => one.digest === digest) ?? null),
    leftOut: () => Promise.resolve(null),
    unusedApprovals: (name: string) => Promise.resolve(approved().filter((one) => one.person === name)),
    useApproval: ({ id, digest }: { id: string; digest: string }) => {
      const found = approved().some((one) => one.id === id && one.digest === digest);
      if (found) used.add(id);
      return Promise.resolve(found);
    },
  };
  const approvals = createApprovals({
    journal,
    clock: () => clock.now,
    url: "http://x",
    retryMs: () => retryMs,
    log: () => {},
  });
  return { approvals, appended, gate, clock };
}

export const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof PosternError && pattern.test(error.message);

export async function held(approvals: ApprovalService, change: Partial<ApprovalRequest> = {}) {
  return await approvals.hold(request(change), devin);
}
