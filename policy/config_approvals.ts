/** The config's `approvals:` section, and what a rule says of its approvers. */
import { z } from "zod";
import { duration } from "./config_values.ts";
import type { ApproversSetting } from "./rules.ts";

const names = z.array(z.string().min(1)).min(1);

/** How far an approval may go beyond one statement. */
const scopeLimits = z.strictObject({
  minutes: z.int().min(1).max(12 * 60).default(30),
  statements: z.int().min(2).max(10_000).default(50),
}).prefault({});

/** A rule's `approvers:`. */
export const approversSchema = z.strictObject({
  groups: names.optional(),
  /** The groups of `targets.X.owners`, of the target that the statement is for. */
  owners: z.boolean().default(false),
  quorum: z.int().min(1).max(10).default(1),
  /** Each of the quorum must speak for another group. */
  distinctGroups: z.boolean().default(false),
  escalate: z.strictObject({ after: duration("5s", "7d"), groups: names }).optional(),
  /** What approvers may choose; "once" always. */
  may: z.array(z.enum(["once", "template", "tables"])).min(1).default(["once"]),
  template: scopeLimits,
  tables: scopeLimits,
  /** Beside the estimate: count what the WHERE matches, and show so many of these rows, masked. */
  preview: z.strictObject({ count: z.boolean().default(false), samples: z.int().min(0).max(10).default(0) })
    .optional(),
}).refine(({ groups, owners }) => groups !== undefined || owners, {
  error: "must have groups, or owners: true",
});

export function toApprovers(
  { groups, owners, quorum, distinctGroups, escalate, may, template, tables, preview }: z.output<
    typeof approversSchema
  >,
): ApproversSetting {
  const limits = ({ minutes, statements }: typeof template) => ({
    minutesMax: minutes,
    statementsMax: statements,
  });
  return {
    groups: groups ?? [],
    quorum,
    ...(owners ? { owners } : {}),
    ...(distinctGroups ? { distinctGroups } : {}),
    ...(escalate === undefined ? {} : { escalate: { afterMs: escalate.after, groups: escalate.groups } }),
    ...(preview === undefined ? {} : { preview }),
    ...(may.includes("template") ? { template: limits(template) } : {}),
    ...(may.includes("tables") ? { tables: limits(tables) } : {}),
  };
}

export const approvalsSchema = z.strictObject({
  /**
   * How long a request stays pending for a client that went away, and an approval stays good for one that went
   * before its statement ran: the same statement of the same person takes it up. 0s withdraws at once.
   */
  retryWindow: duration("0s", "1h").default(120_000),
  /** How long a statement may wait at most inside an open transaction, which keeps its locks. */
  transactionDeadline: duration("5s", "1h").default(120_000),
  /** How long statements that were approved in advance may run after the decision. */
  advanceWindow: duration("1m", "7d").default(3_600_000),
}).prefault({});

export interface ApprovalTimes {
  readonly retryMs: number;
  readonly transactionHoldMs: number;
  readonly advanceMs: number;
}

export function toApprovalTimes(
  { retryWindow, transactionDeadline, advanceWindow }: z.output<typeof approvalsSchema>,
): ApprovalTimes {
  return { retryMs: retryWindow, transactionHoldMs: transactionDeadline, advanceMs: advanceWindow };
}
