/** What a schema objects to, in sentences for people. Values are never repeated: one may be a secret. */
import type { z } from "zod";
import type { Path, Problem, Source } from "./config_source.ts";
import { list, safeName } from "./reasons.ts";

type Issue = z.core.$ZodIssue;

export function problemsOf(issues: readonly Issue[], schema: z.ZodType, source: Source): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, issue.path, schema, source));
}

function problemsOfIssue(issue: Issue, path: Path, schema: z.ZodType, source: Source): Problem[] {
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(schema, path, source.data);
      return issue.keys.map((key) => source.locateKey(path, key, unknownKey(key, known)));
    }
    case "invalid_key":
      return [source.locateKey(path.slice(0, -1), String(path.at(-1)), keyMessage(issue.issues))];
    case "invalid_union": {
      const [closest] = issue.errors.toSorted((one, other) => one.length - other.length);
      if (issue.message !== "Invalid input" || closest === undefined) {
        return [source.locate(path, sentence(issue))];
      }
      return closest.flatMap((one) => problemsOfIssue(one, [...path, ...one.path], schema, source));
    }
    default:
      return [source.locate(path, sentence(issue))];
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const hint = near !== null
    ? `; did you mean "${near}"?`
    : known.length === 0
    ? ""
    : `; known are ${list(known.toSorted())}`;
  return `unknown key "${safeName(key)}"${hint}`;
}

function keyMessage(issues: readonly Issue[]): string {
  return issues[0] === undefined ? "cannot be a name here" : sentence(issues[0]);
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map of keys and values",
  record: "a map of names and values",
};

function sentence(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) return "is required";
      return issue.message.startsWith("Invalid input")
        ? `must be ${typeNames[issue.expected] ?? issue.expected}`
        : issue.message;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.join(", ")}`;
    case "invalid_union":
      return "options" in issue && Array.isArray(issue.options)
        ? `must be one of ${issue.options.map(String).join(", ")}`
        : issue.message;
    case "too_small":
      if (issue.origin === "array" || issue.origin === "string") {
        return Number(issue.minimum) <= 1
          ? "must not be empty"
          : `must have at least ${issue.minimum} ${issue.origin === "array" ? "entries" : "characters"}`;
      }
      return `must be at least ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "array") return `must have at most ${issue.maximum} entries`;
      if (issue.origin === "string") return `must have at most ${issue.maximum} characters`;
      return `must be at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** The keys that the schema knows at a path; of a union, those of the branch that the data names, else of all. */
function keysAt(schema: z.ZodType, path: Path, data: unknown): string[] {
  const shapes = shapesAt([schema as unknown as Definition], path, data);
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape)))];
}

/** As much of zod's own description of a schema as is walked here. */
interface Definition {
  readonly _zod: {
    readonly def: {
      readonly type: string;
      readonly shape?: Readonly<Record<string, Definition>>;
      readonly innerType?: Definition;
      readonly in?: Definition;
      readonly element?: Definition;
      readonly valueType?: Definition;
      readonly options?: readonly Definition[];
      readonly discriminator?: string;
      readonly values?: readonly unknown[];
    };
  };
}

function shapesAt(
  schemas: readonly Definition[],
  path: Path,
  data: unknown,
): Readonly<Record<string, Definition>>[] {
  const plain = schemas.flatMap((schema) => unwrapped(schema, data));
  const [segment, ...rest] = path;
  if (segment === undefined) {
    return plain.flatMap(({ _zod: { def } }) => def.shape === undefined ? [] : [def.shape]);
  }
  const inside = plain.flatMap(({ _zod: { def } }) => {
    const next = def.shape?.[String(segment)] ?? def.element ?? def.valueType;
    return next === undefined ? [] : [next];
  });
  const value = (data as Record<PropertyKey, unknown> | null | undefined)?.[segment];
  return inside.length === 0 ? [] : shapesAt(inside, rest, value);
}

function unwrapped(schema: Definition, data: unknown): Definition[] {
  const { def } = schema._zod;
  const inner = def.innerType ?? def.in;
  if (inner !== undefined) return unwrapped(inner, data);
  if (def.options === undefined) return [schema];
  const { discriminator } = def;
  const named = discriminator === undefined ? [] : def.options.filter(({ _zod }) => {
    const value = (data as Record<string, unknown> | null | undefined)?.[discriminator];
    return _zod.def.shape?.[discriminator]?._zod.def.values?.includes(value);
  });
  return (named.length > 0 ? named : def.options).flatMap((option) => unwrapped(option, data));
}

/** The known name with the fewest changes, if few enough to be a slip. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name.length > 40) return null;
  let best: string | null = null;
  let least = Math.min(3, Math.ceil(name.length / 3)) + 1;
  for (const candidate of known) {
    const cost = changes(name.toLowerCase(), candidate.toLowerCase());
    if (cost < least) [best, least] = [candidate, cost];
  }
  return best;
}

/** Levenshtein's distance. */
function changes(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const swap = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
