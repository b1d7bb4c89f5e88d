/** An admitted session's traffic: two pumps over one conversation, and every way that it can end. */
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import { maskKey } from "../../policy/masking.ts";
import type { Session } from "../../policy/ports.ts";
import type { SqlState } from "../../policy/types.ts";
import type { ConnectionDeps, Stream } from "../protocol.ts";
import { ResultLimits, unread } from "../result_limits.ts";
import { cancelAtTarget } from "./cancel.ts";
import { ClientPump } from "./client_pump.ts";
import { Conversation } from "./conversation.ts";
import type { Execution } from "./execution.ts";
import { terminate } from "./encode.ts";
import { notice, sqlState, toClient } from "./errors.ts";
import { TargetPump } from "./target_pump.ts";
import { TargetSide } from "./target_side.ts";

export interface RelayOptions {
  readonly client: Stream;
  readonly target: Stream;
  /** The backend's key at the target. */
  readonly key: { readonly pid: number; readonly secret: Uint8Array };
  readonly session: Session;
  readonly state: SqlState;
  /** Whether the target tells every change of it. */
  readonly stateReported: boolean;
  /** Read too far during the handshakes. */
  readonly early: { readonly client: Uint8Array; readonly target: Uint8Array };
  readonly deps: ConnectionDeps;
}

/** How long an end waits for the other side to read its last words. */
const farewellMs = 2_000;

