/** The desk where access is asked for, decided, ended and reviewed: who may do which step. */
import { samePerson } from "./approval/people.ts";
import { mayConnect } from "./decide.ts";
import { PosternError } from "./errors.ts";
import { limitReached } from "./limits.ts";
import {
  type BreakGlass,
  type Grant,
  isActive,
  moved,
  rulingOn,
  stillFor,
  timesOf,
  type Wanted,
  within,
} from "./grant.ts";
import type { AccessDesk, AccessPlace, AskedFrom } from "./grant_ports.ts";
import { GrantBook, type GrantBookDeps, type GrantStep } from "./grant_book.ts";
import { checkWanted, newGrant, placeOf, requireReason, reviewed } from "./grant_requests.ts";
import type { PolicyInForce } from "./in_force.ts";
import type { Identity, Target } from "./types.ts";

/** Requests that one person may have pending. */

export interface GrantsDeps extends GrantBookDeps {
  readonly inForce: PolicyInForce;
}

export class Grants implements AccessDesk {
  readonly book: GrantBook;

  constructor(private readonly deps: GrantsDeps) {
    this.book = new GrantBook(deps);
  }

  /** The newest grant that opens this target for this person now; what their groups no longer carry does not count. */
  active(identity: Identity, target: Target): Grant | null {
    const now = this.deps.clock();
    const fits = this.book.all().filter((grant) =>
      grant.target === target.name && samePerson(grant, identity) && isActive(grant, now) &&
      (grant.breakGlass
        ? mayBreak(identity, target)
        : mayConnect(identity, target) && stillFor(target.access?.rules ?? [], grant, identity))
    );
    return fits.reduce<Grant | null>(
      (newest, one) => (newest?.startsAt ?? 0) > (one.startsAt ?? 0) ? newest : one,
      null,
    );
  }

  places(identity: Identity): readonly AccessPlace[] {
    return [...this.deps.inForce.current.targets.values()].filter((target) =>
      mayConnect(identity, target) || mayBreak(identity, target)
    )
      .map((target) => placeOf(target, mayConnect(identity, target), mayBreak(identity, target)));
  }

  open(): readonly Grant[] {
    return this.book.all().toSorted((a, b) => a.requestedAt - b.requestedAt);
  }

  async find(id: string): Promise<Grant | null> {
    return await this.book.find(id);
  }

  async ask(identity: Identity, wanted: Wanted, from: AskedFrom): Promise<Grant> {
    const { clock } = this.deps;
    const target = this.#target(identity, wanted);
    const rules = target.access?.rules ?? [];
    if (rules.length === 0) {
      throw new PosternError("PolicyDenied", `${target.name} needs no grant: you may connect as it is`, {
        rule: `targets.${target.name}.groups`,
      });
    }
    this.#checkPending(identity, target);
    const now = clock();
    const ruling = rulingOn(rules, wanted, identity, from.address, now);
    const grant = newGrant(identity, target, wanted, { ruling, from, now });
    if (ruling.then === "grant") {
      const granted = moved(grant, "granted", timesOf(grant, now));
      return await this.book.begin("access.granted", granted, from.wait ?? null);
    }
    return await this.book.begin("access.requested", grant, from.wait ?? null);
  }

