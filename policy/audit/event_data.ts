/** What each type of event carries in `data`. The schemas read records back; the builders are in events.ts. */
import { z } from "zod";
import { valuesDetectedData } from "./detection_events.ts";
import { approvalEventData } from "./approval_data.ts";
import {
  clientData,
  hiddenShape,
  millis,
  parameterView,
  relationUse,
  statementKind,
  strings,
} from "./common_data.ts";
import { resultRecordedData } from "./result_events.ts";
import { probeDisagreedData } from "./probe_events.ts";
import type { EventType } from "../types.ts";
import { accountEventData } from "./account_events.ts";
import { accessEventData, grantScopeData } from "./access_events.ts";
import { deliveryEventData } from "./delivery_events.ts";
import { removalEventData } from "./removal_events.ts";

const identityData = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  groups: strings,
  method: z.string(),
  signedInAt: millis,
  expiresAt: millis,
}).readonly();

/** How a statement ended. */
const endShape = {
  rows: z.number().nullable(),
  /** Of the result, to the client. */
  bytes: z.number(),
  /** From the client: the statement's text, its parameters, and the data of a COPY. Older records lack it. */
  sent: z.number().optional(),
  tag: z.string(),
  durationMs: z.number(),
};

export { approvalRequestData, approvalState } from "./approval_data.ts";

export const eventData = {
  /** The config was read anew. `before` and `policy` are digests of the rules and masks. */
  "gateway.reloaded": z.strictObject({
    by: z.string(),
    before: z.string(),
    policy: z.string(),
    changed: z.array(z.string()),
    needsRestart: z.array(z.string()),
  }),
  "gateway.started": z.strictObject({
    version: z.string(),
    pid: z.number(),
    /** Digest of the rules and masks in force. */
    policy: z.string(),
    /** Listeners and targets by name, for whoever reads the record later. */
    listeners: strings,
    targets: strings,
  }).readonly(),

  "gateway.stopped": z.strictObject({ reason: z.string() }).readonly(),

  /** Another node on the store was not heard of any more: so many sessions and requests of its were ended here. */
  "gateway.lost": z.strictObject({
    node: z.string(),
    name: z.string(),
    sessions: z.number(),
    approvals: z.number(),
  }).readonly(),

  "signin.succeeded": z.strictObject({
    identity: identityData,
    client: clientData,
    protocol: z.string(),
    /** The database as the client named it. */
    requested: z.string(),
  }).readonly(),

  "signin.failed": z.strictObject({
    method: z.string(),
    client: clientData,
    protocol: z.string(),
    requested: z.string(),
    /** A PosternErrorCode. */
    code: z.string(),
    reason: z.string(),
  }).readonly(),

  "session.started": z.strictObject({
    identity: identityData,
    client: clientData,
    protocol: z.string(),
    database: z.string(),
    environment: z.string(),
    /** `host:port` of the target, and the account used there. */
    address: z.string(),
    role: z.string(),
    readOnly: z.boolean(),
    policy: z.string(),
    /** What let them in for a time; left out where membership was enough. */
    grant: z.strictObject({
      id: z.string(),
      breakGlass: z.boolean(),
      endsAt: millis,
      scope: grantScopeData,
    }).readonly().optional(),
  }).readonly(),

  "session.refused": z.strictObject({
    client: clientData,
    protocol: z.string(),
    requested: z.string(),
    groups: strings,
    /** Empty before sign-in. */
    method: z.string(),
    code: z.string(),
    rule: z.string(),
    reason: z.string(),
  }).readonly(),

  "session.ended": z.strictObject({ reason: z.string() }).readonly(),

  "statement.judged": z.strictObject({
    /** The statement's id; `statement.finished` refers to it. */
    statement: z.string(),
    text: z.string(),
    parameters: z.array(parameterView).readonly(),
    ...hiddenShape,
    /** Session state that changes what the text means: needed to judge it again. */
    state: z.record(z.string(), z.string()),
    verdict: z.enum(["allow", "approve", "deny"]),
    /** Whether it was sent to the target after this event: allowed, or approved by `approval`. */
    forwarded: z.boolean(),
    rule: z.string(),
    reason: z.string(),
    /** Digest of the rules and masks that judged. */
    policy: z.string(),
    /** Of the statement that decided; `unknown` for a text without one. */
    kind: statementKind,
    verbs: strings,
    tables: z.array(relationUse).readonly(),
    functions: strings,
    /** Masked columns that it touches, `schema.table.column`. */
    masked: strings,
    /** Codes of what the floor objected to. */
    unsafe: strings,
    missingWhere: z.boolean(),
    inTransaction: z.boolean(),
    catalogOnly: z.boolean(),
    /** The id of the request that let it pass. */
    approval: z.string().nullable(),
    /** How long it was held; null where it was not. */
    waitedMs: z.number().nullable(),
    /** Of a read that was answered at once, where reads are recorded in batches: there is no `statement.finished`. */
    finished: z.strictObject({ ...endShape, error: z.null() }).readonly().optional(),
  }).readonly(),

  "statement.finished": z.strictObject({
    statement: z.string(),
    ...endShape,
    error: z.strictObject({ code: z.string(), message: z.string() }).readonly().nullable(),
  }).readonly(),

  "result.recorded": resultRecordedData,
  "values.detected": valuesDetectedData,
  "probe.disagreed": probeDisagreedData,

  ...approvalEventData,

  ...accessEventData,
  ...accountEventData,

  "dashboard.signin": z.strictObject({
    succeeded: z.boolean(),
    groups: strings,
    address: z.string(),
    /** Empty where it succeeded. */
    reason: z.string(),
  }).readonly(),

  "dashboard.action": z.strictObject({
    /** What was done: `session.viewed`, `session.killed`, `record.exported`, … */
    action: z.string(),
    /** The id or name of what it was done to. */
    subject: z.string(),
    detail: z.string(),
    address: z.string(),
    /** Of `person.departed`: whose they were, and when, for other nodes on the store; `sid` where only that is known. */
    departure: z.strictObject({ issuer: z.string(), at: millis, sid: z.string().optional() }).readonly()
      .optional(),
  }).readonly(),
  ...deliveryEventData,
  ...removalEventData,
} satisfies Record<EventType, z.ZodType>;

export type EventData = { readonly [T in EventType]: z.infer<(typeof eventData)[T]> };
