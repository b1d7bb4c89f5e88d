/**
 * The target's direction: what of its messages goes on to the client. Most are decided from their header;
 * rows are read only where the result has a masked column. Takes away from the conversation what is answered;
 * no sockets, no clock.
 */
import { PosternError } from "../../policy/errors.ts";
import type { Conversation, Reply } from "./conversation.ts";
import {
  type Column,
  decodeFields,
  decodeNotification,
  decodeParameterDescription,
  decodeParameterStatus,
  decodeRowDescription,
  decodeStatus,
  decodeTag,
} from "./decode.ts";
import { errorResponse, noticeResponse, notificationResponse } from "./encode.ts";
import { watchedFields, withoutText } from "./errors.ts";
import { fromTarget, idle } from "./frames.ts";
import { endCursors, settleNames } from "./names.ts";
import { type Course, ResultSide, type ResultSideDeps, unexpected } from "./result_side.ts";
import { isUtf8 } from "./startup.ts";

/** Settings whose value changes what a text means. */
const tracked: ReadonlySet<string> = new Set([
  "client_encoding",
  "search_path",
  "standard_conforming_strings",
]);

export class TargetSide {
  /** The target announced the connection's end. */
  saidFatal = false;
  /** An answer that others may wait for came to its end, or COPY began. */
  progressed = false;

  readonly #results: ResultSide;

  constructor(private readonly c: Conversation, private readonly deps: ResultSideDeps) {
    this.#results = new ResultSide(c, deps);
  }

  /** Counts what passes or drops, so it is asked once for such a message; for `take` and `mask` it may be asked again. */
  course(type: number, bytes: number): Course {
    if (type === fromTarget.dataRow) return this.#results.row(bytes);
    if (type === fromTarget.copyData) return this.#results.copyData(bytes);
    if (type === fromTarget.notificationResponse && this.deps.watcher === null) return "pass";
    return "take";
  }

  /** A DataRow whose course is "mask": false where it is to be given to `frame` instead. */
  maskInPlace(bytes: Uint8Array, at: number, length: number): boolean {
    return this.#results.maskInPlace(bytes, at, length);
  }

  /** A whole message; gives what the client gets for it. Throws where the target does not keep to the protocol. */
  frame(type: number, frame: Uint8Array): Uint8Array | null {
    switch (type) {
      case fromTarget.dataRow:
        return this.#results.maskedRow(frame);
      case fromTarget.readyForQuery:
        return this.#ready(frame);
      case fromTarget.commandComplete:
      case fromTarget.emptyQueryResponse:
        return this.#complete(type, frame);
      case fromTarget.rowDescription:
        return this.#rowDescription(frame);
      case fromTarget.errorResponse:
        return this.#error(frame);
      case fromTarget.noticeResponse:
        return this.#notice(frame);
      case fromTarget.notificationResponse:
        return this.#notification(frame);
      case fromTarget.parameterStatus:
        return this.#parameter(frame);
      case fromTarget.parseComplete:
        return this.#answers("parse", frame);
      case fromTarget.bindComplete:
        return this.#answers("bind", frame);
      case fromTarget.closeComplete:
        return this.#answers("close", frame);
      case fromTarget.noData:
        this.#describe(null);
        return this.#answers("describe", frame);
      case fromTarget.portalSuspended:
        return this.#answers("execute", frame);
      case fromTarget.parameterDescription:
        return this.#parameters(frame);
      case fromTarget.copyInResponse:
        return this.#copyIn(frame);
      case fromTarget.copyData:
        return this.#results.copyRow(frame);
      case fromTarget.copyOutResponse:
        return this.#results.copyOut(frame);
      case fromTarget.copyDone:
        return this.#results.running().withheld ? null : frame;
      default:
        throw unexpected(this.c, type);
    }
  }

  /** A row that may not pass, or a message too large to be read whole. Gives what the client gets instead; the caller drops the message. */
  refused(type: number, bytes: number): Uint8Array | null {
    if (type !== fromTarget.dataRow && type !== fromTarget.copyData) throw unexpected(this.c, type);
    return this.#results.refuseRow(bytes);
  }

