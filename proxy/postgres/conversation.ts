/**
 * What one connection's two directions share: the statements and portals that the client made, the messages
 * that the target still has to answer, and where the transaction stands. No sockets, no clock; the client's
 * side adds to it, the target's side takes away.
 */
import type { ParameterView, SqlState } from "../../policy/types.ts";
import { Queue } from "../wire/queue.ts";
import type { BindMessage, Column } from "./decode.ts";
import { idle } from "./frames.ts";
import type { Execution } from "./execution.ts";
import type { KeptQueries } from "./kept.ts";
import { parameterView } from "./values.ts";

/** A prepared statement of the protocol's own (Parse). */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Parameter types by OID, as declared or, once described, as the target sees them. */
  types: readonly number[];
  /** null: no rows. undefined: nobody asked the target yet. */
  columns: readonly Column[] | null | undefined;
  /** Describes under way. */
  describes: number;
  /** By the judgement at Parse. */
  readonly tainted: boolean;
}

/** A bound statement. */
export interface Portal {
  readonly name: string;
  readonly statement: Statement;
  readonly parameters: readonly ParameterView[];
  readonly resultFormats: readonly number[];
  /** Of this portal, formats included. */
  columns: readonly Column[] | null | undefined;
  describes: number;
  /** Its one execution; more Execute messages only fetch more of its rows. */
  execution: Execution | null;
  /** The number of the Sync or Query that came before it: portals end with their transaction. */
  readonly batch: number;
}

export type ReplyKind = "query" | "parse" | "bind" | "describe" | "execute" | "close" | "sync";

/** A message that the target answers, in the order of sending. */
export interface Reply {
  readonly kind: ReplyKind;
  readonly execution: Execution | null;
  readonly statement: Statement | null;
  readonly portal: Portal | null;
  /** Takes back what sending it was taken to have done; for when the target fails it or skips it. */
  readonly undo: (() => void) | null;
  /** Counts Sync and Query messages. */
  readonly batch: number;
  /** Texts of its errors and notices are withheld. */
  readonly tainted: boolean;
  /** Goes to the client in place of the target's error, which is certain to come. */
  swap: Uint8Array | null;
  /** Postern's own message: the client hears nothing of its answer. */
  silent: boolean;
  /** A suspended execution that is over once this is answered: its portal is closed or replaced. */
  readonly ends: Execution | null;
  /** Takes the rows of Postern's own query. */
  readonly read: ((row: Uint8Array) => void) | null;
}

/** A message to the target that waits for its turn: those before it, or its own record. */
export interface Outgoing {
  /** null once it is cancelled. */
  frame: Uint8Array | null;
  /** null for messages without an answer. */
  reply: Reply | null;
  ready: boolean;
}

export class Conversation {
  readonly statements = new Map<string, Statement>();
  readonly portals = new Map<string, Portal>();
  /** By SQL's PREPARE and DECLARE. */
  readonly kept: KeptQueries = new Map();
  /** Sent, and not answered in full. */
  readonly replies = new Queue<Reply>();
  /** Not sent yet. */
  readonly outgoing = new Queue<Outgoing>();
  /** As of the last ReadyForQuery. */
  status: number = idle;
  state: SqlState;
  /** An error came: the target ignores everything up to Sync, and so does Postern. */
  skipping = false;
  /** Extended messages went out since the last Sync: answers may be in the target's buffer. */
  unsynced = false;
  /** Something ran since the last Sync: an implicit transaction is open. */
  executed = false;
  /** The target reads COPY data. */
  copyIn = false;
  /** Sync messages that the target may have read as part of COPY data, or may still answer. */
  eatenSyncs = 0;
  /** A statement that may change what later ones mean is under way, or was and the target is asked what it did. */
  barrier = false;
  /** The target was asked for what it does not report. */
  asked = false;
  /** Something in this transaction touched masked data; an error at its end may tell of it. */
  tainted = false;
  /** Settings were changed in this transaction, and its end may change them back. */
  settingsTouched = false;
  batch = 0;

  /** `reported`: the target tells every change of what the state holds; one before PostgreSQL 18 has to be asked. */
  constructor(state: SqlState, readonly reported: boolean) {
    this.state = state;
  }

  /** Data of a COPY came from the client, for whatever is being answered. */
  countCopied(bytes: number): void {
    const execution = this.replies.first()?.execution;
    if (execution) execution.copied += bytes;
  }

  /** Nothing is under way at the target, except perhaps what waits behind a Bind that Postern keeps. */
  drained(kept: Outgoing | null): boolean {
    return this.replies.length === 0 && (this.outgoing.length === 0 || this.outgoing.first() === kept);
  }

