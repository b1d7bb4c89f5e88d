/** The `rules:` and `masks:` sections, and the rules that hold where the config has none. */
import { z } from "zod";
import { approversSchema, toApprovers } from "./config_approvals.ts";
import { addressRange, duration, namePattern } from "./config_values.ts";
import { compileCondition } from "./condition.ts";
import type { MaskSetting } from "./masking.ts";
import type { Rule } from "./rules.ts";

const names = z.array(z.string().min(1)).min(1);
const kinds = z.enum([
  "read",
  "write",
  "ddl",
  "session",
  "transaction",
  "admin",
  "copy",
  "call",
  "unknown",
]);

const hours = z.string().transform((text, context) => {
  const match = /^(\d{2}):([0-5]\d)-(\d{2}):([0-5]\d)$/.exec(text);
  const [from, to] = [[1, 2], [3, 4]].map(([hour = 0, minute = 0]) =>
    Number(match?.[hour]) * 60 + Number(match?.[minute])
  );
  const day = 24 * 60;
  if (from !== undefined && to !== undefined && from < day && to <= day && from !== to) return { from, to };
  context.addIssue({
    code: "custom",
    message: "must be a span of the day, as in 08:00-18:00 or 22:00-06:00",
  });
  return z.NEVER;
});

const timezone = z.string().superRefine((text, context) => {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: text });
  } catch {
    context.addIssue({ code: "custom", message: "must be a time zone, as in UTC or Europe/Berlin" });
  }
});

const condition = z.string().max(4000).superRefine((text, context) => {
  const compiled = compileCondition(text);
  if (typeof compiled === "function") return;
  const place = compiled.at > 0 ? ` (at character ${compiled.at + 1})` : "";
  context.addIssue({ code: "custom", message: `is no condition: ${compiled.message}${place}` });
});

export const ruleSchema = z.strictObject({
  name: z.string().min(1).max(100).refine((name) => !name.startsWith("built-in"), {
    error: 'must not start with "built-in", which names the rules of Postern itself',
  }),
  who: z.strictObject({ groups: names.optional(), users: names.optional() })
    .refine(({ groups, users }) => groups !== undefined || users !== undefined, {
      error: "must have groups or users; leave who out for everybody who may connect",
    }).optional(),
  where: z.strictObject({
    targets: names.optional(),
    databases: names.optional(),
    environments: names.optional(),
    clients: z.array(addressRange).min(1).optional(),
  }).optional(),
  what: z.strictObject({
    kinds: z.array(kinds).min(1).optional(),
    tables: z.array(namePattern("schema.table")).optional(),
    columns: z.array(namePattern("schema.table.column")).optional(),
    functions: z.array(namePattern("schema.function")).optional(),
    verbs: names.optional(),
    settings: names.optional(),
    locks: names.optional(),
    volatile: z.array(namePattern("schema.function")).min(1).optional(),
    operators: names.optional(),
    unsafe: z.array(z.string().min(1)).optional(),
    missingWhere: z.boolean().optional(),
  }).optional(),
  when: z.strictObject({
    days: z.array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).min(1).optional(),
    hours: hours.optional(),
    timezone: timezone.default("UTC"),
  }).optional(),
  if: condition.optional(),
  then: z.enum(["allow", "deny", "approve"]),
  approvers: approversSchema.optional(),
  deadline: duration("10s", "7d").optional(),
  message: z.string().min(1).max(500).optional(),
});

export type RuleSetting = z.infer<typeof ruleSchema>;

const kept = z.int().min(0).max(1000).default(0);

const maskKind = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("null") }),
  z.strictObject({ kind: z.literal("fixed"), text: z.string().max(1000) }),
  z.strictObject({ kind: z.literal("partial"), keepFirst: kept, keepLast: kept }),
  z.strictObject({ kind: z.literal("hash") }),
  z.strictObject({
    kind: z.literal("bucket"),
    size: z.number().min(1e-6).max(1e15),
    unit: z.enum(["day", "month", "year"]).optional(),
  }),
  z.strictObject({ kind: z.literal("fake") }),
]);

export const maskSchema: z.ZodType<MaskSetting> = z.strictObject({
  columns: z.array(namePattern("schema.table.column", false)).min(1).optional(),
  tags: names.optional(),
  mask: maskKind,
  targets: names.optional(),
  except: z.strictObject({ groups: names }).optional(),
}).refine(({ columns, tags }) => columns !== undefined || tags !== undefined, {
  error: "must have columns or tags: which columns does it mask?",
});

/** The rules of a config that has no `rules:`; see decide.ts for how they are read. */
export function defaultRules(approvers: readonly string[]): readonly Rule[] {
  return [
    { name: "reads", what: { kinds: ["read", "session", "transaction"] }, then: "allow" },
    {
      name: "no-writes-without-where",
      what: { missingWhere: true },
      then: "deny",
      message: "it would change every row",
    },
    {
      name: "writes-need-approval",
      what: { kinds: ["write", "call", "copy"] },
      then: "approve",
      approvers: { groups: approvers, quorum: 1 },
      deadlineMs: 15 * 60_000,
    },
    {
      name: "no-schema-changes",
      what: { kinds: ["ddl", "admin"] },
      then: "deny",
      message: "schema and administration are changed elsewhere",
    },
    { name: "default-deny", then: "deny", message: "no other rule covers it" },
  ];
}

/** A setting as decide() takes it. An `approve` rule without approvers asks those of the dashboard's role. */
export function toRule({ deadline, approvers, ...setting }: RuleSetting, fallback: readonly string[]): Rule {
  if (setting.then !== "approve") return setting;
  return {
    ...setting,
    approvers: approvers === undefined ? { groups: fallback, quorum: 1 } : toApprovers(approvers),
    deadlineMs: deadline ?? 15 * 60_000,
  };
}
