/**
 * Approvals that go beyond one statement: further ones like it, or on the same tables, in the same session. They
 * live in memory and die with their session; each use is recorded with the request's id, and counted before.
 */
import type { ApprovalRequest, Granted } from "./types.ts";

interface Standing {
  readonly request: ApprovalRequest;
  readonly granted: Granted;
  left: number;
  /** The held statement itself has run, or is about to; it counts where once-only approvals do. */
  began: boolean;
}

export class StandingApprovals {
  readonly #bySession = new Map<string, Standing[]>();

  /** After the decision; the held statement itself counts as the first. */
  add(request: ApprovalRequest): void {
    const { granted } = request;
    if (!granted || granted.scope === "once" || granted.statementsMax < 2) return;
    const list = this.#bySession.get(request.session) ?? [];
    this.#bySession.set(request.session, list);
    list.push({ request, granted, left: granted.statementsMax - 1, began: false });
  }

  /** The approval that covers what this would ask; null where none does. Counts nothing. */
  covering(asked: ApprovalRequest, now: number): { request: ApprovalRequest; note: string } | null {
    const found = this.#bySession.get(asked.session)?.find((one) => covers(one, asked, now));
    if (found === undefined) return null;
    const until = new Date(found.granted.until).toISOString().slice(11, 16);
    return {
      request: found.request,
      note: `${found.left} of ${found.granted.statementsMax} statements were left, until ${until} UTC`,
    };
  }

  /** Takes one statement off the approval of that id; false where it does not cover this one (any more). */
  use(id: string, asked: ApprovalRequest, now: number): boolean {
    const list = this.#bySession.get(asked.session) ?? [];
    const found = list.find((one) => one.request.id === id && covers(one, asked, now));
    if (found === undefined) return false;
    if (!found.began && found.request.digest === asked.digest) {
      found.began = true;
      return false;
    }
    found.left--;
    return true;
  }

  /** What was approved is taken back. */
  drop(id: string): void {
    for (const [session, list] of this.#bySession) {
      const left = list.filter(({ request }) => request.id !== id);
      if (left.length < list.length) this.#bySession.set(session, left);
    }
  }

  forget(session: string): void {
    this.#bySession.delete(session);
  }
}

function covers({ request, granted, left }: Standing, asked: ApprovalRequest, now: number): boolean {
  if (left < 1 || granted.until <= now) return false;
  if (request.rule !== asked.rule || request.database !== asked.database) return false;
  // Others must have a say in it, or more of them.
  if (asked.quorum > request.quorum) return false;
  if (!request.approvers.every((group) => asked.approvers.includes(group))) return false;
  if (granted.scope === "template") {
    return asked.template != null && asked.template.digest === request.template?.digest;
  }
  return asked.tableScope != null && asked.kind === request.kind && asked.tables.length > 0 &&
    asked.tables.every((use) =>
      request.tables.some((known) =>
        known.schema === use.schema && known.name === use.name &&
        (known.access === "write" || use.access === "read")
      )
    );
}
