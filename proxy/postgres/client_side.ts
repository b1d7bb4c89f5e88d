/**
 * The client's direction: one message -> what is to be done with it. Reads and extends the conversation; no
 * sockets, no clock, no waiting. Statements are judged at Parse (what could never pass is refused there) and
 * again at Execute, where parameters and the session's state are the ones that count.
 */
import { PosternError } from "../../policy/errors.ts";
import type { Session } from "../../policy/ports.ts";
import type { Judgement, StatementRun } from "../../policy/types.ts";
import {
  type Conversation,
  forget,
  type Outgoing,
  type Portal,
  portalOf,
  replace,
  type Reply,
  replyTo,
  type Statement,
} from "./conversation.ts";
import { decodeBind, decodeExecute, decodeNamed, decodeParse, decodeQuery } from "./decode.ts";
import { Execution } from "./execution.ts";
import { describePortal } from "./encode.ts";
import { fromClient, headerBytes } from "./frames.ts";
import { takeEffect } from "./names.ts";
import {
  lossyText,
  noFunctionCalls,
  preparedLimit,
  protocolRun,
  refusalOf,
  tooLarge,
  unknownName,
  unlessUnreadable,
} from "./refusals.ts";
import { type Prepare, ruled } from "./ruling.ts";
import { unready, unsettled } from "./state.ts";
import type { Place, Step } from "./steps.ts";

const drop: Step = { kind: "drop" };

export class ClientSide {
  /**
   * The last Bind, while only its Describe and Execute have followed: it goes out with the Execute, once that
   * is recorded (binding plans the statement, and planning may run functions).
   */
  kept: Outgoing | null = null;
  #keptPortal: Portal | null = null;

  constructor(
    private readonly c: Conversation,
    private readonly session: Pick<Session, "judge" | "ahead">,
    private readonly preparedMax: number,
  ) {}

  /** `frame` is whole. Throws ProtocolViolation for what no client sends at this point. */
  step(type: number, frame: Uint8Array): Step {
    const { c } = this;
    if (type === fromClient.terminate) {
      this.releaseKept();
      return { kind: "terminate" };
    }
    if (type === fromClient.sync) return this.#sync(frame);
    if (c.skipping) return drop;
    switch (type) {
      case fromClient.query:
        return this.#guarded(() => this.#query(frame), { place: "query", frame });
      case fromClient.parse:
        return this.#guarded(() => this.#parse(frame), { place: "pipeline", frame });
      case fromClient.bind:
        return this.#guarded(() => this.#bind(frame));
      case fromClient.describe:
        return this.#guarded(() => this.#describe(frame));
      case fromClient.execute:
        return this.#guarded(() => this.#execute(frame));
      case fromClient.close:
        return this.#guarded(() => this.#close(frame));
      case fromClient.flush:
        this.releaseKept();
        return c.copyIn ? drop : { kind: "send", items: [{ frame, reply: null, ready: true }] };
      case fromClient.copyData:
      case fromClient.copyDone:
      case fromClient.copyFail:
        return this.#copy(type, frame);
      case fromClient.functionCall:
        return this.#functionCall();
      default:
        throw new PosternError("ProtocolViolation", `The client sent a message of the unknown type ${type}`);
    }
  }

  /** The next message would be too large to judge. */
  oversized(type: number, bytes: number, bytesMax: number): Step {
    if (this.c.skipping) return drop;
    if (type === fromClient.copyData && this.c.drained(null)) return drop;
    const error = tooLarge(bytes, bytesMax);
    // COPY data ahead of the target's asking: dropping it would cut the data.
    if (type === fromClient.copyData) throw error;
    const place = type === fromClient.query || type === fromClient.functionCall ? "query" : "pipeline";
    this.releaseKept();
    return { kind: "refuse", run: protocolRun("", error, this.c), error, place };
  }

  /** The last Bind need not wait any longer: no Execute of it comes next. */
  releaseKept(): void {
    if (this.kept !== null) this.kept.ready = true;
    this.forgetKept();
  }

  /** Whoever takes `kept` says when it goes out. */
  forgetKept(): void {
    this.kept = null;
    this.#keptPortal = null;
  }

