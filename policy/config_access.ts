/** A target's `access:` and `breakGlass:`: who gets in for how long, at once or after a decision. */
import { z } from "zod";
import { statementKinds } from "./audit/access_events.ts";
import { ruleSchema } from "./config_rules.ts";
import { addressRange, duration, groupNames, namePattern } from "./config_values.ts";
import { type AccessRule, type GrantScope, type TargetAccess, wholeScope } from "./grant.ts";

const hour = 3_600_000;

const scopeSchema = z.strictObject({
  kinds: z.array(statementKinds).min(1).optional(),
  tables: z.array(namePattern("schema.table")).min(1).optional(),
  /** Masked columns that are shown as they are. */
  unmask: z.array(namePattern("schema.table.column", false)).min(1).optional(),
});

const accessRuleSchema = z.strictObject({
  name: z.string().min(1).max(100),
  who: ruleSchema.shape.who,
  where: z.strictObject({ clients: z.array(addressRange).min(1) }).optional(),
  when: ruleSchema.shape.when,
  /** Fits requests for at most this long. */
  upTo: duration("1s", "30d").optional(),
  then: z.enum(["grant", "approve", "deny"]),
  /** A longer request is cut to it. */
  durationMax: duration("1s", "30d").default(8 * hour),
  scope: scopeSchema.optional(),
  approvers: z.strictObject({ groups: groupNames.min(1), quorum: z.int().min(1).max(10).default(1) })
    .optional(),
  deadline: duration("10s", "7d").default(hour),
  message: z.string().min(1).max(500).optional(),
});

/** Keys of a target's strict object. */
export const accessShape = {
  access: z.array(accessRuleSchema).min(1).max(100).optional().superRefine((rules, context) => {
    rules?.forEach(({ name }, at) => {
      if (rules.findIndex((rule) => rule.name === name) === at) return;
      const message = "is the name of an access rule before it, too; a grant is kept under its rule's name";
      context.addIssue({ code: "custom", path: [at, "name"], message });
    });
  }),
  breakGlass: z.strictObject({
    groups: groupNames.min(1),
    durationMax: duration("1s", "30d").default(hour),
    scope: scopeSchema.optional(),
  }).optional(),
};

type Section = z.output<z.ZodObject<typeof accessShape>>;

/** undefined where membership of the target's groups is all that it takes. */
export function toTargetAccess(
  { access, breakGlass }: Section,
  approvers: readonly string[],
): TargetAccess | undefined {
  if (access === undefined && breakGlass === undefined) return undefined;
  return {
    rules: (access ?? []).map((rule) => toRule(rule, approvers)),
    breakGlass: breakGlass === undefined ? null : {
      groups: breakGlass.groups,
      durationMaxMs: breakGlass.durationMax,
      scope: toScope(breakGlass.scope),
    },
  };
}

function toRule(
  { upTo, durationMax, scope, approvers, deadline, where, who, when, ...rule }: z.output<
    typeof accessRuleSchema
  >,
  fallback: readonly string[],
): AccessRule {
  return {
    ...rule,
    ...(who === undefined ? {} : { who }),
    ...(where === undefined ? {} : { where }),
    ...(when === undefined ? {} : { when }),
    ...(upTo === undefined ? {} : { upToMs: upTo }),
    durationMaxMs: durationMax,
    scope: toScope(scope),
    approvers: approvers ?? { groups: fallback, quorum: 1 },
    deadlineMs: deadline,
  };
}

function toScope(scope: z.output<typeof scopeSchema> | undefined): GrantScope {
  if (scope === undefined) return wholeScope;
  const { kinds = null, tables = null, unmask = [] } = scope;
  return { kinds, tables, unmask };
}
