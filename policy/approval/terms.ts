/** One approval for statements that several rules hold. Pure. */
import type { ApprovalTerms, ScopeLimits } from "../types.ts";

/**
 * By a group that all of them name (or the target's owners, where all say so), by the largest quorum, within the
 * shortest deadline, as far as all of them let it go, escalated where all would. null where nobody could speak
 * for everything.
 */
export function commonTerms(all: readonly ApprovalTerms[]): ApprovalTerms | null {
  const [first, ...others] = all;
  if (first === undefined || others.length === 0) return first ?? null;
  const groups = common(all.map((terms) => terms.groups));
  const owners = all.every((terms) => terms.owners);
  if (groups.length === 0 && !owners) return null;
  const template = narrowest(all.map((terms) => terms.template));
  const tables = narrowest(all.map((terms) => terms.tables));
  const escalate = escalation(all);
  const preview = previewOf(all);
  return {
    groups,
    quorum: Math.max(...all.map(({ quorum }) => quorum)),
    deadlineMs: Math.min(...all.map(({ deadlineMs }) => deadlineMs)),
    ...(owners ? { owners } : {}),
    ...(all.some((terms) => terms.distinctGroups) ? { distinctGroups: true } : {}),
    ...(escalate === undefined ? {} : { escalate }),
    ...(preview === undefined ? {} : { preview }),
    ...(template === undefined ? {} : { template }),
    ...(tables === undefined ? {} : { tables }),
  };
}

/** Rows are shown where all of them let them be shown. */
function previewOf(all: readonly ApprovalTerms[]): ApprovalTerms["preview"] {
  const given = all.map((terms) => terms.preview).filter((one) => one !== undefined);
  if (given.length < all.length) return undefined;
  return {
    count: given.every(({ count }) => count),
    samples: Math.min(...given.map(({ samples }) => samples)),
  };
}

function common(lists: readonly (readonly string[])[]): readonly string[] {
  const [first = [], ...others] = lists;
  return first.filter((name) => others.every((list) => list.includes(name)));
}

function narrowest(limits: readonly (ScopeLimits | undefined)[]): ScopeLimits | undefined {
  const given = limits.filter((one) => one !== undefined);
  if (given.length < limits.length) return undefined;
  return {
    minutesMax: Math.min(...given.map((one) => one.minutesMax)),
    statementsMax: Math.min(...given.map((one) => one.statementsMax)),
  };
}

function escalation(all: readonly ApprovalTerms[]): ApprovalTerms["escalate"] {
  const given = all.map((terms) => terms.escalate).filter((one) => one !== undefined);
  const groups = given.length < all.length ? [] : common(given.map((one) => one.groups));
  if (groups.length === 0) return undefined;
  return { afterMs: Math.max(...given.map((one) => one.afterMs)), groups };
}
