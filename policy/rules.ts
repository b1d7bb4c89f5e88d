/** Rules as config gives them, and ready for use: every pattern, time and condition is compiled once, at load. */
import { BlockList, isIP } from "node:net";
import { compileCondition, type Condition } from "./condition.ts";
import { anyGlob, globMatcher, type Matcher, splitName } from "./glob.ts";
import { type FactsMatcher, factsMatcher } from "./rule_facts.ts";
import type { ApprovalTerms, Identity, StatementKind, Verdict } from "./types.ts";

export type Day = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** Who approves what a rule holds, and how far. */
export type ApproversSetting = Omit<ApprovalTerms, "deadlineMs">;

/** One rule. What is left out does not restrict; every list means any of its entries. */
export interface Rule {
  readonly name: string;
  readonly who?: { readonly groups?: readonly string[]; readonly users?: readonly string[] };
  readonly where?: {
    readonly targets?: readonly string[];
    readonly databases?: readonly string[];
    readonly environments?: readonly string[];
    /** Addresses or CIDR ranges of clients. */
    readonly clients?: readonly string[];
  };
  readonly what?: {
    readonly kinds?: readonly StatementKind[];
    /** `schema.table` */
    readonly tables?: readonly string[];
    /** `schema.table.column` */
    readonly columns?: readonly string[];
    /** `schema.function` */
    readonly functions?: readonly string[];
    /** `TRUNCATE`, `EXPLAIN ANALYZE*` */
    readonly verbs?: readonly string[];
    /** Session settings that are changed. */
    readonly settings?: readonly string[];
    /** `FOR UPDATE`, `LOCK TABLE` */
    readonly locks?: readonly string[];
    readonly volatile?: readonly string[];
    readonly operators?: readonly string[];
    /** Codes of the built-in floor. */
    readonly unsafe?: readonly string[];
    readonly missingWhere?: boolean;
  };
  readonly when?: {
    readonly days?: readonly Day[];
    /** Minutes since midnight; `to` is not included. Over midnight where `to` <= `from`. */
    readonly hours?: { readonly from: number; readonly to: number };
    readonly timezone: string;
  };
  /** CEL, see condition.ts. */
  readonly if?: string;
  readonly then: Verdict;
  readonly approvers?: ApproversSetting;
  readonly deadlineMs?: number;
  readonly message?: string;
}

/** Where a statement is to run. */
export interface Place {
  readonly target: string;
  readonly database: string;
  readonly environment: string;
  readonly clientAddress: string;
}

export interface CompiledRule {
  readonly rule: Rule;
  readonly permissive: boolean;
  readonly who: (identity: Identity) => boolean;
  readonly where: (place: Place) => boolean;
  readonly when: (at: number) => boolean;
  readonly kinds: ReadonlySet<StatementKind> | null;
  readonly table: ((schema: string, name: string) => boolean) | null;
  readonly column: ColumnMatcher | null;
  readonly function: Matcher | null;
  readonly unsafe: Matcher | null;
  /** Of verbs, settings and locks. */
  readonly facts: FactsMatcher | null;
  readonly condition: Condition | null;
}

export interface ColumnMatcher {
  /** Whether some pattern is about this table at all. */
  table(schema: string, name: string): boolean;
  /** `column` as in StatementFacts.columns. */
  column(column: string): boolean;
  named(schema: string, name: string, column: string): boolean;
}

/** Rules ready for decide(). Their order is the config's. */
export interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  /** Those that this person at this place can ever meet; remembered by the identity of both objects. */
  applicable(who: Identity, where: Place): readonly CompiledRule[];
}

/** Throws Error for a condition that does not compile; config reports those with their position before. */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  const compiled = rules.map(compileRule);
  const known = new WeakMap<Identity, WeakMap<Place, readonly CompiledRule[]>>();
  return {
    rules: compiled,
    applicable(who, where) {
      let places = known.get(who);
      if (places === undefined) known.set(who, places = new WeakMap());
      let found = places.get(where);
      if (found === undefined) {
        found = compiled.filter((rule) => rule.who(who) && rule.where(where));
        places.set(where, found);
      }
      return found;
    },
  };
}

/**
 * An allowing rule takes names exactly as the catalog spells them; one that denies or asks for approval takes
 * them in any case, because what it misses by a letter's case would pass.
 */
function compileRule(rule: Rule): CompiledRule {
  const { what = {} } = rule;
  const options = { ignoreCase: rule.then !== "allow" };
  return {
    rule,
    permissive: rule.then !== "deny",
    who: compileWho(rule),
    where: compileWhere(rule),
    when: compileWhen(rule),
    kinds: restricts(what.kinds) ? new Set(what.kinds) : null,
    table: restricts(what.tables) ? tableMatcher(what.tables, options) : null,
    column: restricts(what.columns) ? columnMatcher(what.columns, options) : null,
    function: restricts(what.functions) ? nameMatcher(what.functions, options) : null,
    unsafe: restricts(what.unsafe) ? anyGlob(what.unsafe) : null,
    facts: factsMatcher(rule),
    condition: rule.if === undefined ? null : conditionOf(rule.if),
  };
}

