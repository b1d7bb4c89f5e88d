/** One client, from accept to its end. */
import type { Socket } from "node:net";
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { Session } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import type { ConnectionDeps } from "../protocol.ts";
import { unread } from "../result_limits.ts";
import { accessGranted } from "./access_wait.ts";
import { Channel } from "./channel.ts";
import { ClientAuth } from "./client_auth.ts";
import { handleCommand } from "./commands.ts";
import { compressionOf } from "./capabilities.ts";
import { Command, ErrorCode, Status } from "./constants.ts";
import { betweenCommands, Conversation } from "./conversation.ts";
import { toClient } from "./errors.ts";
import { type Hello, hello } from "./hello.ts";
import { LaneRefusal, serveKill } from "./kill_lane.ts";
import type { LinkSignIns } from "./link_sign_ins.ts";
import type { KillKind, LiveConnections } from "./live.ts";
import { encodePacket } from "./packets.ts";
import type { PasswordKey } from "./proofs.ts";
import { type As, asFor, Refused } from "./refused.ts";
import { encodeOk } from "./replies.ts";
import { SessionState } from "./state.ts";
import { connectTarget, prepareSession, type TargetLink } from "./target_link.ts";
import type { Versions } from "./versions.ts";

/** What the connections of one listener share. */
export interface Shared {
  readonly live: LiveConnections;
  readonly links: LinkSignIns;
  readonly versions: Versions;
  readonly passwordKey: PasswordKey;
}

/** COM_QUIT, as the target wants to hear it. */
export const quit = encodePacket(0, Uint8Array.of(Command.quit));

/** The number of the packet that answers a client's first: 0 is the greeting. */
const afterLogin = 2;

export class Connection {
  readonly #client: Channel;
  readonly #greetingId: number;
  readonly #address: string;
  readonly #gone = Promise.withResolvers<never>();
  #link: TargetLink | null = null;
  #session: Session | null = null;
  #conversation: Conversation | null = null;
  #auth: ClientAuth | null = null;
  /** The client has its OK, and sends commands from now on. */
  #accepted = false;
  #endedAs: As | undefined;
  #idleSince = 0;

  constructor(socket: Socket, private readonly deps: ConnectionDeps, private readonly shared: Shared) {
    this.#address = socket.remoteAddress ?? "";
    this.#client = new Channel(socket, "client");
    this.#greetingId = shared.live.reserve();
    this.#gone.promise.catch(() => {});
  }

