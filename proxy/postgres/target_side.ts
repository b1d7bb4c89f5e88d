/**
 * The target's direction: what of its messages goes on to the client. Most are decided from their header;
 * rows are read only where the result has a masked column. Takes away from the conversation what is answered;
 * no sockets, no clock.
 */
import { PosternError } from "../../policy/errors.ts";
import type { MaskRule } from "../../policy/types.ts";
import type { Conversation, Execution, Reply } from "./conversation.ts";
import {
  type Column,
  decodeFields,
  decodeParameterDescription,
  decodeParameterStatus,
  decodeRowDescription,
  decodeStatus,
  decodeTag,
} from "./decode.ts";
import { errorResponse, noticeResponse } from "./encode.ts";
import { toClient, withoutText } from "./errors.ts";
import { fromTarget, idle } from "./frames.ts";
import { maskRow, masksOf, withFormats } from "./results.ts";
import { isUtf8 } from "./startup.ts";

export interface TargetSideDeps {
  readonly maskOf: (origin: string) => MaskRule | null;
  readonly maskKey: Uint8Array;
  readonly maskedRowBytesMax: number;
  /** An execution came to its end, or will never happen (`skipped`). */
  readonly settled: (execution: Execution) => void;
}

/** What to do with a message, by its header. */
export type Course = "pass" | "take" | "drop";

/** Settings whose value changes what a text means. */
const tracked: ReadonlySet<string> = new Set([
  "client_encoding",
  "search_path",
  "standard_conforming_strings",
]);

const notRun = { code: "57014", message: "Not run: an earlier statement of its pipeline failed" };

export class TargetSide {
  /** The target announced the connection's end. */
  saidFatal = false;
  /** An answer that others may wait for came to its end, or COPY began. */
  progressed = false;

  constructor(private readonly c: Conversation, private readonly deps: TargetSideDeps) {}

  /** Counts what passes or drops, so it is asked once for such a message; for `take` it may be asked again. */
  course(type: number, bytes: number): Course {
    if (type === fromTarget.dataRow) return this.#row(bytes);
    if (type === fromTarget.copyData) return this.#copyData(bytes);
    if (type === fromTarget.notificationResponse) return "pass";
    return "take";
  }

  /** A whole message; gives what the client gets for it. Throws where the target does not keep to the protocol. */
  frame(type: number, frame: Uint8Array): Uint8Array | null {
    switch (type) {
      case fromTarget.dataRow:
        return this.#maskedRow(frame);
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
        return this.#taintedNow() ? noticeResponse(withoutText(decodeFields(frame))) : frame;
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
      case fromTarget.copyOutResponse:
        return this.#copyOut(frame);
      case fromTarget.copyDone:
        return this.#running().withheld ? null : frame;
      default:
        throw this.#unexpected(type);
    }
  }

