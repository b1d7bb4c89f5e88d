/** The one list of protocols, and what each must offer. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { TargetAccounts } from "../policy/account_ports.ts";
import type { ConsoleEvent } from "../policy/console.ts";
import type { PosternError } from "../policy/errors.ts";
import type { Gatekeeper, TargetQuery } from "../policy/ports.ts";
import type { Target } from "../policy/types.ts";
import type { Forward } from "./forward.ts";
import { mysql } from "./mysql/mod.ts";
import { postgresql } from "./postgres/mod.ts";

/** Limits of one connection. Bytes and milliseconds. */
export interface ConnectionLimits {
  /** Largest frame before sign-in. */
  readonly startupFrameBytesMax: number;
  /** Time to get from accept to sign-in's start. */
  readonly startupTimeoutMs: number;
  /** Largest statement text, parameters included. */
  readonly statementBytesMax: number;
  /** Prepared statements of one connection at a time. */
  readonly preparedStatementsMax: number;
  /** Largest row that is parsed because it must be masked; others stream. */
  readonly maskedRowBytesMax: number;
  /** What a client gets of one message's results, where its target has no limits of its own. */
  readonly resultRowsMax: number;
  readonly resultBytesMax: number;
  readonly idleTimeoutMs: number;
  /** How long a client may take nothing of what it was sent. */
  readonly unreadTimeoutMs: number;
  readonly targetConnectTimeoutMs: number;
  /** How often a waiting client is told that it waits. */
  readonly holdNoticeMs: number;
}

/** What a connection needs of its surroundings. */
export interface ConnectionDeps {
  readonly gatekeeper: Gatekeeper;
  readonly limits: ConnectionLimits;
  /** PEM of the listener's own certificate; null where the listener speaks plain text only. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Whether a client may go on without TLS. */
  readonly tlsRequired: boolean;
  /** Secret of this installation, for masks that hash. */
  readonly maskKey: Uint8Array;
  /** Aborted when Postern stops and the time to drain is over; `reason` is a PosternError to tell the client. */
  readonly stopping: AbortSignal;
  readonly log: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
}

/** A socket as the relay uses it: plain or upgraded. */
export type Stream = Socket | TLSSocket;

/** Where clients reach a listener, and who wants to reach what through it. */
export interface ConnectRequest {
  /** As clients name it: a host name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly target: string;
  readonly user: string;
  /** A one-time password; null for the lines that need none, because a link signs in. */
  readonly password: string | null;
  /** What the listener speaks: plain text only, both, or nothing but TLS. */
  readonly tls: "none" | "offered" | "required";
}

/** A statement from the dashboard, for the listener at this address. */
export interface ConsoleRequest {
  readonly host: string;
  readonly port: number;
  readonly target: string;
  readonly user: string;
  readonly password: string;
  readonly tls: "none" | "offered" | "required";
  readonly text: string;
  readonly signal: AbortSignal;
}

/** A line to copy into a terminal or a form, and what it is for. */
export interface ConnectLine {
  readonly label: string;
  readonly line: string;
}

export interface ConnectWithPassword extends ConnectRequest {
  readonly password: string;
}

/** A stock client to start. Its arguments hold no secret; `env` does. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Protocol {
  /** The same id as its dialect's in policy/sql: what config names. */
  readonly id: string;
  readonly defaultPort: number;
  /** Its targets can be spoken to in TLS from the first byte. */
  readonly directTls?: boolean;
  /** What goes to and from its targets can be compressed. */
  readonly compresses?: boolean;
  /** Serves one accepted client until it ends. Never rejects: every failure is told to the client and logged. */
  serve(client: Socket, deps: ConnectionDeps): Promise<void>;
  /** Tells a client, before it has said anything, why it is not served, and closes. Never throws. */
  refuse(client: Socket, error: PosternError): void;
  /**
   * Learns what a first packet to clients must say of these targets, in place of those told before. Never throws;
   * absent where clients speak first.
   */
  meet?(targets: readonly Target[]): void;
  /** Postern's own queries on a target, for the catalog. */
  readonly query: TargetQuery;
  /** Accounts on a target that live as long as one session. */
  readonly accounts: TargetAccounts;
  /** Runs a text as a client of the listener; absent where the dashboard has no console for this protocol. */
  readonly console?: (request: ConsoleRequest) => AsyncIterable<ConsoleEvent>;
  /** How stock clients connect, the usual one first. Pure; empty where the protocol has no such way. */
  connectLines(request: ConnectRequest): readonly ConnectLine[];
  /** Stock clients as programs to start, the usual one first. Pure. */
  launches(request: ConnectWithPassword): readonly Launch[];
  /** Signs in at another Postern, for a client on this machine. */
  readonly forward: Forward;
}

export const protocols: readonly Protocol[] = [postgresql, mysql];