  async breakGlass(identity: Identity, wanted: Wanted, from: AskedFrom): Promise<Grant> {
    const target = this.#target(identity, wanted);
    const glass = glassOf(identity, target);
    if (glass === null) {
      throw new PosternError("PolicyDenied", `You may not break the glass of ${target.name}`, {
        rule: `targets.${target.name}.breakGlass`,
        hint: "Ask for access, or call somebody who may",
      });
    }
    const scope = within(wanted, glass.scope);
    if (scope === null) {
      throw new PosternError("PolicyDenied", `Break-glass of ${target.name} is not good for all of that`, {
        rule: `targets.${target.name}.breakGlass`,
        hint: "Ask for less; what it is good for is in the config",
      });
    }
    const now = this.deps.clock();
    const durationMs = Math.min(wanted.durationMs, glass.durationMaxMs);
    const ruling = {
      then: "grant" as const,
      rule: "break-glass",
      durationMs,
      scope,
      approvers: [],
      quorum: 0,
      deadlineMs: 0,
    };
    const asked = newGrant(identity, target, wanted, { ruling, from, now });
    // An emergency is now.
    const grant = moved({ ...asked, breakGlass: true }, "granted", {
      startsAt: now,
      endsAt: now + durationMs,
    });
    const kept = await this.book.begin("access.glass", grant, from.wait ?? null);
    this.deps.log("warn", "somebody broke the glass", {
      person: kept.person,
      target: kept.target,
      reason: kept.reason,
      grant: kept.id,
      until: new Date(now + durationMs).toISOString(),
    });
    return kept;
  }

  mayDecide(grant: Grant, identity: Identity): string | null {
    if (isOwn(grant, identity)) return "Nobody decides about their own access";
    if (identity.expiresAt <= this.deps.clock()) return "Your sign-in has expired; sign in again";
    if (!grant.approvers.some((group) => identity.groups.includes(group))) {
      return `Only members of ${grant.approvers.join(", ")} may decide this request`;
    }
    if (grant.reviews.some(({ by }) => by === identity.name)) return "You have reviewed this request already";
    return null;
  }

  async decide(
    id: string,
    by: Identity,
    decision: { approve: boolean; reason: string },
  ): Promise<Grant> {
    const reason = decision.reason.trim();
    if (!decision.approve) requireReason(reason, "Refusing needs a reason: whoever asked sees it");
    return await this.book.step(id, (grant) => {
      const objection = grant.state === "requested" ? this.mayDecide(grant, by) : null;
      if (objection !== null) throw new PosternError("PolicyDenied", objection, { rule: grant.rule });
      const now = this.deps.clock();
      const target = this.deps.inForce.current.targets.get(grant.target);
      const who = { ...by, groups: grant.groups, name: grant.person };
      const stands = target !== undefined && mayConnect(who, target) &&
        stillFor(target.access?.rules ?? [], grant, who);
      if (decision.approve && !stands) {
        throw new PosternError(
          "PolicyDenied",
          `${grant.person} may not have this access by the rules of now`,
          {
            rule: grant.rule,
            hint: "Refuse it; they can ask again under the new rules",
          },
        );
      }
      return reviewed(grant, { by: by.name, approve: decision.approve, reason, at: now }, now);
    });
  }

  async withdraw(id: string, by: Identity): Promise<Grant> {
    return await this.book.step(id, (grant) => {
      if (!isOwn(grant, by)) throw new PosternError("PolicyDenied", "Only who asked for it may withdraw it");
      return withdrawn(grant, `withdrawn by ${by.name}`);
    });
  }

  /** The client that it was asked for at the door has gone. */
  abandon(id: string): void {
    this.book.step(id, (grant) => withdrawn(grant, "the client that waited for it went away")).catch(
      (error) => {
        if (error instanceof PosternError && error.code === "PolicyDenied") return;
        this.deps.log("error", "a withdrawn request for access could not be recorded", {
          error: String(error),
        });
      },
    );
  }

  mayRevoke(grant: Grant, identity: Identity): string | null {
    if (isOwn(grant, identity)) return null;
    const { approver, admin } = this.deps.inForce.current.roles;
    const groups = [...grant.approvers, ...(grant.approvers.length === 0 ? approver : []), ...admin];
    if (groups.some((group) => identity.groups.includes(group))) return null;
    return "Only its approvers, admins and whoever has it may end a grant";
  }

