/**
 * The one error union. Every refusal and every failure that can reach a person is one of these; each
 * protocol has a total `toClient()` over `code`. `message` and `hint` are safe to show: they never hold a
 * masked value, a secret, or text of the target's.
 */
export type PosternErrorCode =
  | "ProtocolViolation"
  | "LimitExceeded"
  | "AuthFailed"
  | "PolicyDenied"
  | "ApprovalRequired"
  | "TargetUnavailable"
  | "StoreFailed"
  | "Internal";

/** What else an error carries: the rule that decided, what to do next, and the cause for the log only. */
export interface PosternErrorDetail {
  rule?: string;
  hint?: string;
  cause?: unknown;
  /** SQLSTATE or errno, where a query of Postern's own was answered with an error. */
  targetCode?: string;
}

export class PosternError extends Error {
  override readonly name = "PosternError";
  readonly rule: string | undefined;
  readonly hint: string | undefined;
  readonly targetCode: string | undefined;

  constructor(readonly code: PosternErrorCode, message: string, detail: PosternErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.rule = detail.rule;
    this.hint = detail.hint;
    this.targetCode = detail.targetCode;
  }
}

/** Any thrown thing as a PosternError; what is not one becomes `Internal` with a text that says nothing of it. */
export function asPosternError(thrown: unknown): PosternError {
  if (thrown instanceof PosternError) return thrown;
  return new PosternError("Internal", "Postern failed on this; the details are in its log", {
    hint: "Try again; if it happens again, tell whoever runs Postern",
    cause: thrown,
  });
}
