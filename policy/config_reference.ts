/** The config described by its own schema: as JSON Schema for editors, and as text for people. */
import { z } from "zod";
import { configMeanings } from "./config_meanings_table.ts";

/** JSON Schema (draft 2020-12) as zod writes it, as far as it is read here. `range` is of our own values. */
export interface JsonSchema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  format?: string;
  range?: string;
  [key: string]: unknown;
}

/** What people write, with the defaults that count where they write nothing. */
export function configJsonSchema(schema: z.ZodType): JsonSchema {
  const as = (io: "input" | "output") =>
    z.toJSONSchema(schema, { io, unrepresentable: "any" }) as unknown as JsonSchema;
  const written = withDefaults(as("input"), as("output"));
  return { title: "Postern's config", ...withMeanings(written, "") };
}

function withMeanings(one: JsonSchema, path: string): JsonSchema {
  const each = (inner: JsonSchema, suffix: string) => withMeanings(inner, `${path}${suffix}`);
  const result: JsonSchema = { ...one };
  if (one.properties !== undefined) {
    result.properties = Object.fromEntries(
      Object.entries(one.properties).map(([key, inner]) => {
        const at = path === "" ? key : `${path}.${key}`;
        const description = configMeanings[at];
        return [key, { ...withMeanings(inner, at), ...(description === undefined ? {} : { description }) }];
      }),
    );
  }
  if (one.items !== undefined) result.items = each(one.items, "[]");
  if (typeof one.additionalProperties === "object") {
    result.additionalProperties = each(one.additionalProperties, ".NAME");
  }
  if (one.anyOf !== undefined) result.anyOf = one.anyOf.map((choice) => each(choice, ""));
  if (one.oneOf !== undefined) result.oneOf = one.oneOf.map((choice) => each(choice, ""));
  return result;
}

/** Values that are read from a text, such as durations, have their default on the side of what comes out. */
function withDefaults(input: JsonSchema, output: JsonSchema | undefined): JsonSchema {
  const fallback = input.default ?? output?.default;
  const result: JsonSchema = { ...input };
  if (fallback !== undefined) result.default = asWritten(fallback, input.format);
  if (input.properties !== undefined) {
    result.properties = Object.fromEntries(
      Object.entries(input.properties).map((
        [key, one],
      ) => [key, withDefaults(one, output?.properties?.[key])]),
    );
  }
  if (typeof input.additionalProperties === "object") {
    const values = output?.additionalProperties;
    const inner = typeof values === "object" ? values : undefined;
    result.additionalProperties = withDefaults(input.additionalProperties, inner);
  }
  if (input.items !== undefined) result.items = withDefaults(input.items, output?.items);
  return result;
}

const units: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  duration: [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]],
  size: [["GB", 1024 ** 3], ["MB", 1024 ** 2], ["KB", 1024], ["B", 1]],
};

function asWritten(value: unknown, format: string | undefined): unknown {
  const fitting = units[format ?? ""]?.find(([, size]) => Number(value) % size === 0);
  return typeof value === "number" && fitting !== undefined ? `${value / fitting[1]}${fitting[0]}` : value;
}

/** Every key with its kind, bounds, default and meaning; one entry a key, in the order of the schema. */
export function configReference(schema: z.ZodType): string {
  return entriesOf(configJsonSchema(schema), "").join("\n");
}

/** Paths of keys without a description. */
export function undescribed(schema: z.ZodType): string[] {
  const missing: string[] = [];
  const walk = (one: JsonSchema, path: string): void => {
    for (const [key, inner] of Object.entries(one.properties ?? {})) {
      const at = path === "" ? key : `${path}.${key}`;
      if (inner.description === undefined) missing.push(at);
      for (const [nested, suffix] of nestedOf(inner)) walk(nested, `${at}${suffix}`);
    }
  };
  walk(configJsonSchema(schema), "");
  return missing;
}

/** Objects inside a value, with what their keys' paths begin with. */
function nestedOf(one: JsonSchema): [JsonSchema, string][] {
  const choices = one.anyOf ?? one.oneOf;
  if (choices !== undefined) {
    return isReference(one) ? [] : choices.flatMap((choice) => nestedOf(choice));
  }
  if (one.items !== undefined) return nestedOf(one.items).map(([inner, suffix]) => [inner, `[]${suffix}`]);
  if (typeof one.additionalProperties === "object") {
    return nestedOf(one.additionalProperties).map(([inner, suffix]) => [inner, `.NAME${suffix}`]);
  }
  return one.properties === undefined ? [] : [[one, ""]];
}

function entriesOf(schema: JsonSchema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, one]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const needed = schema.required?.includes(key) === true && one.default === undefined;
    const head = `${at}\n    ${kindOf(one)}${needed ? "; required" : ""}${defaultOf(one)}`;
    const meaning = one.description === undefined ? "" : `\n    ${one.description}`;
    const inside = nestedOf(one).flatMap(([inner, suffix]) => entriesOf(inner, `${at}${suffix}`));
    return [`${head}${meaning}`, ...inside];
  });
}

const formats: Readonly<Record<string, string>> = {
  secret: "secret: { env: NAME }, { file: PATH } or { command: NAME }",
  certificate: "PEM certificate: { env: NAME }, { file: PATH } or { command: NAME }",
  key: "PEM private key: { env: NAME }, { file: PATH } or { command: NAME }",
  address: "address: 127.0.0.1:6432, [::1]:6432 or :6432",
};

const isReference = ({ format }: JsonSchema): boolean => format !== undefined && format in formats;

function kindOf(one: JsonSchema): string {
  const format = one.format ?? "";
  if (isReference(one)) return formats[format]!;
  if (format in units) return `${format}, ${one.range}`;
  if (one.const !== undefined) return JSON.stringify(one.const);
  if (one.enum !== undefined) return one.enum.join(" | ");
  const choices = one.anyOf ?? one.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(kindOf))].join(", or ");
  if (one.type === "array") return `list of ${one.items === undefined ? "values" : kindOf(one.items)}`;
  if (one.properties !== undefined) return "section";
  if (typeof one.additionalProperties === "object") return `a section for each NAME`;
  if (one.type === "integer" || one.type === "number") return `number${boundsOf(one)}`;
  return one.type === "string" ? "text" : [one.type ?? "value"].flat().join(" or ");
}

function boundsOf({ minimum, maximum }: JsonSchema): string {
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (minimum === undefined && !bounded) return "";
  return bounded ? `, ${minimum ?? 0} to ${maximum}` : `, ${minimum} or more`;
}

function defaultOf(one: JsonSchema): string {
  const fallback = one.default;
  if (fallback === undefined || fallback === "" || typeof fallback === "object") return "";
  return `; default ${fallback}`;
}
