/**
 * Client to target: each message is judged, recorded and forwarded in order. Records of a pipeline are written
 * together; what waits for a person, or for answers that decide what comes next, stops reading from this
 * client and from nobody else.
 */
import type { Session } from "../../policy/ports.ts";
import type { StatementRun } from "../../policy/types.ts";
import type { ConnectionDeps, Stream } from "../protocol.ts";
import { FrameBuffer } from "../wire/frame_buffer.ts";
import { ClientSide } from "./client_side.ts";
import type { Conversation, Outgoing } from "./conversation.ts";
import type { Execution } from "./execution.ts";
import { flush, readyForQuery, terminate } from "./encode.ts";
import { toClient } from "./errors.ts";
import { Executor } from "./executor.ts";
import { frameShape, fromClient, headerBytes, idle } from "./frames.ts";
import { Held } from "./held.ts";
import { Sender } from "./sender.ts";
import type { Place, Runnable, Step, Unready } from "./steps.ts";
import { cancelledUnread } from "./waiting.ts";
import { isOver, type Wait } from "./waits.ts";

export interface ClientPumpDeps {
  readonly client: Stream;
  readonly target: Stream;
  readonly conversation: Conversation;
  readonly session: Session;
  readonly limits: ConnectionDeps["limits"];
  readonly log: ConnectionDeps["log"];
  /** Writes to the client, between whole messages. */
  readonly send: (frame: Uint8Array) => void;
  readonly finished: (execution: Execution) => void;
  /** Ends the connection. */
  readonly fail: (error: unknown) => void;
  readonly now: () => number;
}

/** Bytes of a waiting client that are read ahead, so that its going away is still noticed. */
const readAheadBytes = 262_144;
/** Messages that may wait for their records before reading stops. */
const outgoingMax = 4096;

export class ClientPump {
  readonly #c: Conversation;
  readonly #side: ClientSide;
  readonly #in = new FrameBuffer(frameShape);
  readonly #sender: Sender;
  readonly #executor: Executor;
  #wait: Wait | null = null;
  /** The message that waits. */
  #again: { type: number; frame: Uint8Array } | null = null;
  #held: Held | null = null;
  /** What judging the message that waits has to wait for. */
  #unready: Unready | null = null;
  #cancelling = 0;
  #nudged = false;
  #pumping = false;
  #closed = false;
  #left = false;

