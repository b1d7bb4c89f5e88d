/** Reading a config: YAML text and a schema -> a value, or every problem with its line and column. */
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { z } from "zod";
import type { Check } from "./config_checks.ts";
import { problemsOf } from "./config_issues.ts";
import { defaultRules, maskSchema, ruleSchema, toRule } from "./config_rules.ts";
import { type Problem, readSource } from "./config_source.ts";
import {
  certificate,
  duration,
  host,
  httpsUrl,
  privateKey,
  Secret,
  secret,
  type Sources,
  withSources,
} from "./config_values.ts";
import type { MaskSetting } from "./masking.ts";
import type { ReadsRecorded } from "./recorder.ts";
import type { Rule } from "./rules.ts";
import type { Target } from "./types.ts";

export { type Check, type Finding, policyChecks } from "./config_checks.ts";
export { defaultRules } from "./config_rules.ts";
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

/** What policy must know of each protocol: its id, and the port of a target that names none. */
export interface ProtocolChoice {
  readonly id: string;
  readonly defaultPort: number;
}

const groups = z.array(z.string().min(1));

const identitySchema = z.strictObject({
  issuer: httpsUrl,
  clientId: z.string().min(1),
  clientSecret: secret.optional(),
  groupsClaim: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
    error: "must be a dotted path, or a list of its segments",
  }).default("groups"),
  audiences: z.array(z.string().min(1)).min(1).optional(),
  signInTimeout: duration("5s", "1h").default(120_000),
  /** How long after a sign-in further connections of the same pool need not ask; 0s asks each time. */
  shareSignIn: duration("0s", "10m").default(10_000),
});

const targetName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
  error: "cannot be a target's name: use letters, digits, _ . - (a slash parts it from a database)",
});

function targetSchema(protocols: readonly ProtocolChoice[]) {
  return z.strictObject({
    protocol: z.enum(protocols.map(({ id }) => id)),
    host,
    port: z.int().min(1).max(65_535).optional(),
    database: z.string().min(1),
    databases: z.array(z.string().min(1)).optional(),
    environment: z.string().max(100).default(""),
    groups: groups.min(1),
    tls: z.strictObject({
      mode: z.enum(["disable", "prefer", "require", "verify-ca", "verify-full"]).default("verify-full"),
      ca: certificate.optional(),
      certificate: certificate.optional(),
      key: privateKey.optional(),
    }).refine((tls) => (tls.certificate === undefined) === (tls.key === undefined), {
      error: "must have both certificate and key, or neither",
    }).prefault({}),
    account: z.strictObject({ user: z.string().min(1), password: secret.optional() }),
  });
}

/** The sections that policy owns, as keys of the whole config's strict object. */
export function policyShape(protocols: readonly ProtocolChoice[]) {
  return {
    identity: identitySchema,
    roles: z.strictObject({
      approver: groups.default([]),
      auditor: groups.default([]),
      admin: groups.default([]),
    }).prefault({}),
    targets: z.record(targetName, targetSchema(protocols))
      .refine((targets) => Object.keys(targets).length > 0, { error: "must have at least one target" }),
    rules: z.array(ruleSchema).min(1).max(1000).optional(),
    masks: z.array(maskSchema).max(1000).default([]),
    audit: z.strictObject({
      /** `batched`: reads are recorded a moment after they are forwarded; see recorder.ts for what may be lost. */
      reads: z.enum(["durable", "batched"]).default("durable"),
    }).prefault({}),
    limits: z.strictObject({
      sessionsPerPerson: z.int().min(1).max(100_000).default(20),
      sessionTime: duration("1m", "30d").default(12 * 3_600_000),
      pendingApprovals: z.int().min(1).max(100_000).default(1000),
    }).prefault({}),
  };
}

type PolicySections = z.output<z.ZodObject<ReturnType<typeof policyShape>>>;

export interface IdentityConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** null for a public client. */
  readonly clientSecret: Secret | null;
  /** The path to the groups within the claims. */
  readonly groupsClaim: readonly string[];
  readonly audiences: readonly string[];
  readonly signInTimeoutMs: number;
  readonly shareSignInMs: number;
}

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
  readonly limits: {
    readonly sessionsPerPersonMax: number;
    readonly sessionTimeMs: number;
    readonly pendingApprovalsMax: number;
  };
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
  const { groupsClaim } = identity;
  return {
    identity: {
      issuer: identity.issuer,
      clientId: identity.clientId,
      clientSecret: identity.clientSecret ?? null,
      groupsClaim: typeof groupsClaim === "string" ? groupsClaim.split(".") : groupsClaim,
      audiences: identity.audiences ?? [identity.clientId],
      signInTimeoutMs: identity.signInTimeout,
      shareSignInMs: identity.shareSignIn,
    },
    roles,
    targets: Object.entries(sections.targets).map(([name, target]) => toTarget(name, target, protocols)),
    rules,
    masks,
    reads: sections.audit.reads,
    limits: {
      sessionsPerPersonMax: limits.sessionsPerPerson,
      sessionTimeMs: limits.sessionTime,
      pendingApprovalsMax: limits.pendingApprovals,
    },
    digest: createHash("sha256").update(JSON.stringify([rules, masks])).digest("hex"),
  };
}

function toTarget(
  name: string,
  { port, databases, tls, account, ...rest }: PolicySections["targets"][string],
  protocols: readonly ProtocolChoice[],
): Target {
  const target: Target = {
    ...rest,
    name,
    port: port ?? protocols.find(({ id }) => id === rest.protocol)?.defaultPort ?? 0,
    ...(databases === undefined ? {} : { databases }),
    tls: {
      mode: tls.mode,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { certificate: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key.reveal() }),
    },
    account: {
      user: account.user,
      ...(account.password === undefined ? {} : { password: account.password.reveal() }),
    },
  };
  return guarded(target);
}

/** A target holds its credentials as texts; logged or serialised whole, it shows `***` in their place. */
function guarded(target: Target): Target {
  const safe = () => ({
    ...target,
    tls: { ...target.tls, ...(target.tls.key === undefined ? {} : { key: "***" }) },
    account: { ...target.account, ...(target.account.password === undefined ? {} : { password: "***" }) },
  });
  const hide = (hook: PropertyKey, value: unknown) => Object.defineProperty(target, hook, { value });
  hide("toJSON", safe);
  hide(inspect.custom, safe);
  hide(
    Symbol.for("Deno.customInspect"),
    (show: typeof Deno.inspect, options: Deno.InspectOptions) => show(safe(), options),
  );
  return target;
}
