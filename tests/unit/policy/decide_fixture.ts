/** Statements, people and places for tests of verdicts, and generators of them. */
import fc from "fast-check";
import { defaultRules } from "../../../policy/config.ts";
import { compileRules, decide, type Place, type Rule } from "../../../policy/decide.ts";
import type { Understood } from "../../../policy/sql/dialect.ts";
import type { Identity, RelationUse, StatementFacts, StatementKind, Verdict } from "../../../policy/types.ts";

export const severity: Readonly<Record<Verdict, number>> = { allow: 0, approve: 1, deny: 2 };

export const ann: Identity = {
  subject: "1",
  issuer: "https://login.example.com",
  name: "ann@example.com",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 2 ** 40,
  method: "browser",
};

export const place: Place = {
  target: "orders-prod",
  database: "orders",
  environment: "production",
  clientAddress: "10.1.2.3",
};

/** `r:public.orders` or `w:public.orders` */
export function table(text: string): RelationUse {
  const [access, name = ""] = text.split(":");
  const [schema = "", plain = ""] = name.split(".");
  return { schema, name: plain, access: access === "w" ? "write" : "read" };
}

export type Sketch = Partial<Omit<StatementFacts, "tables" | "unsafe">> & {
  tables?: string[];
  unsafe?: string[];
};

export function statement({ tables = [], unsafe = [], kind = "read", ...rest }: Sketch = {}): Understood {
  return {
    facts: {
      dialect: "postgresql",
      kind,
      verb: kind === "read" ? "SELECT" : kind === "write" ? "UPDATE" : kind.toUpperCase(),
      tables: tables.map(table),
      columns: [],
      functions: [],
      missingWhere: false,
      catalogOnly: false,
      masked: [],
      maskedLiterals: [],
      maskedParameters: [],
      unsafe: unsafe.map((code) => ({ code, what: `it does ${code}`, hint: `do not ${code}` })),
      refers: { statements: [], cursors: [] },
      ...rest,
    },
    result: { kind: "clean" },
    tainted: false,
  };
}

export const noon = Date.parse("2026-03-04T12:00:00Z");
export const defaults = defaultRules(["dbas"]);

export function judge(
  rules: readonly Rule[],
  sketches: readonly Sketch[],
  at = noon,
  who = ann,
  where = place,
) {
  return decide(sketches.map(statement), who, where, at, compileRules(rules));
}

export const reads: Rule = { name: "reads", what: { kinds: ["read"] }, then: "allow" };
export const approvers = { groups: ["dbas"], quorum: 1 };

const kinds: readonly StatementKind[] = [
  "read",
  "write",
  "ddl",
  "session",
  "transaction",
  "admin",
  "copy",
  "call",
  "unknown",
];
const some = <T>(values: readonly T[], maxLength = 3) =>
  fc.uniqueArray(fc.constantFrom(...values), { maxLength });
const tablePatterns = ["*", "a.*", "*.t", "a.t", "A.T", "b.*", "b.u"];
const columnPatterns = ["*", "*.*.c", "a.t.c", "b.*.*"];
const functionPatterns = ["f.*", "f.x", "*"];

export const rules: fc.Arbitrary<Rule> = fc.record({
  name: fc.constantFrom("r1", "r2", "r3"),
  then: fc.constantFrom("allow", "approve", "deny"),
  who: fc.constantFrom({ groups: ["engineers"] }, { users: ["*@example.com"] }, { groups: ["others"] }),
  where: fc.record({ targets: fc.constantFrom(["*"], ["orders-*"], ["x"]) }),
  what: fc.record({
    kinds: fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 1 }),
    tables: some(tablePatterns),
    columns: some(columnPatterns, 2),
    functions: some(functionPatterns, 2),
    unsafe: some(["*", "files"], 1),
    missingWhere: fc.boolean(),
  }, { requiredKeys: [] }),
  if: fc.constantFrom(
    "facts.missingWhere",
    "facts.columns[0] == 'a.t.c'",
    "'engineers' in identity.groups",
    "time.getHours() < 12",
  ),
  approvers: fc.record({
    groups: fc.uniqueArray(fc.constantFrom("dbas", "owners"), { minLength: 1 }),
    quorum: fc.integer({ min: 1, max: 3 }),
  }),
}, { requiredKeys: ["name", "then", "approvers"] });

export const statements: fc.Arbitrary<Understood> = fc.record({
  kind: fc.constantFrom(...kinds),
  tables: some(["r:a.t", "w:a.t", "r:b.u", "w:b.u", "r:c.v"]),
  columns: some(["a.t.c", "a.t.d", "b.u.c", "x.y.z", "odd"]),
  functions: some(["f.x", "g.y", "odd"]),
  unsafe: some(["files", "programs"], 2),
  missingWhere: fc.boolean(),
  catalogOnly: fc.boolean(),
}, { requiredKeys: ["kind"] }).map(statement);