  #sync(frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    // During COPY the target reads over it (COPY-in in the extended protocol); the client sends another one.
    if (c.copyIn) return drop;
    c.skipping = false;
    c.unsynced = false;
    c.executed = false;
    const reply = replyTo(c, "sync", { batch: ++c.batch, tainted: c.tainted });
    return { kind: "send", items: [{ frame, reply, ready: true }] };
  }

  #query(frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    const text = decodeQuery(frame);
    const wait = unsettled(c) ?? unready(this.session, text, c, "query");
    if (wait !== null) return wait;
    const judgement = this.session.judge(text, c.state);
    return this.#ruled(judgement, "query", text, [], (judgement, source) => {
      const execution = new Execution(judgement, source);
      const ends = c.portals.get("")?.execution ?? null;
      const undo = takeEffect(judgement, c, true);
      const reply = replyTo(c, "query", {
        execution,
        undo,
        ends,
        batch: ++c.batch,
        tainted: judgement.tainted,
      });
      return { execution, items: [{ frame, reply, ready: false }] };
    });
  }

  #parse(frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    const { statement: name, text, types } = decodeParse(frame);
    const wait = unsettled(c) ?? unready(this.session, text, c, "pipeline");
    if (wait !== null) return wait;
    const full = preparedLimit(c.statements, this.preparedMax, name, text);
    if (full !== null) {
      return { kind: "refuse", run: protocolRun(text, full, c), error: full, place: "pipeline" };
    }
    const judgement = this.session.judge(text, c.state);
    if (judgement.verdict === "deny") {
      const run = { text, parameters: [], judgement, state: c.state, inTransaction: c.inTransaction };
      return { kind: "refuse", run, error: refusalOf(judgement), place: "pipeline" };
    }
    const statement: Statement = {
      name,
      text,
      types,
      columns: undefined,
      describes: 0,
      tainted: judgement.tainted,
    };
    const undo = replace(c.statements, name, statement);
    return this.#send(frame, replyTo(c, "parse", { statement, undo, tainted: statement.tainted }));
  }

  #bind(frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    const wait = unsettled(c);
    if (wait !== null) return wait;
    const bind = decodeBind(frame);
    const statement = c.statements.get(bind.statement);
    if (statement === undefined) return unknownName("statement", bind.statement);
    const portal = portalOf(bind, statement, c.batch + 1);
    const ends = c.portals.get(portal.name)?.execution ?? null;
    const undo = replace(c.portals, portal.name, portal);
    const reply = replyTo(c, "bind", { portal, undo, ends, tainted: statement.tainted });
    this.kept = { frame, reply, ready: false };
    this.#keptPortal = portal;
    c.unsynced = true;
    return { kind: "send", items: [this.kept] };
  }

  #describe(frame: Uint8Array): Step {
    const { c } = this;
    const { kind, name } = decodeNamed(frame, "a Describe message");
    const portal = kind === "portal" ? c.portals.get(name) ?? null : null;
    const statement = kind === "statement" ? c.statements.get(name) ?? null : null;
    if (this.#keptPortal === null || portal !== this.#keptPortal) this.releaseKept();
    const described = portal ?? statement;
    if (described !== null) described.describes++;
    const tainted = (portal?.statement ?? statement)?.tainted ?? false;
    return this.#send(frame, replyTo(c, "describe", { portal, statement, tainted }));
  }

  #execute(frame: Uint8Array): Step {
    const { c } = this;
    const { portal: name } = decodeExecute(frame);
    const portal = c.portals.get(name);
    if (portal !== this.#keptPortal) this.releaseKept();
    if (portal === undefined) return unknownName("portal", name);
    if (portal.execution !== null) {
      const { execution, statement } = portal;
      return this.#send(frame, replyTo(c, "execute", { portal, execution, tainted: statement.tainted }));
    }
    const { statement } = portal;
    const wait = unsettled(c) ?? unready(this.session, statement.text, c, "pipeline");
    if (wait !== null) return wait;
    const judgement = this.session.judge(statement.text, c.state);
    return this.#ruled(judgement, "pipeline", statement.text, portal.parameters, (judgement, source) => {
      const execution = portal.execution = new Execution(judgement, source);
      const items: Outgoing[] = [];
      const unknown = portal.columns === undefined && statement.columns === undefined;
      if (unknown && portal.describes + statement.describes === 0) {
        portal.describes++;
        const reply = replyTo(c, "describe", { portal, tainted: judgement.tainted, silent: true });
        items.push({ frame: describePortal(portal.name), reply, ready: false });
      }
      const undo = takeEffect(judgement, c, false);
      const reply = replyTo(c, "execute", { portal, execution, undo, tainted: judgement.tainted });
      items.push({ frame, reply, ready: false });
      c.unsynced = true;
      c.executed = true;
      return { execution, items };
    });
  }

  #close(frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    const { kind, name } = decodeNamed(frame, "a Close message");
    const ends = kind === "portal" ? c.portals.get(name)?.execution ?? null : null;
    const undo = kind === "portal" ? forget(c.portals, name) : forget(c.statements, name);
    return this.#send(frame, replyTo(c, "close", { undo, ends }));
  }

  #copy(type: number, frame: Uint8Array): Step {
    const { c } = this;
    this.releaseKept();
    if (!c.copyIn) return c.drained(null) ? drop : { kind: "wait", until: "copy" };
    if (type === fromClient.copyData) c.countCopied(frame.length - headerBytes);
    else c.copyIn = false;
    return { kind: "send", items: [{ frame, reply: null, ready: true }] };
  }

  #functionCall(): Step {
    this.releaseKept();
    const error = noFunctionCalls();
    return {
      kind: "refuse",
      run: protocolRun("[function call message]", error, this.c),
      error,
      place: "query",
    };
  }

  #ruled(
    judgement: Judgement,
    place: Place,
    text: string,
    parameters: StatementRun["parameters"],
    prepare: Prepare,
  ): Step {
    const { c, session, kept, preparedMax: most } = this;
    return ruled(judgement, parameters, prepare, { session, c, text, place, kept, most });
  }

  #send(frame: Uint8Array, reply: Reply): Step {
    this.c.unsynced = true;
    return { kind: "send", items: [{ frame, reply, ready: true }] };
  }

  /** A text that cannot be read (broken UTF-8, bytes behind the end) is refused like a statement, and recorded. */
  #guarded(run: () => Step, text?: { readonly place: Place; readonly frame: Uint8Array }): Step {
    return unlessUnreadable(run, (error) => {
      this.releaseKept();
      const record = text === undefined ? null : protocolRun(lossyText(text.frame), error, this.c);
      return { kind: "refuse", run: record, error, place: text?.place ?? "pipeline" };
    });
  }
}