  async serve(): Promise<void> {
    const stop = () => this.end(asPosternError(this.deps.stopping.reason), ErrorCode.shutdown);
    this.deps.stopping.addEventListener("abort", stop, { once: true });
    this.#client.onEnd(() => {
      this.#conversation?.gate.leave();
      this.end(this.#client.gone());
    });
    const idle = setInterval(
      () => this.#checkIdle(),
      Math.max(50, Math.min(this.deps.limits.idleTimeoutMs / 4, 30_000)),
    );
    try {
      if (await this.#signIn()) await this.#converse();
      this.#close("the client closed the connection");
    } catch (error) {
      this.#fail(error);
    } finally {
      clearInterval(idle);
      this.deps.stopping.removeEventListener("abort", stop);
      this.shared.live.remove(this.#greetingId);
    }
  }

  /** Every wait of this connection rejects with `error`, which the client is told if it still can be. */
  end(error: PosternError, as?: As): void {
    this.#endedAs ??= as;
    this.#gone.reject(error);
    this.#conversation?.gate.end(error);
    this.#client.interrupt(error);
    this.#link?.channel.interrupt(error);
  }

  /** False where the client came for something else, and has got it. */
  async #signIn(): Promise<boolean> {
    const { deps, shared } = this;
    const { startupTimeoutMs } = deps.limits;
    const timer = setTimeout(() => this.end(tooSlow(startupTimeoutMs)), startupTimeoutMs);
    try {
      const shown = await shared.versions.greetingFor(this.#address);
      const greeting = { ...shown, threadId: this.#greetingId };
      const said = await hello(this.#client, deps, greeting);
      const auth = this.#auth = new ClientAuth(this.#client, said, {
        gatekeeper: deps.gatekeeper,
        links: shared.links,
        passwordKey: shared.passwordKey,
        started: () => clearTimeout(timer),
        gone: this.#gone.promise,
      });
      const identity = await this.#identify(said, auth);
      clearTimeout(timer);
      if (identity !== null) {
        await accessGranted(said, identity, { gatekeeper: this.deps.gatekeeper, gone: this.#gone.promise });
        await this.#admit(said, identity);
      }
      await auth.accept();
      const status = this.#conversation?.state.status ?? Status.autocommit;
      const ok = encodeOk({ status }, said.login.capabilities);
      await this.#client.write(encodePacket(auth.nextSequence, ok));
      const compression = compressionOf(said.login.capabilities);
      const { statementBytesMax } = deps.limits;
      if (compression !== null) this.#client.compress({ compression, statementBytesMax });
      this.#accepted = true;
      if (identity === null) await serveKill(this.#client, said, deps, shared);
      return identity !== null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** null for a client that may be here for nothing but to kill a statement of its own: see kill_lane.ts. */
  async #identify(said: Hello, auth: ClientAuth): Promise<Identity | null> {
    const { attempt, login } = said;
    const { gatekeeper } = this.deps;
    const { links, live } = this.shared;
    if (attempt.database !== "") gatekeeper.resolve(attempt);
    await auth.begin();
    const identity = attempt.database === "" ? null : await auth.byPassword();
    if (identity !== null) return identity;
    const mayKill = login.database === "" && live.someOf(attempt.client.address, attempt.client.user);
    if (mayKill && (attempt.database === "" || !links.underWay(attempt))) return null;
    if (attempt.database === "") throw noTarget();
    return await auth.byLink();
  }

  async #admit({ attempt, alias, login }: Hello, identity: Identity): Promise<void> {
    const { deps, shared } = this;
    const session = this.#session = await deps.gatekeeper.admit(attempt, identity);
    const onEnded = () => this.end(asPosternError(session.ended.reason), ErrorCode.shutdown);
    if (session.ended.aborted) onEnded();
    session.ended.addEventListener("abort", onEnded, { once: true });
    const link = this.#link = await connectTarget(session.target, session.database, {
      timeoutMs: deps.limits.targetConnectTimeoutMs,
      clientCapabilities: login.capabilities,
      clientExtended: login.extended,
      collation: login.collation,
      attributes: new Map([
        ["_client_name", "postern"],
        ["program_name", attempt.client.application.slice(0, 200)],
        ["postern_session", session.id],
        ["postern_person", identity.name.slice(0, 200)],
      ]),
      signal: session.ended,
    });
    if (this.#client.failure !== null) throw this.#client.failure;
    const start = await prepareSession(link, session.readOnly);
    shared.versions.learn(this.#address, session.target.name, link.greeting);
    const state = new SessionState(start, link.greeting.mariadb ? "mariadb" : "mysql");
    const conversation = this.#conversation = new Conversation({
      client: this.#client,
      link,
      session,
      state,
      deps,
      capabilities: login.capabilities,
      alias,
      user: attempt.client.user,
    });
    shared.live.add({
      greetingId: this.#greetingId,
      address: attempt.client.address,
      user: attempt.client.user,
      identity,
      target: session.target.name,
      threadId: link.greeting.threadId,
      kill: (kind) => conversation.kill(kind, (error, as) => this.end(error, as)),
    });
  }

  async #converse(): Promise<void> {
    const conversation = this.#conversation!;
    const afterMs = this.deps.limits.unreadTimeoutMs;
    this.#client.unread = { afterMs, call: () => this.end(unread(afterMs), ErrorCode.idle) };
    const { channel: target } = this.#link!;
    let waiting = true;
    target.onEnd(() => {
      // In the middle of an answer the relay finds out by itself, after the bytes that came before the end.
      if (waiting) this.end(target.gone());
      else conversation.gate.end(target.gone());
    });
    for (;;) {
      if (target.ended) throw target.gone();
      waiting = true;
      this.#idleSince = Date.now();
      conversation.expecting = betweenCommands;
      this.#client.expectCommand();
      const { statementBytesMax } = this.deps.limits;
      const packet = this.#client.packetAtHand(statementBytesMax, "listen.limits.statement") ??
        await this.#client.packet(statementBytesMax, "listen.limits.statement");
      waiting = false;
      this.#idleSince = 0;
      conversation.expecting = packet.sequence + 1 & 0xff;
      try {
        const after = await handleCommand(conversation, packet, (id, kind) => this.#killOwn(id, kind));
        if (after === "quit") return;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        await this.#client.write(encodePacket(packet.sequence + 1, toClient(error.reason, error.as)));
      }
    }
  }

  async #killOwn(id: number, kind: KillKind): Promise<boolean> {
    const { identity, target } = this.#session!;
    const found = this.shared.live.ofPerson(id, identity, target.name);
    if (found === null) return false;
    await found.kill(kind);
    return true;
  }

  #checkIdle(): void {
    const { idleTimeoutMs } = this.deps.limits;
    if (this.#idleSince === 0 || Date.now() - this.#idleSince < idleTimeoutMs) return;
    this.end(
      limitReached(
        "listen.limits.idle",
        `nothing came for ${Math.round(idleTimeoutMs / 1000)} s (listen.limits.idle)`,
        "Connect again",
      ),
      ErrorCode.idle,
    );
  }

  #fail(thrown: unknown): void {
    const reason = thrown instanceof Refused ? thrown.reason : thrown;
    const error = asPosternError(reason);
    const clientLeft = this.#client.ended;
    const level = clientLeft
      ? "debug"
      : error.code === "Internal" || error.code === "TargetUnavailable"
      ? "error"
      : "info";
    this.deps.log(level, "a connection ended", {
      protocol: "mysql",
      session: this.#session?.id ?? null,
      address: this.#address,
      // A sign-in link is for the person at the client alone.
      problem: error.code === "AuthFailed" ? error.code : error.message,
      ...(error.cause === undefined ? {} : { cause: String(error.cause) }),
    });
    const sequence = thrown instanceof LaneRefusal
      ? thrown.sequence
      : this.#conversation === null || !this.#accepted
      ? this.#auth?.nextSequence ?? afterLogin
      : this.#conversation.interjection;
    const as = this.#endedAs ?? (thrown instanceof Refused ? thrown.as : undefined) ?? asFor(error);
    this.#close(
      clientLeft ? "the client closed the connection" : error.message,
      sequence === null ? undefined : encodePacket(sequence, toClient(error, as)),
    );
  }

  #close(reason: string, last?: Uint8Array): void {
    this.#conversation?.gate.end(new PosternError("Internal", reason));
    this.#client.close(last);
    this.#link?.channel.close(last === undefined ? quit : undefined);
    this.#session?.close(reason);
  }
}

function noTarget(): PosternError {
  return new PosternError("PolicyDenied", "this connection names no target", {
    rule: "targets",
    hint: "Name it as the schema (-D TARGET), or in the user name (-u NAME@TARGET)",
  });
}

function tooSlow(timeoutMs: number): PosternError {
  return limitReached(
    "listen.limits.startup",
    `the sign-in took longer than ${timeoutMs} ms to start (listen.limits.startup)`,
    "Connect again",
  );
}