  #rowDescription(frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    const columns = decodeRowDescription(frame, this.deps.watcher !== null || this.deps.record !== null);
    if (reply?.kind === "describe") {
      this.#describe(columns);
      return this.#answers("describe", frame);
    }
    const execution = reply?.execution;
    if (reply?.kind !== "query" || execution === null || execution === undefined) {
      throw unexpected(this.c, fromTarget.rowDescription);
    }
    if (execution.withheld) return null;
    if (reply.silent) return null;
    return this.#results.described(execution, columns) ? frame : this.#results.refuseColumns();
  }

  #describe(columns: readonly Column[] | null): void {
    const reply = this.c.replies.first();
    if (reply?.kind !== "describe") return;
    const described = reply.portal ?? reply.statement;
    if (described === null) return;
    described.columns = columns;
    described.describes--;
  }

  #parameters(frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    if (reply?.kind !== "describe") throw unexpected(this.c, fromTarget.parameterDescription);
    if (reply.statement !== null) reply.statement.types = decodeParameterDescription(frame);
    return reply.silent ? null : frame;
  }

  /** One message that is the whole answer to another. */
  #answers(kind: Reply["kind"], frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    if (reply?.kind !== kind || reply.swap !== null) throw unexpected(this.c, frame[0] ?? 0);
    this.c.replies.shift();
    if (reply.ends !== null) this.#results.settle(reply.ends);
    this.progressed = true;
    return reply.silent || reply.execution?.withheld === true ? null : frame;
  }

  #complete(type: number, frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    const execution = reply?.execution;
    if (reply === undefined || reply.swap !== null || execution === null || execution === undefined) {
      throw unexpected(this.c, type);
    }
    if (type === fromTarget.commandComplete) {
      execution.completed(decodeTag(frame));
      for (const ended of settleNames(execution, this.c)) this.#results.settle(ended);
    }
    this.c.copyIn = false;
    if (reply.kind === "execute") {
      this.c.eatenSyncs = 0;
      this.#results.settle(execution);
      return this.#answers("execute", frame);
    }
    execution.index++;
    execution.masks = undefined;
    execution.copyWatch = null;
    execution.copyMasks = null;
    return execution.withheld || reply.silent ? null : frame;
  }

  #ready(frame: Uint8Array): Uint8Array | null {
    const { c } = this;
    const reply = c.replies.first();
    c.status = decodeStatus(frame);
    this.progressed = true;
    if (reply?.kind !== "sync" && reply?.kind !== "query") {
      if (c.eatenSyncs === 0) throw unexpected(this.c, fromTarget.readyForQuery);
      // It did not read that Sync as part of COPY after all: COPY had failed before.
      c.eatenSyncs--;
      c.skipping = false;
      return frame;
    }
    c.replies.shift();
    c.copyIn = false;
    if (reply.execution !== null) this.#results.settle(reply.execution);
    if (reply.ends !== null) this.#results.settle(reply.ends);
    if (c.status === idle) {
      for (const execution of c.endPortals(reply.batch)) this.#results.settle(execution);
      endCursors(c.kept);
      this.#calmDown();
    }
    return reply.silent ? null : frame;
  }

  /** The transaction is over, and with it what was remembered for its sake, as far as nothing new is under way. */
  #calmDown(): void {
    const { c } = this;
    if (c.replies.length === 0 && c.outgoing.length === 0) c.settingsTouched = false;
    c.tainted = false;
    for (const reply of c.replies) c.tainted ||= reply.tainted;
    for (const { reply } of c.outgoing) c.tainted ||= reply?.tainted ?? false;
  }

  #error(frame: Uint8Array): Uint8Array | null {
    const { c } = this;
    const reply = c.replies.first();
    const fields = decodeFields(frame);
    if ((fields.V ?? fields.S) === "FATAL" || fields.V === "PANIC") this.saidFatal = true;
    const told = this.#told(fields, "error text");
    const shown = reply?.swap ?? (told === fields ? frame : errorResponse(told));
    if (reply === undefined) return shown;
    // Postern's own question: without its answer nothing more can be judged.
    if (reply.read !== null) throw unexpected(c, fromTarget.errorResponse);
    // A Bind may fail on what its Execute would do: planning runs what is constant.
    const execution = reply.execution ?? reply.portal?.execution ?? null;
    if (execution !== null) {
      const { C: code = "XX000", M: message = "" } = told;
      execution.error ??= { code, message };
    }
    const unheard = reply.silent || execution?.withheld === true;
    this.progressed = true;
    c.copyIn = false;
    // What was set in the same transaction is taken back with it.
    if (c.settingsTouched) c.barrier = true;
    if (reply.kind !== "query" && reply.kind !== "sync") {
      for (const skipped of c.failPipeline()) this.#results.settleSkipped(skipped);
      if (execution !== null) this.#results.settle(execution);
    }
    return unheard ? null : shown;
  }

  #parameter(frame: Uint8Array): Uint8Array {
    const { name, value } = decodeParameterStatus(frame);
    if (name === "client_encoding" && !isUtf8(value)) {
      throw new PosternError(
        "PolicyDenied",
        `The client encoding became "${value}"; Postern reads UTF-8 only`,
        {
          rule: "UTF-8 only",
          hint: "Leave client_encoding alone",
        },
      );
    }
    if (tracked.has(name)) this.c.setState(name, value);
    return frame;
  }

  #copyIn(frame: Uint8Array): Uint8Array | null {
    const { c } = this;
    this.#results.running();
    c.copyIn = true;
    this.progressed = true;
    // Sync messages that were sent ahead are read over by the target while it waits for data.
    c.eatenSyncs = c.dropSyncs();
    return c.replies.first()?.silent === true ? null : frame;
  }

  #notice(frame: Uint8Array): Uint8Array {
    const fields = decodeFields(frame);
    const told = this.#told(fields, "notice text");
    return told === fields ? frame : noticeResponse(told);
  }

  /** May come at any time, from whoever else says NOTIFY. */
  #notification(frame: Uint8Array): Uint8Array {
    const watch = this.deps.watcher?.watch(null, "notification");
    if (watch === undefined) return frame;
    const { pid, channel, payload } = decodeNotification(frame);
    const shown = { pid, channel: watch.see(channel), payload: watch.see(payload) };
    return shown.channel === channel && shown.payload === payload ? frame : notificationResponse(shown);
  }

  /** What the client, and the record, are told of the target's error or notice; `fields` itself where it is all. */
  #told(fields: Readonly<Record<string, string>>, place: string): Readonly<Record<string, string>> {
    if (this.#taintedNow()) return withoutText(fields);
    const { watcher } = this.deps;
    return watcher === null ? fields : watchedFields(fields, watcher.watch(null, place));
  }

  #taintedNow(): boolean {
    return this.c.tainted || this.c.replies.first()?.tainted === true;
  }
}
