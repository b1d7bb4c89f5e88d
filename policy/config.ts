/** Reading a config: YAML text and a schema -> a value, or every problem with its line and column. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Check } from "./config_checks.ts";
import { approvalsSchema, type ApprovalTimes, toApprovalTimes } from "./config_approvals.ts";
import { type HeadTimes, headTimes } from "./audit/heads.ts";
import { problemsOf } from "./config_issues.ts";
import { limitsSchema, type PolicyLimits, toPolicyLimits } from "./config_limits.ts";
import { defaultRules, maskSchema, ruleSchema, toRule } from "./config_rules.ts";
import { type Problem, readSource } from "./config_source.ts";
import { type IdentityConfig, identitySchema, toIdentityConfig } from "./config_identity.ts";
import { type ProtocolChoice, targetsSchema, toTargets } from "./config_targets.ts";
import { duration, groupNames, type Sources, withSources } from "./config_values.ts";
import type { MaskSetting } from "./masking.ts";
import { type RetentionConfig, retentionSchema } from "./audit/retention.ts";
import { type AnchorsConfig, anchorsSchema } from "./notify/anchors.ts";
import { type NotifyConfig, notifySchema, type StreamConfig, streamSchema } from "./notify/config.ts";
import type { ReadsRecorded } from "./recorder.ts";
import type { Rule } from "./rules.ts";
import { type TracesConfig, tracesSchema } from "./traces/config.ts";
import type { Target } from "./types.ts";

export { type Check, type Finding, policyChecks } from "./config_checks.ts";
export type { IdentityConfig } from "./config_identity.ts";
export { defaultRules } from "./config_rules.ts";
export type { ProtocolChoice } from "./config_targets.ts";
export type { Problem } from "./config_source.ts";
export * from "./config_values.ts";

export interface ConfigOptions extends Sources {
  /** Checks between the parts; policyChecks is one. */
  readonly checks?: readonly Check[];
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

/** Never throws; problems come in the order of their place. Secrets' files are read while it runs. */
export function parseConfig<S extends z.ZodType>(
  text: string,
  schema: S,
  options: ConfigOptions,
): Parsed<z.output<S>> {
  const source = readSource(text);
  if (source.data === undefined) return { ok: false, problems: source.problems, warnings: [] };
  const parsed = withSources(options, () => schema.safeParse(source.data));
  const findings = (options.checks ?? []).flatMap((check) => check(source.data));
  const located = (severity: "error" | "warning") =>
    findings.filter((one) => one.severity === severity).map(({ path, message }) =>
      source.locate(path, message)
    );
  const warnings = inOrder(located("warning"));
  const problems = inOrder([
    ...source.problems,
    ...(parsed.success ? [] : problemsOf(parsed.error.issues, schema, source)),
    ...located("error"),
  ]);
  if (problems.length > 0 || !parsed.success) return { ok: false, problems, warnings };
  return { ok: true, value: parsed.data, warnings };
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((one, other) => one.line - other.line || one.column - other.column);
}

/** `postern.yaml:12:5  targets.orders.prot: unknown key "prot"; did you mean "port"?` */
export function formatProblem(file: string, { line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}  ${path === "" ? "" : `${path}: `}${message}`;
}

/** Every problem of a config, one a line, for the terminal; none where it can be used. */
export function configProblems(text: string, schema: z.ZodType, options: ConfigOptions): string[] {
  const parsed = parseConfig(text, schema, options);
  return parsed.ok ? [] : parsed.problems.map((problem) => formatProblem(options.file, problem));
}

/** The sections that policy owns, as keys of the whole config's strict object. */
export function policyShape(protocols: readonly ProtocolChoice[]) {
  return {
    identity: identitySchema,
    roles: z.strictObject({
      approver: groupNames.default([]),
      auditor: groupNames.default([]),
      admin: groupNames.default([]),
    }).prefault({}),
    targets: targetsSchema(protocols),
    rules: z.array(ruleSchema).min(1).max(1000).optional(),
    masks: z.array(maskSchema).max(1000).default([]),
    audit: z.strictObject({
      /** `batched`: reads are recorded a moment after they are forwarded; see recorder.ts for what may be lost. */
      reads: z.enum(["durable", "batched"]).default("durable"),
      stream: streamSchema,
      /** How long contents of the record are kept, by target; for ever where nothing is said. */
      retention: retentionSchema,
      /** Where signed heads are kept besides. */
      anchors: anchorsSchema,
      /** When the chain's head is signed: after so many events, or so long after the last one; and at the end. */
      heads: z.strictObject({
        events: z.int().min(1).max(1_000_000).default(headTimes.events),
        every: duration("1s", "1d").default(headTimes.intervalMs),
      }).prefault({}),
    }).prefault({}),
    notify: notifySchema,
    approvals: approvalsSchema,
    limits: limitsSchema.prefault({}),
    traces: tracesSchema.optional(),
  };
}

type PolicySections = z.output<z.ZodObject<ReturnType<typeof policyShape>>>;

/** Everything that policy needs of the config, resolved. */
export interface PolicyConfig {
  readonly identity: IdentityConfig;
  /** The dashboard's roles, by groups. */
  readonly roles: {
    readonly approver: readonly string[];
    readonly auditor: readonly string[];
    readonly admin: readonly string[];
  };
  readonly targets: readonly Target[];
  readonly rules: readonly Rule[];
  readonly masks: readonly MaskSetting[];
  readonly reads: ReadsRecorded;
  readonly notify: NotifyConfig;
  readonly stream: StreamConfig;
  readonly retention: RetentionConfig;
  readonly anchors: AnchorsConfig;
  readonly heads: HeadTimes;
  readonly traces: TracesConfig | undefined;
  readonly limits: PolicyLimits;
  readonly approvals: ApprovalTimes;
  /** SHA-256 over rules and masks in hex: which policy a verdict came from, for the record. */
  readonly digest: string;
}

/** `sections` as parsed by policyShape(); the same `protocols`. */
export function toPolicyConfig(
  sections: PolicySections,
  protocols: readonly ProtocolChoice[],
): PolicyConfig {
  const { identity, roles, limits, masks } = sections;
  const rules = sections.rules?.map((rule) => toRule(rule, roles.approver)) ?? defaultRules(roles.approver);
  return {
    identity: toIdentityConfig(identity),
    roles,
    targets: toTargets(sections.targets, protocols, roles.approver),
    rules,
    masks,
    reads: sections.audit.reads,
    notify: sections.notify,
    stream: sections.audit.stream,
    retention: sections.audit.retention,
    anchors: sections.audit.anchors,
    heads: { events: sections.audit.heads.events, intervalMs: sections.audit.heads.every },
    traces: sections.traces,
    limits: toPolicyLimits(limits),
    approvals: toApprovalTimes(sections.approvals),
    digest: createHash("sha256").update(JSON.stringify([rules, masks])).digest("hex"),
  };
}