export class Relay {
  readonly #conversation: Conversation;
  readonly #clientPump: ClientPump;
  readonly #targetPump: TargetPump;
  readonly #targetSide: TargetSide;
  readonly #done = Promise.withResolvers<string>();
  /** Executions that came to their end in what is being pumped. */
  #answered: Execution[] = [];
  #ended = false;
  #activeAt = Date.now();
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: RelayOptions) {
    const { client, target, session, deps } = options;
    this.#conversation = new Conversation(options.state, options.stateReported);
    this.#targetSide = new TargetSide(this.#conversation, {
      maskOf: (origin) => session.maskOf(origin),
      watcher: session.watcher ?? null,
      maskKey: maskKey(deps.maskKey, session.target.name),
      maskedRowBytesMax: deps.limits.maskedRowBytesMax,
      limits: new ResultLimits(() => deps.limits, session.target),
      cancel: () => void this.#clientPump.during(this.#cancelAtTarget()),
      record: session.target.record ?? null,
      settled: (execution) => void this.#answered.push(execution),
    });
    session.watch?.(() => this.#conversation.replies.first()?.execution ?? null);
    this.#targetPump = new TargetPump(target, client, this.#targetSide, deps.limits.maskedRowBytesMax, {
      afterMs: () => deps.limits.unreadTimeoutMs,
      call: () => this.#unread(),
    });
    this.#clientPump = new ClientPump({
      client,
      target,
      session,
      conversation: this.#conversation,
      limits: deps.limits,
      log: deps.log,
      send: (frame) => this.#targetPump.send(frame),
      finished: (execution) => this.#finished(execution),
      fail: (error) => this.#fail(error),
      now: Date.now,
    });
  }

  /** Resolves with the reason for its end, once both sides are closed or given up. Never rejects. */
  run(): Promise<string> {
    const { client, target, session, deps, early } = this.options;
    client.on("data", this.#onClient);
    client.on("end", this.#onClientGone);
    client.on("error", this.#onClientGone);
    client.on("close", this.#onClientGone);
    target.on("data", this.#onTarget);
    target.on("end", this.#onTargetGone);
    target.on("error", this.#onTargetGone);
    target.on("close", this.#onTargetGone);
    session.ended.addEventListener("abort", this.#onAbort, { once: true });
    deps.stopping.addEventListener("abort", this.#onAbort, { once: true });
    session.onNotice?.(({ message, detail, hint }) => {
      if (!this.#ended) this.#targetPump.send(notice(message, detail, hint));
    });
    this.#watchIdle();
    if (session.ended.aborted || deps.stopping.aborted) this.#onAbort();
    else if (client.destroyed || client.readableEnded) this.#onClientGone();
    else if (target.destroyed || target.readableEnded) this.#onTargetGone();
    else {
      if (early.target.length > 0) this.#onTarget(early.target);
      if (early.client.length > 0) this.#onClient(early.client);
      target.resume();
      client.resume();
    }
    return this.#done.promise;
  }

  /** A CancelRequest with this session's key. Settles when the target was told, if there was anything to tell. */
  async cancel(): Promise<void> {
    if (this.#ended || this.#clientPump.cancelUnsent()) return;
    if (!this.#clientPump.busy) return;
    await this.#clientPump.during(this.#cancelAtTarget());
  }

  async #cancelAtTarget(): Promise<void> {
    const { session, key, deps } = this.options;
    try {
      await cancelAtTarget(session.target, key, deps.limits.targetConnectTimeoutMs);
    } catch (error) {
      deps.log("warn", "a cancel did not reach the target", { problem: asPosternError(error).message });
    }
  }

  #onClient = (chunk: Uint8Array): void => {
    if (this.#ended) return;
    this.#activeAt = Date.now();
    try {
      this.#clientPump.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
  };

  #onTarget = (chunk: Uint8Array): void => {
    if (this.#ended) return;
    this.#activeAt = Date.now();
    try {
      this.#targetPump.push(chunk);
      this.#recordAnswered();
      if (this.#targetSide.progressed) {
        this.#targetSide.progressed = false;
        this.#clientPump.progress();
      }
    } catch (error) {
      this.#recordAnswered();
      this.#fail(error);
    }
  };

  /** Once the client has its answer: it does not wait for what the record is told of it. */
  #recordAnswered(): void {
    if (this.#answered.length === 0) return;
    const answered = this.#answered;
    this.#answered = [];
    for (const execution of answered) this.#finished(execution);
  }

  #onClientGone = (): void => {
    if (!this.#clientPump.left) this.#end("the client disconnected", null);
  };

  #onTargetGone = (): void => {
    if (this.#clientPump.left) return this.#end("the client disconnected", null);
    if (this.#targetSide.saidFatal) return this.#end("the target ended the connection", null);
    const error = new PosternError("TargetUnavailable", "The target closed the connection unexpectedly", {
      hint: "It may have crashed or been stopped; connect again",
    });
    this.#end("the target closed the connection", toClient(error, { fatal: true }));
  };

  #onAbort = (): void => {
    const { session, deps } = this.options;
    const reason = asPosternError(session.ended.aborted ? session.ended.reason : deps.stopping.reason);
    this.#end(reason.message, toClient(reason, { fatal: true, sqlState: sqlState.adminShutdown }));
  };

  #fail(thrown: unknown): void {
    const error = asPosternError(thrown);
    const { log } = this.options.deps;
    const problem = error.cause === undefined ? error.message : `${error.message} (${error.cause})`;
    log(error.code === "Internal" ? "error" : "warn", "a connection failed", {
      session: this.options.session.id,
      problem,
    });
    this.#end(error.message, toClient(error, { fatal: true }));
  }

  /** The client takes nothing of what it was sent: no message gets through to it, unless it reads on just now. */
  #unread(): void {
    const error = unread(this.options.deps.limits.unreadTimeoutMs);
    this.#end(error.message, toClient(error, { fatal: true, sqlState: sqlState.idleTimeout }));
  }

  #watchIdle(): void {
    const { idleTimeoutMs } = this.options.deps.limits;
    const check = (): void => {
      const quiet = Date.now() - this.#activeAt;
      const waits = this.#clientPump.holding || (this.#clientPump.busy && !this.#targetPump.stalled);
      if (quiet >= idleTimeoutMs && !waits) {
        const error = limitReached(
          "listen.limits.idle",
          "The session was idle for too long",
          "Connect again",
        );
        return this.#end(
          "idle for too long",
          toClient(error, { fatal: true, sqlState: sqlState.idleTimeout }),
        );
      }
      const next = waits ? idleTimeoutMs : idleTimeoutMs - quiet;
      this.#idleTimer = setTimeout(check, Math.min(Math.max(next, 100), 2 ** 31 - 1));
    };
    this.#idleTimer = setTimeout(check, Math.min(idleTimeoutMs, 2 ** 31 - 1));
  }

  /** The client is told `farewell` where that does not cut a message in two; a running statement is cancelled. */
  #end(reason: string, farewell: Uint8Array | null): void {
    if (this.#ended) return;
    const { client, target } = this.options;
    if (farewell !== null && !this.#targetPump.midFrame) this.#targetPump.send(farewell);
    const running = this.#conversation.replies.length > 0 && !target.destroyed && !target.readableEnded;
    this.#ended = true;
    this.#settleAll(reason);
    this.#clientPump.close(reason);
    client.end();
    if (running) void this.#cancelAtTarget();
    if (!target.destroyed) target.end(terminate);
    this.#close(reason);
  }

  /** Both sides are closing; what does not close in time is cut. */
  #close(reason: string): void {
    this.#ended = true;
    clearTimeout(this.#idleTimer);
    this.#targetPump.close();
    const { client, target, session, deps } = this.options;
    session.ended.removeEventListener("abort", this.#onAbort);
    deps.stopping.removeEventListener("abort", this.#onAbort);
    session.close(reason);
    let open = 2;
    const closed = (): void => {
      if (--open > 0) return;
      clearTimeout(timer);
      this.#done.resolve(reason);
    };
    const timer = setTimeout(() => {
      client.destroy();
      target.destroy();
    }, farewellMs);
    for (const stream of [client, target]) {
      // What still comes is not read, but a paused stream would never see the end.
      stream.resume();
      if (stream.closed) closed();
      else stream.once("close", closed);
    }
  }

  #settleAll(reason: string): void {
    const { replies, portals, outgoing } = this.#conversation;
    const error = { code: sqlState.adminShutdown, message: `Not finished: ${reason}` };
    const open = [...replies].map(({ execution }) => execution);
    // What still waits for its record will not be sent; its end follows its record.
    for (const { reply } of outgoing) open.push(reply?.execution ?? null);
    for (const portal of portals.values()) open.push(portal.execution);
    for (const execution of open) {
      if (execution === null || execution.settled) continue;
      execution.settled = true;
      execution.error ??= error;
      this.#finished(execution);
    }
  }

  /** Into the record, if it is there: what was skipped before its record was durable follows it. */
  #finished(execution: Execution): void {
    if (execution.id === null) return;
    const { rows, bytes, tag, error, shown, copied } = execution;
    this.options.session.finished(execution.id, {
      rows: execution.counted || rows > 0 ? rows : null,
      bytes,
      tag,
      error,
      copied,
      ...(shown === null ? {} : { results: shown.results }),
    });
  }
}
