/** A rule, a mask and a target of the policy in words, for people who read it rather than write it. Pure. */
import type { MaskSetting } from "./masking.ts";
import { kindName } from "./reasons.ts";
import type { Rule } from "./rules.ts";
import type { MaskKind } from "./types.ts";

/** One part of a rule each; what does not restrict says so. */
export interface RuleWords {
  readonly who: string;
  readonly where: string;
  readonly what: string;
  /** null where it holds at any time. */
  readonly when: string | null;
  /** The condition as it is written; null where there is none. */
  readonly condition: string | null;
  readonly then: string;
}

export function ruleWords(rule: Rule): RuleWords {
  return {
    who: whoWords(rule),
    where: whereWords(rule),
    what: whatWords(rule),
    when: whenWords(rule),
    condition: rule.if ?? null,
    then: thenWords(rule),
  };
}

/** `a, b or c` */
const either = (items: readonly string[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;

const given = (items: readonly string[] | undefined): items is readonly string[] =>
  items !== undefined && items.length > 0;

export function whoWords({ who }: Rule): string {
  if (who === undefined) return "Everybody";
  const groups = given(who.groups) ? `members of ${either(who.groups)}` : "";
  const people = [groups, ...(who.users ?? [])].filter(Boolean);
  const words = either(people);
  return words === "" ? "Nobody" : words[0]!.toUpperCase() + words.slice(1);
}

export function whereWords({ where = {} }: Rule): string {
  const parts = [
    given(where.targets) ? `on ${either(where.targets)}` : "",
    given(where.environments) ? `in ${either(where.environments)}` : "",
    given(where.databases) ? `in the database ${either(where.databases)}` : "",
    given(where.clients) ? `from ${either(where.clients)}` : "",
  ].filter(Boolean);
  return parts.length === 0 ? "everywhere" : parts.join(", ");
}

export function whatWords({ what = {}, then }: Rule): string {
  const kinds = given(what.kinds) ? either(what.kinds.map(kindName)) : "all statements";
  const parts = [
    given(what.tables) ? `on ${either(what.tables)}` : "",
    given(what.columns) ? `${then === "allow" ? "of only" : "of"} the columns ${either(what.columns)}` : "",
    given(what.functions) ? `that call ${then === "allow" ? "only " : ""}${either(what.functions)}` : "",
    what.missingWhere === true
      ? "without a WHERE that restricts rows"
      : what.missingWhere === false
      ? "with a WHERE that restricts rows"
      : "",
    given(what.unsafe) ? `with what the floor refuses as ${either(what.unsafe)}` : "",
  ].filter(Boolean);
  return [kinds, ...parts].join(" ");
}

const dayNames = {
  mon: "Mon",
  tue: "Tue",
  wed: "Wed",
  thu: "Thu",
  fri: "Fri",
  sat: "Sat",
  sun: "Sun",
} as const;

export function whenWords({ when }: Rule): string | null {
  if (when === undefined) return null;
  const days = given(when.days) ? when.days.map((day) => dayNames[day]).join(", ") : "every day";
  const hours = when.hours === undefined ? "" : ` ${clockTime(when.hours.from)}–${clockTime(when.hours.to)}`;
  return `${days}${hours} (${when.timezone})`;
}

const clockTime = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

const deadlineMsDefault = 15 * 60_000;

function thenWords({ then, message, approvers, deadlineMs = deadlineMsDefault }: Rule): string {
  if (then === "allow") return "pass";
  if (then === "deny") return message === undefined ? "are refused" : `are refused: ${message}`;
  const { groups = [], quorum = 1 } = approvers ?? {};
  const whose = quorum > 1 ? `${quorum} members of ${either(groups)}` : `a member of ${either(groups)}`;
  const minutes = Math.round(deadlineMs / 60_000);
  return `wait for ${whose}, for ${
    minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
  } at most`;
}

/** What becomes of a masked value. */
export function maskWords(mask: MaskKind): string {
  switch (mask.kind) {
    case "null":
      return "NULL";
    case "fixed":
      return `the text “${mask.text}”`;
    case "partial":
      return [
        mask.keepFirst > 0 ? `its first ${mask.keepFirst}` : "",
        mask.keepLast > 0 ? `its last ${mask.keepLast}` : "",
      ].filter(Boolean).join(" and ") + " characters, the rest as asterisks";
    case "hash":
      return "a hash, the same for the same value";
    case "bucket":
      return `rounded to ${mask.size}${mask.unit === undefined ? "" : ` ${mask.unit}`}`;
    case "fake":
      return "other letters and digits of the same shape";
  }
}

export interface MaskWords {
  readonly columns: readonly string[];
  readonly shownAs: string;
  /** Globs; null for all targets. */
  readonly targets: readonly string[] | null;
  /** Who sees the values as they are. */
  readonly except: readonly string[];
}

export function maskSettingWords({ columns = [], tags = [], mask, targets, except }: MaskSetting): MaskWords {
  return {
    columns: [...columns, ...tags.map((tag) => `what is tagged ${tag}`)],
    shownAs: maskWords(mask),
    targets: targets ?? null,
    except: except?.groups ?? [],
  };
}
