/** The sentences of a verdict: what was seen, which rule, what to do next. Names in them are made safe to print. */
import type { CompiledRule } from "./rules.ts";
import type { Part } from "./situation.ts";
import type { ApprovalTerms, JudgedStatement, StatementFacts, StatementKind } from "./types.ts";

const namesMax = 3;
const nameLengthMax = 64;

/** A refusal, without the facts. */
export function denied(
  rule: string,
  reason: string,
  hint: string,
): Pick<JudgedStatement, "rule" | "reason" | "hint"> & { verdict: "deny"; terms: null } {
  return { verdict: "deny", rule, reason, hint, terms: null };
}

/** `UPDATE on public.orders and public.fx` */
export function seen(facts: StatementFacts): string {
  const verb = safeName(facts.verb === "" ? facts.kind : facts.verb);
  if (facts.tables.length === 0) return verb;
  const names = new Set<string>();
  for (const table of facts.tables) {
    if (names.size > namesMax) break;
    names.add(tableName(table));
  }
  const shown = [...names].slice(0, namesMax);
  return `${verb} on ${names.size > namesMax ? `${shown.join(", ")} and more` : list(shown)}`;
}

export function touched({ table }: Part): string {
  return table === null ? "it" : tableName(table);
}

function tableName({ schema, name }: { schema: string; name: string }): string {
  return schema === "" ? safeName(name) : `${safeName(schema)}.${safeName(name)}`;
}

/** A name as it is safe to print, cut where it is long. */
export function safeName(name: string): string {
  return safeText(name, nameLengthMax);
}

/** Without what could forge a line of a log or steer a terminal: controls, direction marks, zero-width marks. */
export function safeText(text: string, lengthMax = 1000): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}

/** `a, b and c` */
export function list(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

export function askFirst({ groups, owners, quorum, distinctGroups, deadlineMs }: ApprovalTerms): string {
  const named = [...groups, ...(owners ? ["the target's owners"] : [])].join(" or ");
  const distinct = distinctGroups && quorum > 1 ? ", each for another group" : "";
  const who = `${quorum > 1 ? `${quorum} members` : "a member"} of ${named}${distinct}`;
  return `It waits for ${who}, for ${duration(deadlineMs)} at most; cancel to withdraw it`;
}

function duration(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${Math.ceil(ms / 1000)} s`;
}

const kindNames: Readonly<Record<StatementKind, string>> = {
  read: "reads",
  write: "writes",
  ddl: "schema changes",
  session: "session settings",
  transaction: "transactions",
  admin: "administration",
  copy: "COPY",
  call: "CALL",
  unknown: "other statements",
};

export function kindName(kind: StatementKind): string {
  return kindNames[kind];
}

/** What this person may do here instead, as far as kinds tell. */
export function offer(candidates: readonly CompiledRule[]): string {
  const free = new Set<StatementKind>();
  const asked = new Set<StatementKind>();
  const closed = new Set<StatementKind>();
  const all = Object.keys(kindNames) as StatementKind[];
  for (
    const { rule, kinds, permissive, table, column, function: named, unsafe, facts, condition } of candidates
  ) {
    const whole = table === null && column === null && named === null && unsafe === null &&
      facts === null &&
      condition === null;
    for (const kind of kinds ?? all) {
      if (closed.has(kind) || unsafe !== null) continue;
      if (permissive) (rule.then === "allow" ? free : asked).add(kind);
      else if (whole && rule.what?.missingWhere === undefined) closed.add(kind);
    }
  }
  const names = (kinds: Set<StatementKind>) => list([...kinds].map((kind) => kindNames[kind]));
  for (const kind of free) asked.delete(kind);
  const parts = [
    ...(free.size > 0 ? [`allowed: ${names(free)}`] : []),
    ...(asked.size > 0 ? [`with approval: ${names(asked)}`] : []),
  ];
  if (parts.length === 0) return "Nothing is allowed here; ask whoever keeps the policy for a rule";
  return `Here you may run, within the rules, ${parts.join("; ")}. For more, ask whoever keeps the policy`;
}
