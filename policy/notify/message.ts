/**
 * What a notification says: who, where, what kind, which tables, by which rule, and the link where to act, since
 * identity is known there and not in a chat. Nothing of a statement's text unless a channel asks for it, and then as
 * the record has it, in which literals and parameters of masked columns are masked.
 */
import { known, type KnownEvent } from "../audit/events.ts";
import { isAccessEvent } from "../audit/access_events.ts";
import type { AccessEventType, AuditEvent, RelationUse } from "../types.ts";
import { deliveryId } from "./channel.ts";

/** What a channel can be told to send; those of `alerts` are about Postern's own health and unusual refusals. */
export const topics = ["approvals", "access", "break-glass", "alerts"] as const;
export type Topic = typeof topics[number];

export interface Message {
  /** The same whenever it is sent. */
  readonly id: string;
  readonly topic: Topic;
  readonly type: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly urgent: boolean;
  /** One sentence. */
  readonly title: string;
  /** In order: a label and its text. */
  readonly facts: readonly (readonly [string, string])[];
  /** The statement as the record has it, cut; null where the channel does not want it, or there is none. */
  readonly statement: string | null;
  readonly link: string;
}

export interface MessageOptions {
  /** The dashboard's address, without a slash at the end. */
  readonly url: string;
  readonly statements: boolean;
}

const STATEMENT_CHARS_MAX = 1500;
const FACT_CHARS_MAX = 300;

/** Which events become messages, by topic; types count by the beginning of their name. */
const topicOf = (type: string, data: AuditEvent["data"] = {}): Topic | null => {
  if (type.startsWith("approval.")) return "approvals";
  if (type.startsWith("access.")) return data.breakGlass === true ? "break-glass" : "access";
  if (type.startsWith("alert.") || type.startsWith("delivery.")) return "alerts";
  return null;
};

export const isNotified = (type: string): boolean => topicOf(type) !== null;

const line = (text: string, max = FACT_CHARS_MAX): string => {
  const visible = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return visible.length > max ? `${visible.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…` : visible;
};

const tableNames = (tables: readonly RelationUse[]): string =>
  [...new Set(tables.map(({ schema, name }) => `${schema}.${name}`))].slice(0, 20).join(", ");

/** null for an event that nobody is told of. */
export function messageOf(event: AuditEvent, options: MessageOptions): Message | null {
  const topic = topicOf(event.type, event.data);
  if (topic === null) return null;
  const said = wordsOf(event);
  if (said === null) return null;
  return {
    id: deliveryId(event),
    topic,
    type: event.type,
    at: event.at,
    urgent: said.urgent ?? false,
    title: line(said.title),
    facts: said.facts.filter(([, text]) => text !== "").map(([label, text]) => [label, line(text)]),
    statement: options.statements && said.statement !== undefined ? cut(said.statement) : null,
    link: `${options.url}${said.path}`,
  };
}

interface Said {
  readonly title: string;
  readonly facts: readonly (readonly [string, string])[];
  readonly path: string;
  readonly statement?: string;
  readonly urgent?: boolean;
}

function cut(text: string): string {
  if (text.length <= STATEMENT_CHARS_MAX) return text;
  const kept = text.slice(0, STATEMENT_CHARS_MAX).replace(/[\ud800-\udbff]$/, "");
  return `${kept}\n… ${text.length - kept.length} more characters: see the whole before you decide`;
}

function wordsOf(event: AuditEvent): Said | null {
  const it = known(event);
  switch (it?.type) {
    case "approval.requested":
      return requested(it);
    case "approval.decided":
      return it.data.state === "pending" ? null : ended(it);
    case "approval.withdrawn":
      return ended(it);
    case "delivery.failing":
    case "delivery.recovered":
    case "delivery.dropped":
      return delivery(it);
    case undefined:
      return null;
    default:
      return isAccessEvent(it!.type) ? access(it as AccessEvent) : other(event);
  }
}

type Known<T extends KnownEvent["type"]> = Extract<KnownEvent, { type: T }>;

const day = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;

