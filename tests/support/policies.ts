/** A whole policy for tests that care about a part of it. */
import { identitySchema, toIdentityConfig } from "../../policy/config_identity.ts";
import { defaultLimits } from "../../policy/config_limits.ts";
import { defaultRules } from "../../policy/config.ts";
import { compileRules } from "../../policy/decide.ts";
import { type Policy, PolicyInForce } from "../../policy/in_force.ts";
import { compileMasks } from "../../policy/masking.ts";
import type { Target } from "../../policy/types.ts";

const minute = 60_000;

/** What holds where a config says nothing, but for `parts`; masks are compiled from `parts.masks`. */
export function policyInForce(
  { targets = [], masks = [], ...parts }: Partial<Omit<Policy, "targets">> & {
    readonly targets?: readonly Target[];
  },
): PolicyInForce {
  return new PolicyInForce({
    targets: new Map(targets.map((one) => [one.name, one])),
    rules: compileRules(defaultRules(["db-approvers"])),
    masks,
    masksFor: compileMasks(masks),
    digest: "0".repeat(64),
    roles: { approver: ["db-approvers"], auditor: ["auditors"], admin: ["db-admins"] },
    limits: defaultLimits,
    reads: "durable",
    approvals: { retryMs: 2 * minute, transactionHoldMs: 5 * minute, advanceMs: 60 * minute },
    identity: toIdentityConfig(identitySchema.parse({ issuer: "https://issuer.test", clientId: "postern" })),
    ...parts,
  });
}
