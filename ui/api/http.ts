/** What every route shares: its dependencies, the signed-in viewer, errors as JSON, bodies and queries by schema. */
import type { Context } from "hono";
import { z } from "zod";
import { asPosternError, type PosternErrorCode } from "../../policy/errors.ts";
import type { DetectionTotals } from "../../policy/detectors.ts";
import type { Log } from "../../policy/log.ts";
import type { AccessDesk } from "../../policy/grant_ports.ts";
import type {
  Access,
  Advance,
  Approvals,
  Clock,
  Deliveries,
  EvidenceJournal,
  IdentityProvider,
  Leavers,
  LiveSessions,
  ReachableTarget,
  SignIns,
} from "../../policy/ports.ts";
import type { ConsoleClient } from "../../policy/console.ts";
import type { HealthCheck } from "../../policy/health.ts";
import type { Playground } from "../../policy/playground.ts";
import type { ConnectLine, ErrorBody, Listening } from "../contract.ts";
import type { Assets } from "./assets.ts";
import type { BrowserSession, BrowserSessionLimits } from "./browser_sessions.ts";
import type { DashboardLimits } from "./limits.ts";
import type { RoleGroups, Viewer } from "./roles.ts";

/** What the dashboard needs of its surroundings. */
export interface DashboardDeps {
  readonly identity: IdentityProvider;
  readonly signIns: SignIns;
  readonly approvals: Approvals;
  readonly advance: Advance;
  /** Whose browser sessions end because the issuer says so. */
  readonly departures?: Leavers;
  readonly journal: EvidenceJournal;
  readonly deliveries: Deliveries;
  readonly live: LiveSessions;
  readonly access: Access;
  readonly detections: Pick<DetectionTotals, "list">;
  /** Access for a time. */
  readonly grants: AccessDesk;
  readonly playground: Playground;
  /** Statements from the dashboard. */
  readonly console: ConsoleClient;
  readonly health: Pick<HealthCheck, "check">;
  /** Lines to connect with; without a password those that need none. Empty where nothing listens for it. */
  readonly connectLines: (
    target: Pick<ReachableTarget, "name" | "protocol">,
    user: string,
    password: string | null,
  ) => readonly ConnectLine[];
  /** Where clients of that protocol reach this Postern; null where nothing listens for it. */
  readonly listenerOf: (protocol: string) => Listening | null;
  /** What a program needs to sign its person in at the issuer; no client id where none is configured. */
  readonly cli: { readonly issuer: string; readonly clientId: string | null };
  /** Groups that give a role. */
  readonly roles: RoleGroups;
  /** What links and cookies belong to: scheme, host and port, without a path. */
  readonly url: string;
  readonly assets: Assets;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly sessionLimits?: Partial<BrowserSessionLimits>;
  readonly limits: DashboardLimits;
}

/** The client's address comes with the request, from whoever accepted the connection. */
export interface Bindings {
  readonly address?: string;
}

export interface DashboardEnv {
  Bindings: Bindings;
  Variables: { session: BrowserSession; viewer: Viewer };
}

export type DashboardContext = Context<DashboardEnv>;

/** A refusal of HTTP's own kind: not signed in, wrong role, no such thing, a body that is not what it must be. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 410 | 413 | 415 | 421 | 429 | 503,
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

const statusOf: Readonly<Record<PosternErrorCode, 400 | 403 | 429 | 500 | 502 | 503>> = {
  ProtocolViolation: 400,
  LimitExceeded: 429,
  AuthFailed: 403,
  PolicyDenied: 403,
  ApprovalRequired: 403,
  TargetUnavailable: 502,
  StoreFailed: 503,
  Internal: 500,
};

/** Where HTTP has a word of its own. */
const statusOfLimit: Readonly<Record<string, 408 | 413>> = {
  "dashboard.limits.arrival": 408,
  "dashboard.limits.body": 413,
};

export interface Refused {
  readonly status: number;
  readonly body: ErrorBody;
}

/** Any thrown thing as an answer that is safe to show. */
export function refusalOf(thrown: unknown): Refused {
  if (thrown instanceof HttpRefusal) {
    const { status, code, message, hint } = thrown;
    return { status, body: { error: { code, message, ...(hint === undefined ? {} : { hint }) } } };
  }
  const error = asPosternError(thrown);
  return {
    status: statusOfLimit[error.rule ?? ""] ?? statusOf[error.code],
    body: {
      error: {
        code: error.code,
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...(error.rule === undefined ? {} : { rule: error.rule }),
      },
    },
  };
}

export function notFound(what: string): HttpRefusal {
  return new HttpRefusal(
    404,
    "NotFound",
    `There is no such ${what}, or you may not see it`,
    "Requests and sessions are visible to their owner, their approvers, auditors and admins",
  );
}

/** A JSON body of the schema's shape; HttpRefusal 415 or 400 otherwise. The size is limited before this. */
export async function bodyOf<T>(c: DashboardContext, schema: z.ZodType<T>): Promise<T> {
  if (!/^application\/json\b/i.test(c.req.header("content-type") ?? "")) {
    throw new HttpRefusal(415, "UnsupportedMediaType", "The body must be application/json");
  }
  let body: unknown;
  try {
    body = await c.req.json();
  } catch {
    throw new HttpRefusal(400, "BadRequest", "The body is not JSON");
  }
  return checked(schema, body);
}

/** The query of the schema's shape; HttpRefusal 400 otherwise, for an unknown or a repeated parameter too. */
export function queryOf<T>(c: DashboardContext, schema: z.ZodType<T>): T {
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length !== 1) {
      throw new HttpRefusal(400, "BadRequest", `${name.slice(0, 40)} is given more than once`);
    }
    query[name] = values[0]!;
  }
  return checked(schema, query);
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") || "the request";
  throw new HttpRefusal(400, "BadRequest", `${where}: ${issue?.message ?? "not as expected"}`);
}

/** A whole number in a query, such as a cursor. */
export const cursorSchema = z.string().regex(/^\d{1,16}$/, "must be a whole number").transform(Number);

export function pageSize(max: number, usual: number) {
  return cursorSchema.refine((size) => size >= 1 && size <= max, `must be 1 to ${max}`).default(usual);
}

export function addressOf(c: DashboardContext): string {
  return c.env?.address ?? "";
}

/** A path of our own to go to after sign-in; anything else becomes `/`. */
export function localPath(path: string | undefined): string {
  // A backslash counts as a slash in browsers, and control characters are dropped by them: `/\t/evil`.
  if (path === undefined || path.length > 1000 || !/^\/[\x21-\x5b\x5d-\x7e]*$/.test(path)) return "/";
  if (path.startsWith("//") || path.startsWith("/auth/") || path.startsWith("/api/")) return "/";
  const url = new URL(path, "http://postern.invalid");
  return url.origin === "http://postern.invalid" && !url.pathname.startsWith("//")
    ? url.pathname + url.search
    : "/";
}