function requested({ data }: Known<"approval.requested">): Said {
  const what = [...new Set(data.verbs)].join(", ") || data.kind;
  return {
    title: `${data.person} asks for approval of ${what} on ${data.target}`,
    facts: [
      ["Who", data.person],
      ["Where", `${data.target}, database ${data.database}${data.environment && ` (${data.environment})`}`],
      ["What", `${data.kind}: ${what}`],
      ["Tables", tableNames(data.tables)],
      ["Rule", data.rule],
      ["Why it waits", data.reason],
      ["Who decides", `${data.quorum} of ${data.approvers.join(", ")}`],
      ["Until", day(data.deadlineAt)],
      ["Note", data.inTransaction ? "it waits inside a transaction, which keeps its locks" : ""],
    ],
    path: `/requests/${encodeURIComponent(data.id)}`,
    statement: data.text,
    urgent: true,
  };
}

function ended(event: Known<"approval.decided"> | Known<"approval.withdrawn">): Said {
  const { data } = event;
  const last = data.reviews.at(-1);
  return {
    title: `The request of ${event.person ?? "?"} on ${event.target ?? "?"} is ${data.state}`,
    facts: [
      ["Who", event.person ?? ""],
      ["Where", event.target ?? ""],
      ["Outcome", data.outcome],
      ["Decided by", data.reviews.map(({ by }) => by).join(", ")],
      ["Reason", event.type === "approval.decided" ? last?.reason ?? "" : ""],
    ],
    path: `/requests/${encodeURIComponent(data.id)}`,
  };
}

function delivery(
  { type, data }: Known<"delivery.failing"> | Known<"delivery.recovered"> | Known<"delivery.dropped">,
): Said {
  const how =
    { "delivery.failing": "fails", "delivery.recovered": "works again", "delivery.dropped": "gave up" }[type];
  return {
    title: `Postern's channel ${data.channel} ${how}`,
    facts: [
      ["Channel", `${data.channel} (${data.kind}, ${data.purpose})`],
      ["Why", data.reason],
      ["Given up", type === "delivery.dropped" ? `${data.sequences.length} messages` : ""],
    ],
    path: "/",
    urgent: type !== "delivery.recovered",
  };
}

type AccessEvent = Extract<KnownEvent, { type: AccessEventType }>;

function access({ type, data }: AccessEvent): Said {
  const glass = data.breakGlass ? " (break-glass)" : "";
  const minutes = Math.round(data.durationMs / 60_000);
  const title = type === "access.requested"
    ? `${data.person} asks for access to ${data.target} for ${minutes} minutes`
    : type === "access.glass"
    ? `BREAK-GLASS: ${data.person} has opened access to ${data.target} for ${minutes} minutes`
    : `Access of ${data.person} to ${data.target} is ${data.state}${glass}`;
  return {
    title,
    facts: [
      ["Who", data.person],
      ["Where", `${data.target}${data.environment && ` (${data.environment})`}`],
      ["Why", data.reason],
      ["For", `${minutes} minutes`],
      ["Kinds", data.scope.kinds?.join(", ") ?? ""],
      ["Tables", data.scope.tables?.join(", ") ?? ""],
      ["Rule", data.rule],
      ["Who decides", data.state === "requested" ? `${data.quorum} of ${data.approvers.join(", ")}` : ""],
      ["Decided by", data.reviews.map(({ by }) => by).join(", ")],
      ["From", (data.startsAt ?? 0) > data.requestedAt ? day(data.startsAt ?? 0) : ""],
      ["Until", data.endsAt === null ? "" : day(data.endsAt)],
      ["Outcome", data.outcome],
    ],
    path: `/access/${encodeURIComponent(data.id)}`,
    urgent: type === "access.requested" || type === "access.glass",
  };
}

/** Words of an event that are safe to show, whatever part of Postern it comes from: never its texts of statements. */
const shownFields = ["action", "outcome", "rule", "reason", "state", "duration", "scope", "ticket"] as const;

function other(event: AuditEvent): Said {
  const { data } = event;
  const what = event.type.replace(/[._-]+/g, " ");
  const urgent = event.type.startsWith("alert.");
  return {
    title: `${what[0]!.toUpperCase()}${what.slice(1)}${event.person === null ? "" : `: ${event.person}`}${
      event.target === null ? "" : ` on ${event.target}`
    }`,
    facts: [
      ["Who", event.person ?? ""],
      ["Where", event.target ?? ""],
      ...shownFields.map((name): [string, string] => [
        `${name[0]!.toUpperCase()}${name.slice(1)}`,
        typeof data[name] === "string" ? data[name] : "",
      ]),
    ],
    path: event.session === null ? "/" : `/sessions/${encodeURIComponent(event.session)}`,
    urgent,
  };
}
