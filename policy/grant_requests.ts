/** The small parts of asking for access: what a request must be, and what comes of it. Pure but for ids. */
import { statementKinds } from "./audit/access_events.ts";
import { PosternError } from "./errors.ts";
import { splitName } from "./glob.ts";
import { type AccessRuling, type Grant, moved, timesOf, type Wanted } from "./grant.ts";
import type { AccessPlace, AskedFrom } from "./grant_ports.ts";
import { randomId } from "./random_id.ts";
import type { AccessEventType, Identity, Target } from "./types.ts";

const reasonLengthMax = 2000;
const namesMax = 100;
const durationMaxMs = 30 * 86_400_000;
/** How far the clock of whoever asks may be behind. */
const lateMs = 10 * 60_000;

/** Throws PolicyDenied for what no form of ours sends. */
export function checkWanted(
  { reason, durationMs, startsAt, kinds, tables, unmask }: Wanted,
  now: number,
): void {
  requireReason(reason, "Access needs a reason: whoever decides, and the record, keep it");
  if (!(Number.isFinite(durationMs) && durationMs >= 1000 && durationMs <= durationMaxMs)) {
    throw malformed("A duration is from one second to 30 days");
  }
  if (startsAt !== undefined && !(startsAt >= now - lateMs && startsAt <= now + durationMaxMs)) {
    throw malformed("Access starts now or within 30 days, not in the past");
  }
  if (kinds?.some((kind) => !statementKinds.safeParse(kind).success) || kinds?.length === 0) {
    throw malformed(`Kinds of statements are ${statementKinds.options.join(", ")}`);
  }
  checkNames(tables, 2, "schema.table");
  checkNames(unmask, 3, "schema.table.column");
}

function checkNames(names: readonly string[] | undefined, count: number, form: string): void {
  if (names === undefined) return;
  const good = names.length <= namesMax && names.every((name) => {
    const parts = splitName(name);
    return name.length <= 300 && parts.length === count && parts.every((part) => part !== "");
  });
  if (!good) throw malformed(`Name at most ${namesMax}, each as ${form}, where * stands for anything`);
}

const malformed = (message: string) => new PosternError("PolicyDenied", message, { rule: "access" });

/** Throws PolicyDenied for words that are missing, or too many. */
export function requireReason(reason: string, message: string): void {
  if (reason.trim() === "") {
    throw new PosternError("PolicyDenied", message, { hint: "Write in a few words why", rule: "access" });
  }
  if (reason.length > reasonLengthMax) {
    throw new PosternError("PolicyDenied", `A reason has at most ${reasonLengthMax} characters`, {
      rule: "access",
    });
  }
}

/** A request, before anything was decided about it. */
export function newGrant(
  identity: Identity,
  target: Target,
  wanted: Wanted,
  { ruling, from, now }: { ruling: AccessRuling; from: AskedFrom; now: number },
): Grant {
  return {
    id: randomId(),
    person: identity.name,
    subject: identity.subject,
    issuer: identity.issuer,
    groups: identity.groups,
    target: target.name,
    environment: target.environment,
    reason: wanted.reason.trim(),
    durationMs: ruling.durationMs,
    scope: ruling.scope,
    rule: ruling.rule,
    breakGlass: false,
    approvers: ruling.approvers,
    quorum: ruling.quorum,
    address: from.address,
    waiting: from.wait !== undefined,
    requestedAt: now,
    deadlineAt: now + ruling.deadlineMs,
    startsAt: wanted.startsAt !== undefined && wanted.startsAt > now ? wanted.startsAt : null,
    endsAt: null,
    state: "requested",
    reviews: [],
    outcome: "",
    examined: null,
  };
}

/** After one more review: one refusal refuses, as many consents as the quorum asks for grant. */
export function reviewed(
  grant: Grant,
  review: Grant["reviews"][number],
  now: number,
): { type: AccessEventType; grant: Grant } {
  const reviews = [...grant.reviews, review];
  if (!review.approve) {
    const outcome = `refused by ${review.by}: ${review.reason}`;
    return { type: "access.refused", grant: moved(grant, "refused", { reviews, outcome }) };
  }
  if (reviews.length < grant.quorum) {
    return { type: "access.reviewed", grant: moved(grant, "requested", { reviews }) };
  }
  return { type: "access.granted", grant: moved(grant, "granted", { reviews, ...timesOf(grant, now) }) };
}

export function placeOf(
  { name, protocol, database, environment, access }: Target,
  member: boolean,
  mayBreak: boolean,
): AccessPlace {
  const rules = access?.rules ?? [];
  return {
    name,
    protocol,
    database,
    environment,
    entry: !member ? "glass" : rules.length === 0 ? "open" : "ask",
    breakGlass: mayBreak && access?.breakGlass ? { durationMaxMs: access.breakGlass.durationMaxMs } : null,
    offers: !member
      ? []
      : rules.flatMap(({ name: rule, then, durationMaxMs, scope }) =>
        then === "deny" ? [] : [{ rule, then, durationMaxMs, kinds: scope.kinds, unmask: scope.unmask }]
      ),
  };
}