  /** A message too large to be read whole. Gives what the client gets instead; the caller drops the message. */
  oversized(type: number, bytes: number): Uint8Array | null {
    const limit = this.deps.maskedRowBytesMax;
    if (type !== fromTarget.dataRow) throw this.#unexpected(type);
    return this.#withhold(
      new PosternError(
        "LimitExceeded",
        `A row of ${bytes} bytes is more than Postern masks (listen.limits.maskedRow: ${limit})`,
        { rule: "listen.limits.maskedRow", hint: "Leave the large column out of the SELECT" },
      ),
    );
  }

  #row(bytes: number): Course {
    const reply = this.c.replies.first();
    const execution = reply?.execution;
    if (reply === undefined || execution === null || execution === undefined) {
      throw this.#unexpected(fromTarget.dataRow);
    }
    if (reply.silent || execution.withheld) return "drop";
    if (execution.masks !== null) return "take";
    execution.rows++;
    execution.bytes += bytes;
    return "pass";
  }

  #copyData(bytes: number): Course {
    const execution = this.#running();
    if (execution.withheld || this.c.replies.first()?.silent === true) return "drop";
    execution.rows++;
    execution.bytes += bytes;
    return "pass";
  }

  #maskedRow(frame: Uint8Array): Uint8Array | null {
    const execution = this.#running();
    if (execution.masks === undefined && !this.#resolveMasks(execution)) {
      return this.#withhold(otherColumns());
    }
    const { masks } = execution;
    const row = masks === null || masks === undefined ? frame : maskRow(frame, masks, this.deps.maskKey);
    if (row === null) return this.#withhold(otherColumns());
    execution.rows++;
    execution.bytes += row.length;
    return row;
  }

  /** Execute answers with rows alone: their description came earlier, for the portal or for its statement. */
  #resolveMasks(execution: Execution): boolean {
    const portal = this.c.replies.first()?.portal;
    if (portal === null || portal === undefined) return false;
    const ofStatement = portal.statement.columns;
    const columns = portal.columns ??
      (ofStatement === null || ofStatement === undefined
        ? null
        : withFormats(ofStatement, portal.resultFormats));
    return columns !== null && this.#setMasks(execution, columns);
  }

  #setMasks(execution: Execution, columns: readonly Column[]): boolean {
    const masks = masksOf(execution.plan, columns, this.deps.maskOf);
    if (masks === "refuse") return false;
    execution.masks = masks;
    return true;
  }

  #rowDescription(frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    const columns = decodeRowDescription(frame);
    if (reply?.kind === "describe") {
      this.#describe(columns);
      return this.#answers("describe", frame);
    }
    const execution = reply?.execution;
    if (reply?.kind !== "query" || execution === null || execution === undefined) {
      throw this.#unexpected(fromTarget.rowDescription);
    }
    if (execution.withheld) return null;
    return this.#setMasks(execution, columns) ? frame : this.#withhold(otherColumns());
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
    if (reply?.kind !== "describe") throw this.#unexpected(fromTarget.parameterDescription);
    if (reply.statement !== null) reply.statement.types = decodeParameterDescription(frame);
    return reply.silent ? null : frame;
  }

  /** One message that is the whole answer to another. */
  #answers(kind: Reply["kind"], frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    if (reply?.kind !== kind || reply.swap !== null) throw this.#unexpected(frame[0] ?? 0);
    this.c.replies.shift();
    this.progressed = true;
    return reply.silent || reply.execution?.withheld === true ? null : frame;
  }

  #complete(type: number, frame: Uint8Array): Uint8Array | null {
    const reply = this.c.replies.first();
    const execution = reply?.execution;
    if (reply === undefined || reply.swap !== null || execution === null || execution === undefined) {
      throw this.#unexpected(type);
    }
    if (type === fromTarget.commandComplete) execution.tag = decodeTag(frame);
    this.c.copyIn = false;
    if (reply.kind === "execute") {
      this.c.eatenSyncs = 0;
      this.#settle(execution);
      return this.#answers("execute", frame);
    }
    execution.index++;
    execution.masks = undefined;
    return execution.withheld ? null : frame;
  }

  #ready(frame: Uint8Array): Uint8Array | null {
    const { c } = this;
    const reply = c.replies.first();
    c.status = decodeStatus(frame);
    this.progressed = true;
    if (reply?.kind !== "sync" && reply?.kind !== "query") {
      if (c.eatenSyncs === 0) throw this.#unexpected(fromTarget.readyForQuery);
      // It did not read that Sync as part of COPY after all: COPY had failed before.
      c.eatenSyncs--;
      c.skipping = false;
      return frame;
    }
    c.replies.shift();
    c.copyIn = false;
    if (reply.execution !== null) this.#settle(reply.execution);
    if (c.status === idle) {
      for (const execution of c.endPortals(reply.batch)) this.#settle(execution);
      this.#calmDown();
    }
    return frame;
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
    const tainted = this.#taintedNow();
    const shown = reply?.swap ?? (tainted ? errorResponse(withoutText(fields)) : frame);
    if (reply === undefined) return shown;
    const { execution } = reply;
    if (execution !== null) {
      const { C: code = "XX000", M: message = "" } = tainted ? withoutText(fields) : fields;
      execution.error ??= { code, message };
    }
    const heard = reply.silent || execution?.withheld === true;
    this.progressed = true;
    c.copyIn = false;
    if (reply.kind !== "query" && reply.kind !== "sync") {
      for (const skipped of c.failPipeline()) {
        skipped.error ??= notRun;
        this.#settle(skipped);
      }
      if (execution !== null) this.#settle(execution);
    }
    return heard ? null : shown;
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
    this.#running();
    c.copyIn = true;
    this.progressed = true;
    // Sync messages that were sent ahead are read over by the target while it waits for data.
    c.eatenSyncs = c.dropSyncs();
    return c.replies.first()?.silent === true ? null : frame;
  }

  #copyOut(frame: Uint8Array): Uint8Array | null {
    const execution = this.#running();
    if (execution.withheld) return null;
    return execution.plan?.kind === "clean" ? frame : this.#withhold(
      new PosternError("PolicyDenied", "COPY of masked columns is not offered through Postern", {
        rule: "masking",
        hint: "Use SELECT, where the columns can be masked, or leave them out",
      }),
    );
  }

  /** The client gets `error` and nothing more of this result. What the target did is done. */
  #withhold(error: PosternError): Uint8Array | null {
    const reply = this.c.replies.first();
    const execution = this.#running();
    const silent = reply?.silent === true || execution.withheld;
    execution.withheld = true;
    execution.error = { code: "42501", message: error.message };
    if (reply?.kind === "execute") { for (const one of this.c.mutePipeline()) this.#settleSkipped(one); }
    return silent ? null : toClient(error);
  }

  #settleSkipped(execution: Execution): void {
    execution.error ??= notRun;
    this.#settle(execution);
  }

  #settle(execution: Execution): void {
    if (execution.settled) return;
    execution.settled = true;
    this.deps.settled(execution);
  }

  #running(): Execution {
    const execution = this.c.replies.first()?.execution;
    if (execution === null || execution === undefined) throw this.#unexpected(0);
    return execution;
  }

  #taintedNow(): boolean {
    return this.c.tainted || this.c.replies.first()?.tainted === true;
  }

  #unexpected(type: number): PosternError {
    const letter = String.fromCharCode(type);
    return new PosternError("TargetUnavailable", "The target sent what the protocol does not have here", {
      hint: "The connection is closed, since what comes next could not be told apart",
      cause: `message ${JSON.stringify(letter)} while ${
        this.c.replies.first()?.kind ?? "nothing"
      } is answered`,
    });
  }
}

function otherColumns(): PosternError {
  return new PosternError(
    "PolicyDenied",
    "The result is withheld: its columns are not those that the statement was judged by",
    {
      rule: "masking",
      hint: "The schema may have changed a moment ago: try again. What the statement changed is not undone",
    },
  );
}
