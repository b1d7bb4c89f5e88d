/** The policy as people read it, and what it would say to a statement. */
import { z } from "zod";
import { tableSchema } from "./common.ts";

const verdict = z.enum(["allow", "approve", "deny"]);

export const ruleViewSchema = z.strictObject({
  name: z.string(),
  verdict,
  who: z.string(),
  where: z.string(),
  what: z.string(),
  when: z.string().nullable(),
  condition: z.string().nullable(),
  then: z.string(),
  mine: z.boolean(),
});
export type RuleView = z.infer<typeof ruleViewSchema>;

export const policySchema = z.strictObject({
  digest: z.string(),
  /** In the order in which they are asked. Engineers see those that are for them. */
  rules: z.array(ruleViewSchema),
  all: z.boolean(),
  masks: z.array(z.strictObject({
    columns: z.array(z.string()),
    shownAs: z.string(),
    targets: z.array(z.string()).nullable(),
    except: z.array(z.string()),
  })),
  targets: z.array(z.strictObject({
    name: z.string(),
    environment: z.string(),
    database: z.string(),
    groups: z.array(z.string()),
  })),
});
export type PolicyAnswer = z.infer<typeof policySchema>;

export const TRY_LENGTH_MAX = 50_000;

/** Engineers ask for themselves: `person` and `groups` are for auditors and admins. */
export const trySchema = z.strictObject({
  text: z.string().min(1).max(TRY_LENGTH_MAX),
  target: z.string().min(1).max(200),
  person: z.string().trim().min(1).max(200).optional(),
  groups: z.array(z.string().min(1).max(200)).max(100).optional(),
  at: z.number().int().min(0).max(8.64e15).optional(),
});
export type Try = z.infer<typeof trySchema>;

export const ruleTraceSchema = z.strictObject({
  rule: z.string(),
  then: verdict,
  fit: z.enum(["decides", "asks", "unmet", "after"]),
  tables: z.array(z.string()),
  why: z.array(z.string()),
});
export type RuleTrace = z.infer<typeof ruleTraceSchema>;

export const triedSchema = z.strictObject({
  at: z.number(),
  person: z.string(),
  groups: z.array(z.string()),
  verdict,
  rule: z.string(),
  reason: z.string(),
  hint: z.string(),
  statements: z.array(z.strictObject({
    verdict,
    rule: z.string(),
    reason: z.string(),
    hint: z.string(),
    kind: z.string(),
    verb: z.string(),
    tables: z.array(tableSchema),
    columns: z.array(z.string()),
    functions: z.array(z.string()),
    masked: z.array(z.string()),
    missingWhere: z.boolean(),
    catalogOnly: z.boolean(),
    unsafe: z.array(z.strictObject({ code: z.string(), what: z.string(), hint: z.string() })),
    trace: z.array(ruleTraceSchema),
  })),
});
export type Tried = z.infer<typeof triedSchema>;