  get inTransaction(): boolean {
    return this.status !== idle || this.executed;
  }

  /** Names the state anew: what was judged under the old one is judged again. */
  setState(name: string, value: string): void {
    if (this.state[name] !== value) this.state = { ...this.state, [name]: value };
  }

  /**
   * The target failed the first message that it had to answer, and skips to Sync. Gives the executions that
   * will not happen.
   */
  failPipeline(): Execution[] {
    const skipped: Reply[] = [];
    const failed = this.replies.shift();
    if (failed !== undefined) skipped.push(failed);
    let next = this.replies.first();
    while (next !== undefined && next.kind !== "sync") {
      skipped.push(next);
      this.replies.shift();
      next = this.replies.first();
    }
    if (next === undefined) this.#skipOutgoing(skipped);
    for (const reply of skipped.toReversed()) release(reply);
    this.copyIn = false;
    const executions = skipped.slice(1).map((reply) => reply.execution).filter((one) => one !== null);
    return executions;
  }

  #skipOutgoing(skipped: Reply[]): void {
    while (this.outgoing.length > 0) {
      const item = this.outgoing.first();
      if (item === undefined || item.reply?.kind === "sync") return;
      if (item.reply !== null) skipped.push(item.reply);
      item.frame = null;
      this.outgoing.shift();
    }
    this.skipping = true;
  }

  /**
   * The client was told that the message being answered failed, though the target goes on: nothing up to Sync
   * is heard, and nothing more is sent. Gives the executions that will not happen.
   */
  mutePipeline(): Execution[] {
    for (const reply of this.replies) {
      if (reply.kind === "sync") return [];
      reply.silent = true;
    }
    const skipped: Reply[] = [];
    this.#skipOutgoing(skipped);
    for (const reply of skipped.toReversed()) release(reply);
    return skipped.map((reply) => reply.execution).filter((one) => one !== null);
  }

  /** Takes the Sync messages out of what is to be answered; gives their number. */
  dropSyncs(): number {
    const replies = [...this.replies];
    while (this.replies.length > 0) this.replies.shift();
    for (const reply of replies) if (reply.kind !== "sync") this.replies.push(reply);
    return replies.length - this.replies.length;
  }

  /** The transaction of `batch` and those before it is over: so are their portals. */
  endPortals(batch: number): Execution[] {
    const ended: Execution[] = [];
    for (const [name, portal] of this.portals) {
      if (portal.batch > batch) continue;
      this.portals.delete(name);
      if (portal.execution !== null) ended.push(portal.execution);
    }
    return ended;
  }
}

/** What a Bind makes of a statement; `batch` is that of the Sync or Query that comes next. */
export function portalOf(bind: BindMessage, statement: Statement, batch: number): Portal {
  const only = bind.formats.length === 1 ? bind.formats[0] : undefined;
  return {
    name: bind.portal,
    statement,
    parameters: bind.values.map((value, at) =>
      parameterView(value, only ?? bind.formats[at] ?? 0, statement.types[at] ?? 0)
    ),
    resultFormats: bind.resultFormats,
    columns: undefined,
    describes: 0,
    execution: null,
    batch,
  };
}

export function replyTo(c: Conversation, kind: ReplyKind, fields: Partial<Reply>): Reply {
  return {
    kind,
    execution: fields.execution ?? null,
    statement: fields.statement ?? null,
    portal: fields.portal ?? null,
    undo: fields.undo ?? null,
    batch: fields.batch ?? c.batch,
    tainted: fields.tainted ?? false,
    swap: null,
    silent: fields.silent ?? false,
    read: fields.read ?? null,
    ends: fields.ends ?? null,
  };
}

/** Sets `name`; gives the way back. */
export function replace<T>(map: Map<string, T>, name: string, value: T): () => void {
  const before = map.get(name);
  map.set(name, value);
  return () => {
    if (before === undefined) map.delete(name);
    else map.set(name, before);
  };
}

export function forget<T>(map: Map<string, T>, name: string): (() => void) | null {
  const before = map.get(name);
  if (before === undefined) return null;
  map.delete(name);
  return () => void map.set(name, before);
}

/** Takes back a reply's effects, when it will not be answered. */
function release(reply: Reply): void {
  if (reply.kind === "describe") {
    if (reply.portal !== null) reply.portal.describes--;
    else if (reply.statement !== null) reply.statement.describes--;
  }
  reply.undo?.();
}
