/**
 * Access for a time: what a grant is, its life as a transition table, and what a target's rules make of a
 * request. Pure: no clock, no store; grants.ts keeps them.
 */
import { PosternError } from "./errors.ts";
import { globMatcher, splitName } from "./glob.ts";
import { compileRules, type Rule } from "./rules.ts";
import type { Identity, StatementKind } from "./types.ts";

export type GrantState = "requested" | "granted" | "refused" | "expired" | "withdrawn" | "ended" | "revoked";

/** What a grant is good for, within what the rules for statements let pass anyway. */
export interface GrantScope {
  /** Kinds of statements; null for every kind. `session` and `transaction` always belong to it. */
  readonly kinds: readonly StatementKind[] | null;
  /** Globs `schema.table`; null for every table. */
  readonly tables: readonly string[] | null;
  /** Globs `schema.table.column` of masked columns that are shown as they are. */
  readonly unmask: readonly string[];
}

export const wholeScope: GrantScope = { kinds: null, tables: null, unmask: [] };

/** Times are epoch milliseconds. Also what `access.*` events carry in `data`. */
export interface Grant {
  readonly id: string;
  readonly person: string;
  /** Who it is for, whatever they are called: the issuer's `sub` and the issuer. */
  readonly subject: string;
  readonly issuer: string;
  readonly groups: readonly string[];
  readonly target: string;
  readonly environment: string;
  readonly reason: string;
  /** How long it lasts from the moment it is granted, as capped by the rule. */
  readonly durationMs: number;
  readonly scope: GrantScope;
  /** Of the target's access rules, the one that decided; `break-glass` for those. */
  readonly rule: string;
  readonly breakGlass: boolean;
  /** Groups whose members decide; empty where the rule itself did. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  /** Where it was asked from: the browser's or the CLI's address. */
  readonly address: string;
  /** Asked for by a client that waits for it at the target's door, and withdrawn when that goes. */
  readonly waiting: boolean;
  readonly requestedAt: number;
  readonly deadlineAt: number;
  /** While it is requested: from when it is wanted, null for at once. Then from when it counts. */
  readonly startsAt: number | null;
  /** null until it is granted. */
  readonly endsAt: number | null;
  readonly state: GrantState;
  readonly reviews: readonly {
    readonly by: string;
    readonly approve: boolean;
    readonly reason: string;
    readonly at: number;
  }[];
  /** Why it ended, for people; empty while it is open. */
  readonly outcome: string;
  /** Of a break-glass grant, who looked at it afterwards and what they found. */
  readonly examined: { readonly by: string; readonly words: string; readonly at: number } | null;
}

/** One rule about access to a target. What is left out does not restrict; the first that fits decides. */
export interface AccessRule {
  readonly name: string;
  readonly who?: Rule["who"];
  /** Addresses or ranges that the request comes from. */
  readonly where?: { readonly clients?: readonly string[] };
  readonly when?: Rule["when"];
  /** Fits requests for at most this long. */
  readonly upToMs?: number;
  readonly then: "grant" | "approve" | "deny";
  readonly durationMaxMs: number;
  /** What may be asked for: a request for more does not fit. One that names no kinds or tables gets all of them. */
  readonly scope: GrantScope;
  readonly approvers: { readonly groups: readonly string[]; readonly quorum: number };
  readonly deadlineMs: number;
  readonly message?: string;
}

/** Who may open access at once, for how long at most, and to what. */
export interface BreakGlass {
  readonly groups: readonly string[];
  readonly durationMaxMs: number;
  readonly scope: GrantScope;
}

/** How a target is opened for a time. Without rules, membership of its groups is enough. */
export interface TargetAccess {
  readonly rules: readonly AccessRule[];
  readonly breakGlass: BreakGlass | null;
}

/** What somebody asks for. Kinds and tables that are left out are whatever the rule has; `unmask` is nothing. */
export interface Wanted {
  readonly target: string;
  readonly reason: string;
  readonly durationMs: number;
  /** Epoch milliseconds; at once where left out or past. */
  readonly startsAt?: number | undefined;
  readonly kinds?: readonly StatementKind[] | undefined;
  readonly tables?: readonly string[] | undefined;
  readonly unmask?: readonly string[] | undefined;
}

/** Which state may follow which; what is not here cannot happen. `requested` to itself is a review of several. */
const transitions: Readonly<Record<GrantState, readonly GrantState[]>> = {
  requested: ["requested", "granted", "refused", "expired", "withdrawn"],
  granted: ["ended", "revoked"],
  refused: [],
  expired: [],
  withdrawn: [],
  ended: [],
  revoked: [],
};

/** The grant in its next state; a step that the table lacks throws PolicyDenied, which says how it stands. */
export function moved(grant: Grant, state: GrantState, change: Partial<Grant>): Grant {
  if (!transitions[grant.state].includes(state)) {
    const so = grant.outcome === "" ? "" : `: ${grant.outcome}`;
    throw new PosternError("PolicyDenied", `This access is ${grant.state} already${so}`, {
      hint: "Nothing more is to be done here; ask again where it is still needed",
    });
  }
  return { ...grant, ...change, state };
}

