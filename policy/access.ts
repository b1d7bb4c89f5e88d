/** What somebody may reach, and passwords for clients that cannot show a sign-in link. */
import { dashboardAction } from "./audit/events.ts";
import { mayConnect } from "./decide.ts";
import { PosternError } from "./errors.ts";
import type { Grants } from "./grants.ts";
import type { OneTimePasswords } from "./identity/mod.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Access, Journal } from "./ports.ts";
import type { Identity, Target } from "./types.ts";

export interface AccessDeps {
  readonly inForce: Pick<PolicyInForce, "current">;
  readonly passwords: OneTimePasswords;
  readonly journal: Pick<Journal, "append">;
  readonly grants: Pick<Grants, "active">;
}

export function createAccess({ inForce, passwords, journal, grants }: AccessDeps): Access {
  /** By membership, or by a grant that needs none. */
  const mayReach = (identity: Identity, target: Target) =>
    mayConnect(identity, target) || grants.active(identity, target) !== null;
  return {
    targets(identity) {
      return [...inForce.current.targets.values()].filter((target) => mayReach(identity, target))
        .map(({ name, protocol, database, environment, console = false }) => ({
          name,
          protocol,
          database,
          environment,
          console,
        }));
    },

    async issuePassword(identity, name, address) {
      const target = inForce.current.targets.get(name);
      if (target === undefined || !mayReach(identity, target)) {
        throw new PosternError("PolicyDenied", `There is no target "${name}" that you may reach`, {
          rule: "targets",
          hint: "Ask for membership of one of the target's groups",
        });
      }
      const issued = passwords.issue(identity, name);
      const { user, password, expiresAt } = issued;
      const action = { action: "password.issued", subject: user, detail: "", address };
      await journal.append(dashboardAction(identity.name, action, { target: name })).catch((error) => {
        passwords.withdraw(issued);
        throw error;
      });
      return { user, password, expiresAt };
    },
  };
}
