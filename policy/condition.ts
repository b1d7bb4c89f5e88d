/** Conditions in CEL (`if:` of a rule): compiled and type-checked at load, evaluated on what a statement is. */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { globMatcher } from "./glob.ts";
import type { Estimate } from "./sql/dialect.ts";
import type { Identity, StatementFacts } from "./types.ts";

/** What a condition sees. `time` is a timestamp: `time.getHours("Europe/Berlin") < 18`. */
export interface ConditionInput {
  readonly facts: StatementFacts;
  /** Of the message that the statement came in. */
  readonly statements: number;
  /** Of the target's planner; null where it is not known. */
  readonly estimate: Estimate | null;
  readonly identity: Identity;
  readonly target: { readonly name: string; readonly database: string; readonly environment: string };
  readonly client: { readonly address: string };
  /** Epoch milliseconds. */
  readonly at: number;
}

/** `error` where it could not be evaluated: the rule then counts to the strict side. */
export interface Condition {
  (input: ConditionInput): boolean | "error";
  /** It mentions the target's estimate, which somebody must ask for before. */
  readonly asksEstimate: boolean;
}

export interface ConditionProblem {
  readonly message: string;
  /** Zero-based offset into the expression, where the parser gives one. */
  readonly at: number;
}

const glossary = "the variables are facts, estimate, identity, target, client and time";

// Every loop over a statement's lists multiplies, so that the size of an expression bounds its time.
const limits = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50 };

/** Expressions may loop over lists this long; a statement that names more has a condition that fails. */
const listLengthMax = 1000;

const environment = new Environment({ limits })
  .registerVariable({
    name: "facts",
    schema: {
      dialect: "string",
      kind: "string",
      verb: "string",
      tables: "list<string>",
      reads: "list<string>",
      writes: "list<string>",
      columns: "list<string>",
      functions: "list<string>",
      volatile: "list<string>",
      operators: "list<string>",
      settings: "list<string>",
      locks: "list<string>",
      masked: "list<string>",
      unsafe: "list<string>",
      statements: "int",
      missingWhere: "bool",
      catalogOnly: "bool",
    },
  })
  .registerVariable({ name: "estimate", schema: { rows: "int", cost: "double" } })
  .registerVariable({
    name: "identity",
    schema: {
      name: "string",
      subject: "string",
      issuer: "string",
      method: "string",
      groups: "list<string>",
    },
  })
  .registerVariable({
    name: "target",
    schema: { name: "string", database: "string", environment: "string" },
  })
  .registerVariable({ name: "client", schema: { address: "string" } })
  .registerVariable("time", "google.protobuf.Timestamp")
  .registerFunction(
    "string.glob(string): bool",
    (text: string, pattern: string) => globMatcher(pattern)(text),
  );

/** The condition, or why there is none. Never throws. */
export function compileCondition(source: string): Condition | ConditionProblem {
  try {
    const program = environment.parse(source);
    const { valid, type, error } = program.check();
    if (!valid) return problemOf(error);
    if (type !== "bool") return { message: `must be true or false, but it is of the type ${type}`, at: 0 };
    if (callsRegExp(program.ast)) {
      return {
        message: 'matches() is not available; use glob(), as in identity.name.glob("*@x.org")',
        at: 0,
      };
    }
    const evaluate = (input: ConditionInput): boolean | "error" => {
      try {
        const result: unknown = program(contextOf(input));
        return typeof result === "boolean" ? result : "error";
      } catch {
        return "error";
      }
    };
    return Object.assign(evaluate, { asksEstimate: names(program.ast, "estimate") });
  } catch (error) {
    return problemOf(error);
  }
}

function problemOf(error: unknown): ConditionProblem {
  const { summary, range } = error as { summary?: string; range?: { start: number } };
  const text = summary ?? "cannot be parsed";
  const message = text.startsWith("Unknown variable") ? `${text}; ${glossary}` : text;
  return { message, at: range?.start ?? 0 };
}

function names(node: unknown, variable: string): boolean {
  if (Array.isArray(node)) return node.some((one) => names(one, variable));
  if (typeof node !== "object" || node === null || !("op" in node)) return false;
  const { op, args } = node as ASTNode;
  return (op === "id" && args as unknown === variable) || names(args, variable);
}

/** CEL's matches() is JavaScript's RegExp here, which a chosen text can keep busy for ever. */
function callsRegExp(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(callsRegExp);
  if (typeof node !== "object" || node === null || !("op" in node)) return false;
  const { op, args } = node as ASTNode;
  if ((op === "call" || op === "rcall") && args[0] === "matches") return true;
  return callsRegExp(args);
}

/** What is not known is left out: whatever asks for it fails, and counts to the strict side. */
const known = (estimate: Estimate | null) =>
  estimate === null ? {} : {
    rows: BigInt(Math.round(estimate.rows)),
    ...(estimate.cost === null ? {} : { cost: estimate.cost }),
  };

function contextOf(
  { facts, statements, estimate, identity, target, client, at }: ConditionInput,
): Record<string, unknown> {
  const named = facts.tables.map(({ schema, name, access }) => ({ text: `${schema}.${name}`, access }));
  const lists = [facts.tables, facts.columns, facts.functions, facts.masked, facts.unsafe];
  if (lists.some((list) => list.length > listLengthMax)) throw new RangeError("too long for a condition");
  return {
    facts: {
      dialect: facts.dialect,
      kind: facts.kind,
      verb: facts.verb,
      tables: named.map(({ text }) => text),
      reads: named.filter(({ access }) => access === "read").map(({ text }) => text),
      writes: named.filter(({ access }) => access === "write").map(({ text }) => text),
      columns: facts.columns,
      functions: facts.functions,
      volatile: facts.volatile ?? [],
      operators: facts.operators ?? [],
      settings: facts.settings ?? [],
      locks: facts.locks ?? [],
      masked: facts.masked,
      unsafe: facts.unsafe.map(({ code }) => code),
      statements: BigInt(statements),
      missingWhere: facts.missingWhere,
      catalogOnly: facts.catalogOnly,
    },
    identity: {
      name: identity.name,
      subject: identity.subject,
      issuer: identity.issuer,
      method: identity.method,
      groups: identity.groups,
    },
    estimate: known(estimate),
    target,
    client,
    time: new Date(at),
  };
}