  async revoke(id: string, by: Identity, reason: string): Promise<Grant> {
    requireReason(reason, "Ending somebody's access needs a reason: they see it");
    return await this.book.step(id, (grant) => {
      const objection = this.mayRevoke(grant, by);
      if (objection !== null) throw new PosternError("PolicyDenied", objection, { rule: grant.rule });
      const outcome = `ended by ${by.name}: ${reason.trim()}`;
      return {
        type: "access.revoked",
        grant: moved(grant, "revoked", { outcome, endsAt: this.deps.clock() }),
      };
    });
  }

  mayExamine(grant: Grant, identity: Identity): string | null {
    if (!grant.breakGlass) return "Only break-glass is reviewed afterwards";
    if (isOwn(grant, identity)) return "Nobody reviews their own break-glass";
    const { approver, admin } = this.deps.inForce.current.roles;
    if ([...approver, ...admin].some((group) => identity.groups.includes(group))) return null;
    return "Only approvers and admins review break-glass";
  }

  async examine(id: string, by: Identity, words: string): Promise<Grant> {
    requireReason(words, "A review needs words: what was done, and whether it was right");
    return await this.book.step(id, (grant) => {
      const objection = grant.examined === null ? this.mayExamine(grant, by) : "It is reviewed already";
      if (objection !== null) throw new PosternError("PolicyDenied", objection);
      const examined = { by: by.name, words: words.trim(), at: this.deps.clock() };
      return { type: "access.examined", grant: { ...grant, examined } };
    });
  }

  #target(identity: Identity, wanted: Wanted): Target {
    const target = this.deps.inForce.current.targets.get(wanted.target);
    if (target === undefined || !(mayConnect(identity, target) || mayBreak(identity, target))) {
      throw new PosternError("PolicyDenied", `There is no target "${wanted.target}" that you may ask for`, {
        rule: "targets",
        hint: "Ask for membership of one of the target's groups",
      });
    }
    if (identity.expiresAt <= this.deps.clock()) {
      throw new PosternError("AuthFailed", "Your sign-in has expired", { hint: "Sign in again" });
    }
    checkWanted(wanted, this.deps.clock());
    return target;
  }

  #checkPending(identity: Identity, target: Target): void {
    const { pendingApprovalsMax, accessRequestsPerPersonMax } = this.deps.inForce.current.limits;
    if (!mayConnect(identity, target)) {
      throw new PosternError("PolicyDenied", `${target.name} opens for you by break-glass only`, {
        rule: `targets.${target.name}.groups`,
      });
    }
    const pending = this.book.all().filter(({ state }) => state === "requested");
    const mine = pending.filter((grant) => samePerson(grant, identity));
    if (mine.some((grant) => grant.target === target.name)) {
      throw new PosternError("PolicyDenied", `You have asked for ${target.name} already`, {
        rule: "access",
        hint: "Wait for its decision, or withdraw it first",
      });
    }
    const hint = "Try again when some of them are decided";
    if (mine.length >= accessRequestsPerPersonMax) {
      const said = `${mine.length} requests of yours for access wait (limits.accessRequestsPerPerson)`;
      throw limitReached("limits.accessRequestsPerPerson", said, hint);
    }
    if (pending.length >= pendingApprovalsMax) {
      const said = `${pending.length} requests for access wait already (limits.pendingApprovals)`;
      throw limitReached("limits.pendingApprovals", said, hint);
    }
  }
}

function withdrawn(grant: Grant, outcome: string): GrantStep {
  return { type: "access.withdrawn", grant: moved(grant, "withdrawn", { outcome }) };
}

function isOwn(grant: Grant, identity: Identity): boolean {
  return samePerson(grant, identity) || grant.person === identity.name;
}

function glassOf(identity: Identity, target: Target): BreakGlass | null {
  const glass = target.access?.breakGlass ?? null;
  return glass?.groups.some((group) => identity.groups.includes(group)) ? glass : null;
}

const mayBreak = (identity: Identity, target: Target): boolean => glassOf(identity, target) !== null;