  constructor(private readonly deps: ClientPumpDeps) {
    this.#c = deps.conversation;
    this.#sender = new Sender(deps.target, this.#c, () => this.pump());
    this.#executor = new Executor({
      ...deps,
      progress: () => {
        if (!this.#closed) this.progress();
      },
    });
    this.#side = new ClientSide(this.#c, deps.session, deps.limits.preparedStatementsMax);
  }

  get holding(): boolean {
    return this.#wait === "hold";
  }

  /** The client said goodbye: what it sent before is still carried out. */
  get left(): boolean {
    return this.#left || this.#wait === "end";
  }

  /** Something of this client's is under way, here or at the target. */
  get busy(): boolean {
    return this.#wait !== null || this.#c.replies.length > 0 || this.#c.outgoing.length > 0;
  }

  push(chunk: Uint8Array): void {
    this.#in.push(chunk);
    this.pump();
  }

  /** Goes on with what is buffered, as far as nothing has to be waited for. */
  pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      while (this.#mayGoOn() && this.#next());
      this.#in.settle();
    } finally {
      this.#pumping = false;
    }
    this.#throttle();
    this.#sender.schedule();
  }

  /** The target answered something: whoever waits for that may go on. */
  progress(): void {
    this.#sender.release();
    if (this.#wait !== null || this.#again !== null) this.pump();
  }

  /** A CancelRequest came: true where a statement that is held or being recorded took it, and the target has none. */
  cancelUnsent(): boolean {
    this.#held?.cancel();
    if (this.#held !== null) return true;
    // Earlier messages of the same pipeline may run at the target, which is to be told, too.
    const alone = this.#c.replies.length === 0;
    if (this.#unready !== null) return this.#giveUp(this.#unready) && alone;
    let batch: number | null = null;
    for (const reply of this.#c.replies) if (reply.execution !== null) batch = reply.batch;
    // What was sent of the same pipeline may run still, or its answer may lie in the target's buffer.
    return this.#executor.cancelRecording(batch) && batch === null;
  }

  /** Nobody waits any more for what is not understood yet. */
  #giveUp({ ahead, place }: Unready): true {
    this.#wait = this.#unready = this.#again = null;
    ahead.cancel();
    this.#refuse(null, place, cancelledUnread(), "cancelled");
    this.pump();
    return true;
  }

  /** Nothing new goes out while a cancel is on its way: it must not hit a later statement. */
  async during(cancel: Promise<void>): Promise<void> {
    this.#cancelling++;
    try {
      await cancel;
    } finally {
      this.#cancelling--;
      this.pump();
    }
  }

  /** Nothing goes out any more. */
  close(reason: string): void {
    this.#closed = true;
    this.#sender.close();
    this.#held?.withdraw(reason);
    this.#unready?.ahead.cancel();
  }

  #mayGoOn(): boolean {
    const c = this.#c;
    if (this.#closed || this.#cancelling > 0 || this.#sender.stalled) return false;
    if (this.#wait === "end") return c.outgoing.length === 0 && this.#leave();
    if (this.#wait === null && c.outgoing.length >= outgoingMax) this.#wait = "room";
    else if (this.#wait !== null && isOver(this.#wait, c, this.#side.kept)) this.#wait = null;
    if (this.#wait === null) {
      this.#nudged = false;
      return true;
    }
    this.#nudge();
    return false;
  }

  /** Answers may sit in the target's buffer until it is asked for them. */
  #nudge(): void {
    const c = this.#c;
    if (this.#nudged || (this.#wait !== "drained" && this.#wait !== "copy")) return;
    if (!c.unsynced || c.replies.length === 0) return;
    if (c.outgoing.length > 0 && c.outgoing.first() !== this.#side.kept) return;
    this.#nudged = true;
    this.#sender.out.push(flush);
  }

  /** One message; false where none is complete. */
  #next(): boolean {
    if (this.#again !== null) {
      const { type, frame } = this.#again;
      this.#again = null;
      this.#act(this.#side.step(type, frame), type, frame);
      return true;
    }
    const bytes = this.#in.peek();
    if (bytes === 0) return false;
    const type = this.#in.byte(0);
    const c = this.#c;
    if (type === fromClient.copyData && c.copyIn && c.outgoing.length === 0) {
      c.countCopied(bytes - headerBytes);
      this.#in.passInRun(bytes, this.#sender.out);
      return true;
    }
    const bytesMax = this.deps.limits.statementBytesMax;
    if (bytes > bytesMax) {
      const step = this.#side.oversized(type, bytes, bytesMax);
      this.#in.drop(bytes);
      this.#act(step, type, new Uint8Array(0));
      return true;
    }
    const frame = this.#in.take(bytes);
    if (frame === null) return false;
    this.#act(this.#side.step(type, frame), type, frame);
    return true;
  }

  #act(step: Step, type: number, frame: Uint8Array): void {
    switch (step.kind) {
      case "drop":
        return;
      case "send":
        for (const item of step.items) this.#c.outgoing.push(item);
        return this.#sender.release();
      case "run":
        return this.#executor.run(step, this.#takeKept(), undefined);
      case "hold":
        if (this.#c.drained(this.#side.kept)) return void this.#holdFor(step).catch(this.deps.fail);
        return this.#waitFor("drained", type, frame);
      case "refuse":
        return this.#refuse(step.run, step.place, toClient(step.error, step), step.error.rule ?? "protocol");
      case "wait":
        if (step.until === "ready") {
          this.#waitFor("ready", type, frame);
          this.#unready = step;
          return void step.ahead.ready.then(() => {
            if (this.#unready !== step) return;
            this.#wait = this.#unready = null;
            this.pump();
          });
        }
        for (const item of step.items ?? []) this.#c.outgoing.push(item);
        this.#sender.release();
        return this.#waitFor(step.until, type, frame);
      case "terminate":
        this.#wait = "end";
    }
  }

  #waitFor(wait: Wait, type: number, frame: Uint8Array): void {
    this.#wait = wait;
    this.#again = { type, frame };
  }

  /** `answer` is what the client gets: from Postern where nothing is under way, else in place of the target's own error. */
  #refuse(run: StatementRun | null, place: Place, answer: Uint8Array, rule: string): void {
    const c = this.#c;
    if (place === "query" && c.status === idle && !c.unsynced && c.drained(null)) {
      this.#wait = "record";
      this.#executor.recorded(run, () => {
        this.deps.send(answer);
        this.deps.send(readyForQuery(idle));
        this.#wait = null;
        this.pump();
      });
    } else this.#executor.replace(run, this.#takeKept(), { place, answer, rule });
  }

  #takeKept(): Outgoing | null {
    const { kept } = this.#side;
    this.#side.forgetKept();
    return kept;
  }

  async #holdFor(step: Runnable): Promise<void> {
    const { session, limits, now, send } = this.deps;
    this.#wait = "hold";
    this.#held = new Held({ session, noticeMs: limits.holdNoticeMs, send, now });
    const outcome = await this.#held.outcome(step.run);
    this.#held = null;
    if (this.#closed) return;
    this.#wait = null;
    if ("approval" in outcome) this.#executor.run(step, this.#takeKept(), outcome.approval);
    else {
      const { error } = outcome.refusal;
      if (error.code === "Internal") {
        this.deps.log("error", "a hold failed", { problem: String(error.cause) });
      }
      // Not recorded as judged: the request and its end are in the record already.
      this.#refuse(null, step.place, toClient(error, outcome.refusal), step.run.judgement.rule);
    }
    this.pump();
  }

  #throttle(): void {
    const { client } = this.deps;
    const full = this.#sender.stalled || (this.#wait !== null && this.#in.size > readAheadBytes);
    if (full === client.isPaused()) return;
    if (full) client.pause();
    else client.resume();
  }

  /** The client said goodbye: the target finishes what it has, and closes. */
  #leave(): false {
    this.#left = this.#closed = true;
    this.#sender.finish(terminate);
    return false;
  }
}