function restricts<T>(list: readonly T[] | undefined): list is readonly T[] {
  return list !== undefined && list.length > 0;
}

function conditionOf(source: string): Condition {
  const condition = compileCondition(source);
  if (typeof condition === "function") return condition;
  throw new Error(`the condition ${JSON.stringify(source)} does not compile: ${condition.message}`);
}

function compileWho({ who }: Rule): CompiledRule["who"] {
  if (who === undefined) return () => true;
  const group = anyGlob(who.groups ?? []);
  const user = anyGlob(who.users ?? [], { ignoreCase: true });
  return (identity) => user(identity.name) || identity.groups.some(group);
}

function compileWhere({ where = {}, then }: Rule): CompiledRule["where"] {
  const ignoreCase = then !== "allow";
  const any = (list: readonly string[] | undefined): Matcher =>
    restricts(list) ? anyGlob(list, { ignoreCase }) : () => true;
  const target = any(where.targets);
  const database = any(where.databases);
  const environment = any(where.environments);
  const client = restricts(where.clients) ? addressMatcher(where.clients, ignoreCase) : () => true;
  return (place) =>
    target(place.target) && database(place.database) && environment(place.environment) &&
    client(place.clientAddress);
}

/** Addresses and CIDR ranges of both families; what is no address fits as `unknown` says. */
export function addressMatcher(ranges: readonly string[], unknown: boolean): Matcher {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
    const version = isIP(plain);
    return version === 0 ? unknown : list.check(plain, version === 6 ? "ipv6" : "ipv4");
  };
}

const weekdays: readonly Day[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * Wall-clock time in the rule's zone. Between midnight and the end of a window that began the day before, the
 * day that counts is the one on which it began.
 */
function compileWhen({ when }: Rule): CompiledRule["when"] {
  if (when === undefined) return () => true;
  const days = restricts(when.days) ? new Set(when.days) : null;
  const { from, to } = when.hours ?? { from: 0, to: 24 * 60 };
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: when.timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const fits = (at: number): boolean => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
    const weekday = weekdays.indexOf(parts.get("weekday")?.toLowerCase() as Day);
    const onDay = (offset: number) => days === null || days.has(weekdays[(weekday + offset) % 7] ?? "sun");
    if (from < to) return minute >= from && minute < to && onDay(0);
    return (minute >= from && onDay(0)) || (minute < to && onDay(6));
  };
  // Zones differ from UTC by whole minutes, so one answer is good for a minute.
  let minute = NaN;
  let answer = false;
  return (at) => {
    const now = Math.floor(at / 60_000);
    if (now !== minute) {
      answer = Number.isSafeInteger(now) && Math.abs(at) <= 8.64e15 && fits(at);
      minute = now;
    }
    return answer;
  };
}

interface Options {
  readonly ignoreCase: boolean;
}

/** `schema.table` by its parts, so that a dot within a name cannot move the border; `*` alone fits all. */
export function tableMatcher(
  patterns: readonly string[],
  options: Options,
): NonNullable<CompiledRule["table"]> {
  const pairs = patterns.map((pattern) => {
    const parts = pattern === "*" ? ["*", "*"] : splitName(pattern);
    return parts.map((part) => globMatcher(part, options));
  });
  return (schema, name) => pairs.some(([first, second]) => first?.(schema) && second?.(name));
}

export function columnMatcher(patterns: readonly string[], options: Options): ColumnMatcher {
  const triples = patterns.map((pattern) => {
    const parts = pattern === "*" ? ["*", "*", "*"] : splitName(pattern);
    return {
      parts: parts.map((part) => globMatcher(part, options)),
      whole: globMatcher(parts.join("."), options),
    };
  });
  const named = (...names: readonly string[]) =>
    triples.some(({ parts }) => parts.every((matches, at) => matches(names[at] ?? "")));
  return {
    named,
    table: (schema, name) => triples.some(({ parts }) => parts[0]?.(schema) && parts[1]?.(name)),
    column(column) {
      const names = column.split(".");
      // With a dot within a name the borders are unknown: what refuses takes any reading, what allows none.
      if (names.length !== 3) return options.ignoreCase && triples.some(({ whole }) => whole(column));
      return named(...names);
    },
  };
}

function nameMatcher(patterns: readonly string[], options: Options): Matcher {
  const table = tableMatcher(patterns, options);
  const whole = anyGlob(patterns, options);
  return (name) => {
    const [schema = "", plain, ...more] = name.split(".");
    if (plain === undefined || more.length > 0) return options.ignoreCase && whole(name);
    return table(schema, plain);
  };
}
