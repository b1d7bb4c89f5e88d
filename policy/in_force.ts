/** The policy as it stands: one immutable value that everybody reads at each decision, and a reload replaces. */
import type { PolicyConfig } from "./config.ts";
import { type CompiledRules, compileRules } from "./decide.ts";
import { keepDescriptors } from "./descriptors.ts";
import { compileMasks, type MaskSets } from "./masking.ts";
import type { ReadsRecorded } from "./recorder.ts";
import type { Target } from "./types.ts";

export interface Policy {
  readonly targets: ReadonlyMap<string, Target>;
  readonly rules: CompiledRules;
  /** As the config has them, for people to read. */
  readonly masks: PolicyConfig["masks"];
  /** The masks that count for these groups on this target. */
  readonly masksFor: MaskSets;
  /** Digest of the rules and masks, for the record. */
  readonly digest: string;
  readonly limits: PolicyConfig["limits"];
  /** The dashboard's roles, by groups. */
  readonly roles: PolicyConfig["roles"];
  readonly reads: ReadsRecorded;
  readonly approvals: PolicyConfig["approvals"];
  readonly identity: PolicyConfig["identity"];
}

export function compilePolicy(config: PolicyConfig): Policy {
  return {
    targets: new Map(config.targets.map((target) => [target.name, target])),
    rules: compileRules(config.rules),
    masks: config.masks,
    masksFor: compileMasks(config.masks),
    digest: config.digest,
    limits: config.limits,
    roles: config.roles,
    reads: config.reads,
    approvals: config.approvals,
    identity: config.identity,
  };
}

/** Read `current` at every decision, and keep nothing of it beyond that. */
export class PolicyInForce {
  #current: Policy;
  readonly #watchers: ((policy: Policy) => void)[] = [];

  constructor(first: Policy) {
    this.#current = first;
    keepDescriptors(first.limits.descriptorsKept);
  }

  get current(): Policy {
    return this.#current;
  }

  /** Takes effect for whatever is decided from now on, in running sessions too; then tells the watchers. */
  replace(next: Policy): void {
    this.#current = next;
    keepDescriptors(next.limits.descriptorsKept);
    for (const watch of this.#watchers) watch(next);
  }

  watch(watcher: (policy: Policy) => void): void {
    this.#watchers.push(watcher);
  }
}
