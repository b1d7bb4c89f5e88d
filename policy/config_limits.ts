/** The config's `limits:` section: of people, sign-ins and what waits. Each can change at a reload. */
import { z } from "zod";
import { duration, size } from "./config_values.ts";

const count = (usual: number, max = 100_000) => z.int().min(1).max(max).default(usual);

export const limitsSchema = z.strictObject({
  sessionsPerPerson: count(20),
  sessionTime: duration("1s", "30d").default(12 * 3_600_000),
  /** Resident memory above which no new session is let in: those that run need room to go on. */
  memory: size("64MB", "1024GB").default(4 * 1024 ** 3),
  /** File descriptors that are kept free: nobody is let in where fewer are left. */
  descriptors: z.int().min(32).max(65_536).default(64),
  pendingApprovals: count(1000),
  accessRequestsPerPerson: count(20),
  /** How long a client waits at the door for its person to ask for access. */
  accessWait: duration("1s", "1d").default(15 * 60_000),
  /** Clients that wait for their person's browser. */
  signIns: count(1000),
  signInsPerAddress: count(20),
  /** Wrong passwords and made-up tokens within five minutes. */
  failedSignInsPerAddress: count(20),
  failedSignInsPerUser: count(5),
  /** Unused ones. */
  oneTimePasswords: count(5000),
  oneTimePasswordsPerPerson: count(20),
});

export interface PolicyLimits {
  readonly sessionsPerPersonMax: number;
  readonly sessionTimeMs: number;
  readonly memoryBytesMax: number;
  readonly descriptorsKept: number;
  readonly pendingApprovalsMax: number;
  readonly accessRequestsPerPersonMax: number;
  readonly accessWaitMs: number;
  readonly signInsMax: number;
  readonly signInsPerAddressMax: number;
  readonly failedSignInsPerAddressMax: number;
  readonly failedSignInsPerUserMax: number;
  readonly oneTimePasswordsMax: number;
  readonly oneTimePasswordsPerPersonMax: number;
}

export function toPolicyLimits(section: z.output<typeof limitsSchema>): PolicyLimits {
  return {
    sessionsPerPersonMax: section.sessionsPerPerson,
    sessionTimeMs: section.sessionTime,
    memoryBytesMax: section.memory,
    descriptorsKept: section.descriptors,
    pendingApprovalsMax: section.pendingApprovals,
    accessRequestsPerPersonMax: section.accessRequestsPerPerson,
    accessWaitMs: section.accessWait,
    signInsMax: section.signIns,
    signInsPerAddressMax: section.signInsPerAddress,
    failedSignInsPerAddressMax: section.failedSignInsPerAddress,
    failedSignInsPerUserMax: section.failedSignInsPerUser,
    oneTimePasswordsMax: section.oneTimePasswords,
    oneTimePasswordsPerPersonMax: section.oneTimePasswordsPerPerson,
  };
}

/** Where nothing is said. */
export const defaultLimits: PolicyLimits = toPolicyLimits(limitsSchema.parse({}));
