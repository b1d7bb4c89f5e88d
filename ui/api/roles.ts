/** Who sees what: the dashboard's roles, and the rules of visibility that every route uses. */
import type { ApprovalRequest, Identity } from "../../policy/types.ts";
import type { Role } from "../contract.ts";

/** Groups of the identity provider that give a role; everyone signed in is an engineer. */
export interface RoleGroups {
  readonly approver: readonly string[];
  readonly auditor: readonly string[];
  readonly admin: readonly string[];
}

/** Somebody signed in, with what they may do. */
export interface Viewer {
  readonly identity: Identity;
  readonly roles: readonly Role[];
}

export function viewerOf(identity: Identity, groups: RoleGroups): Viewer {
  const roles: Role[] = ["engineer"];
  for (const role of ["approver", "auditor", "admin"] as const) {
    if (intersects(groups[role], identity.groups)) roles.push(role);
  }
  return { identity, roles };
}

export function hasRole(viewer: Viewer, allowed: readonly Role[]): boolean {
  return intersects(allowed, viewer.roles);
}

/** Auditors and admins see everything. */
export function seesAll(viewer: Viewer): boolean {
  return hasRole(viewer, ["auditor", "admin"]);
}

/**
 * Own requests, those that the viewer's groups decide, and for auditors and admins all. Who decides is the
 * rule's word: its groups count whether or not the config gives them the approver's role.
 */
export function seesRequest(viewer: Viewer, request: Pick<ApprovalRequest, "person" | "approvers">): boolean {
  if (seesAll(viewer) || request.person === viewer.identity.name) return true;
  return intersects(request.approvers, viewer.identity.groups);
}

export function intersects(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.includes(one));
}
