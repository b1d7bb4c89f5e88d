/** The config's `targets:` section. */
import { type CountryCode, isSupportedCountry } from "libphonenumber-js";
import { z } from "zod";
import { accessShape, toTargetAccess } from "./config_access.ts";
import {
  certificate,
  duration,
  groupNames,
  host,
  privateKey,
  resultLimits,
  type Secret,
  secret,
} from "./config_values.ts";
import { guarded } from "./guarded.ts";
import type { DetectorSetting } from "./detectors.ts";
import type { ProbeSetting } from "./probes.ts";
import type { EphemeralAccount, Target } from "./types.ts";

/** What policy must know of each protocol: its id, and the port of a target that names none. */
export interface ProtocolChoice {
  readonly id: string;
  readonly defaultPort: number;
  /** Its targets can be spoken to in TLS from the first byte. */
  readonly directTls?: boolean;
  /** What goes to and from its targets can be compressed. */
  readonly compresses?: boolean;
}

const targetName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
  error: "cannot be a target's name: use letters, digits, _ . - (a slash parts it from a database)",
});

const detectorKinds = ["card", "iban", "ssn", "email", "phone"] as const;

/** `off`, `audit`, `mask`; or one of the two with more said about it. */
const detectors = z.union([
  z.enum(["off", "audit", "mask"]).transform((mode): DetectorSetting | undefined =>
    mode === "off" ? undefined : { mode }
  ),
  z.strictObject({
    mode: z.enum(["audit", "mask"]),
    kinds: z.array(z.enum(detectorKinds)).min(1).optional(),
    country: z.string().refine((code): code is CountryCode => isSupportedCountry(code), {
      error: "must be a country's two letters, such as DE",
    }).optional(),
    except: z.strictObject({ groups: groupNames }).optional(),
  }),
]).optional();

const credentials = { user: z.string().min(1), password: secret.optional() };

const ephemeral = z.strictObject({
  admin: z.strictObject(credentials).optional(),
  roles: z.array(z.string().min(1).max(63)).max(50).default([]),
  onDrop: z.enum(["reassign", "drop"]).default("reassign"),
  reassignTo: z.string().min(1).max(63).optional(),
});

export function targetsSchema(protocols: readonly ProtocolChoice[]) {
  const target = z.strictObject({
    protocol: z.enum(protocols.map(({ id }) => id)),
    host,
    port: z.int().min(1).max(65_535).optional(),
    database: z.string().min(1),
    databases: z.array(z.string().min(1)).optional(),
    environment: z.string().max(100).default(""),
    groups: groupNames.min(1),
    /** Groups that own it: they may approve where a rule's approvers say `owners: true`. */
    owners: groupNames.optional(),
    tls: z.strictObject({
      mode: z.enum(["disable", "prefer", "require", "verify-ca", "verify-full"]).default("verify-full"),
      ca: certificate.optional(),
      certificate: certificate.optional(),
      key: privateKey.optional(),
      direct: z.boolean().default(false),
    }).refine((tls) => (tls.certificate === undefined) === (tls.key === undefined), {
      error: "must have both certificate and key, or neither",
    }).refine((tls) => !tls.direct || !["disable", "prefer"].includes(tls.mode), {
      error: "needs the mode require, verify-ca or verify-full: nothing is asked first that could be refused",
      path: ["direct"],
    }).prefault({}),
    /** For a target that is far away. */
    compress: z.boolean().default(false),
    /** Its people may run statements from the dashboard, too. */
    console: z.boolean().default(false),
    detectors,
    record: z.strictObject({
      rows: z.int().min(1).max(10_000),
      bytes: z.int().min(100).max(1_048_576).default(65_536),
    }).optional(),
    limits: z.strictObject(resultLimits).partial().optional(),
    probe: z.strictObject({
      account: z.strictObject({ user: z.string().min(1), password: secret.optional() }),
      wait: duration("100ms", "1m").default(2_000),
      otherwise: z.enum(["deny", "allow"]).default("deny"),
    }).optional(),
    account: z.strictObject({ ...credentials, ephemeral: ephemeral.optional() }),
    ...accessShape,
  }).refine(
    ({ protocol, tls }) => !tls.direct || protocols.some(({ id, directTls }) => id === protocol && directTls),
    { error: "is not known to this target's protocol", path: ["tls", "direct"] },
  ).refine(
    ({ protocol, compress }) =>
      !compress || protocols.some(({ id, compresses }) => id === protocol && compresses),
    { error: "is not known to this target's protocol", path: ["compress"] },
  );
  return z.record(targetName, target)
    .refine((targets) => Object.keys(targets).length > 0, { error: "must have at least one target" });
}

export type TargetsSection = z.output<ReturnType<typeof targetsSchema>>;

/** `protocols` as given to targetsSchema(); `approvers` decide where an access rule names nobody. */
export function toTargets(
  section: TargetsSection,
  protocols: readonly ProtocolChoice[],
  approvers: readonly string[],
): Target[] {
  return Object.entries(section).map(([name, target]) => {
    const access = toTargetAccess(target, approvers);
    return guarded({ ...toTarget(name, target, protocols), ...(access === undefined ? {} : { access }) });
  });
}

function toTarget(
  name: string,
  {
    port,
    databases,
    owners,
    tls,
    account,
    detectors,
    record,
    limits,
    probe,
    access: _access,
    breakGlass: _glass,
    ...rest
  }: TargetsSection[string],
  protocols: readonly ProtocolChoice[],
): Target {
  return {
    ...rest,
    name,
    port: port ?? protocols.find(({ id }) => id === rest.protocol)?.defaultPort ?? 0,
    ...(databases === undefined ? {} : { databases }),
    ...(detectors === undefined ? {} : { detectors }),
    ...(record === undefined ? {} : { record }),
    ...(limits === undefined ? {} : { limits }),
    ...(owners === undefined ? {} : { owners }),
    ...(probe === undefined ? {} : { probe: toProbe(probe) }),
    tls: {
      mode: tls.mode,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { certificate: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key.reveal() }),
      ...(tls.direct ? { direct: true } : {}),
    },
    account: {
      ...revealed(account),
      ...(account.ephemeral === undefined ? {} : { ephemeral: toEphemeral(account.ephemeral) }),
    },
  };
}

function toProbe({ account, wait, otherwise }: NonNullable<TargetsSection[string]["probe"]>): ProbeSetting {
  const { user, password } = account;
  const secret = password === undefined ? {} : { password: password.reveal() };
  return { account: { user, ...secret }, waitMs: wait, otherwise };
}

function revealed({ user, password }: { user: string; password?: Secret | undefined }) {
  return { user, ...(password === undefined ? {} : { password: password.reveal() }) };
}

function toEphemeral({ admin, roles, onDrop, reassignTo }: z.output<typeof ephemeral>): EphemeralAccount {
  return {
    ...(admin === undefined ? {} : { admin: revealed(admin) }),
    roles,
    onDrop,
    ...(reassignTo === undefined ? {} : { reassignTo }),
  };
}
