/** The types of events in the record. */

/** Each carries the whole grant as it is then. `glass` is a break-glass grant, opened at once. */
export type AccessEventType =
  | "access.requested"
  | "access.reviewed"
  | "access.granted"
  | "access.glass"
  | "access.refused"
  | "access.expired"
  | "access.withdrawn"
  | "access.ended"
  | "access.revoked"
  | "access.examined";

export type AccountEventType = "account.created" | "account.dropped" | "account.stuck";

export type EventType =
  | "gateway.started"
  | "gateway.reloaded"
  | "gateway.stopped"
  | "gateway.lost"
  | "signin.succeeded"
  | "signin.failed"
  | "session.started"
  | "session.refused"
  | "session.ended"
  | "statement.judged"
  | "statement.finished"
  | "result.recorded"
  | "values.detected"
  | "probe.disagreed"
  | "approval.requested"
  | "approval.decided"
  | "approval.withdrawn"
  | AccessEventType
  | AccountEventType
  | "approval.joined"
  | "approval.previewed"
  | "approval.escalated"
  | "dashboard.signin"
  | "dashboard.action"
  | "record.erased"
  | "record.retired"
  | "delivery.failing"
  | "delivery.recovered"
  | "delivery.dropped";