/** It opens the door at this moment. */
export function isActive({ state, startsAt, endsAt }: Grant, at: number): boolean {
  return state === "granted" && startsAt !== null && endsAt !== null && startsAt <= at && at < endsAt;
}

/** From when to when it counts, granted at `now`. */
export function timesOf({ startsAt, durationMs }: Grant, now: number): { startsAt: number; endsAt: number } {
  const from = Math.max(now, startsAt ?? now);
  return { startsAt: from, endsAt: from + durationMs };
}

/** What the target's rules make of a request: the rule's terms, cut to what was asked. */
export type AccessRuling = Pick<Grant, "rule" | "durationMs" | "scope" | "approvers" | "quorum"> & {
  readonly then: "grant" | "approve";
  readonly deadlineMs: number;
};

/** Throws PolicyDenied where a rule refuses, or none fits. `at` in epoch milliseconds. */
export function rulingOn(
  rules: readonly AccessRule[],
  wanted: Wanted,
  who: Identity,
  clientAddress: string,
  at: number,
): AccessRuling {
  const place = { target: wanted.target, database: "", environment: "", clientAddress };
  for (const rule of rules) {
    const scope = within(wanted, rule.scope);
    if (!speaksTo(rule, who, place, at)) continue;
    if (rule.then === "deny") {
      const because = rule.message === undefined ? "" : `: ${rule.message}`;
      throw refused(`The rule "${rule.name}" refuses access to ${wanted.target}${because}`, rule.name);
    }
    if (scope === null || (rule.upToMs !== undefined && wanted.durationMs > rule.upToMs)) continue;
    return {
      then: rule.then,
      rule: rule.name,
      durationMs: Math.min(wanted.durationMs, rule.durationMaxMs),
      scope,
      approvers: rule.then === "approve" ? rule.approvers.groups : [],
      quorum: rule.then === "approve" ? rule.approvers.quorum : 0,
      deadlineMs: rule.deadlineMs,
    };
  }
  throw refused(
    `No access rule of ${wanted.target} covers what ${who.name} asks for`,
    `targets.${wanted.target}.access`,
  );
}

/** Whether that rule still speaks for this person: what it granted does not outlive their membership. */
export function stillFor(rules: readonly AccessRule[], grant: Grant, who: Identity): boolean {
  const rule = rules.find(({ name }) => name === grant.rule);
  return rule !== undefined && rule.then !== "deny" && compiled(rule).who(who);
}

const known = new WeakMap<AccessRule, ReturnType<typeof compile>>();

function compile({ name, who, where, when }: AccessRule) {
  const rule: Rule = {
    name,
    then: "allow",
    ...(who === undefined ? {} : { who }),
    ...(where === undefined ? {} : { where }),
    ...(when === undefined ? {} : { when }),
  };
  return compileRules([rule]).rules[0]!;
}

function compiled(rule: AccessRule): ReturnType<typeof compile> {
  let found = known.get(rule);
  if (found === undefined) known.set(rule, found = compile(rule));
  return found;
}

function speaksTo(
  rule: AccessRule,
  who: Identity,
  place: Parameters<ReturnType<typeof compile>["where"]>[0],
  at: number,
): boolean {
  const one = compiled(rule);
  return one.who(who) && one.where(place) && one.when(at);
}

/** What is asked for, where all of it lies within the scope; null otherwise. */
export function within(
  wanted: Pick<Wanted, "kinds" | "tables" | "unmask">,
  scope: GrantScope,
): GrantScope | null {
  const { kinds, tables, unmask } = wanted;
  if (kinds !== undefined && scope.kinds !== null && !kinds.every((kind) => scope.kinds!.includes(kind))) {
    return null;
  }
  if (tables !== undefined && scope.tables !== null && !tables.every(covers(scope.tables))) return null;
  if (unmask !== undefined && !unmask.every(covers(scope.unmask))) return null;
  return {
    kinds: kinds ?? scope.kinds,
    tables: tables ?? scope.tables,
    // Nobody sees more than they asked to see.
    unmask: unmask ?? [],
  };
}

/**
 * Whether one of the patterns fits all that a wanted pattern fits. A `*` takes a `*` of the other with whatever
 * that stands for; with escapes that is not certain, so that those must be the same.
 */
function covers(patterns: readonly string[]): (wanted: string) => boolean {
  return (wanted) => {
    const parts = splitName(wanted);
    return patterns.some((pattern) => {
      if (pattern === "*") return true;
      const own = splitName(pattern);
      return own.length === parts.length &&
        own.every((part, at) =>
          part === parts[at] || (!part.includes("\\") && globMatcher(part)(parts[at] ?? ""))
        );
    });
  };
}

function refused(message: string, rule: string): PosternError {
  return new PosternError("PolicyDenied", message, {
    rule,
    hint:
      "Ask for less (shorter, fewer kinds or tables, no unmasked columns), or talk to whoever keeps the policy",
  });
}
