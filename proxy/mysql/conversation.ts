/** One admitted client and its session on the target: sends requests, relays answers, judges and records. */
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { maskKey, maskText } from "../../policy/masking.ts";
import type { Session } from "../../policy/ports.ts";
import type { Judgement, StatementKind, StatementRun } from "../../policy/types.ts";
import { keepsRows, ShownRows } from "../../policy/shown_rows.ts";
import type { ConnectionDeps } from "../protocol.ts";
import { ResultLimits } from "../result_limits.ts";
import { byteMask } from "../wire/mask_bytes.ts";
import { Outbox } from "../wire/outbox.ts";
import type { AnswerKind } from "./answer.ts";
import { has } from "./capabilities.ts";
import type { Channel } from "./channel.ts";
import { Capability, ErrorCode } from "./constants.ts";
import { Remarks, withDiagnostics } from "./diagnostics.ts";
import { Gate } from "./gate.ts";
import { KeepAlive } from "./keep_alive.ts";
import type { KillKind } from "./live.ts";
import { broken, outcomeOf } from "./outcome.ts";
import { JudgedPlan, openPlan, type ResultPlan } from "./plan.ts";
import { encodeOk } from "./replies.ts";
import { encodePacket, type Packet } from "./packets.ts";
import type { As } from "./refused.ts";
import { Response } from "./response.ts";
import type { Masker, RowPlan } from "./rows.ts";
import { SessionState } from "./state.ts";
import { PreparedStatements } from "./statements.ts";
import { killOnTarget, readState, type TargetLink } from "./target_link.ts";

export interface ConversationParts {
  readonly client: Channel;
  readonly link: TargetLink;
  readonly session: Session;
  readonly state: SessionState;
  readonly deps: ConnectionDeps;
  /** As agreed with the client. */
  readonly capabilities: number;
  /** What the client takes for the schema's name; it stands for the session's database. */
  readonly alias: string;
  /** Who the client said it was, without a target in the name. */
  readonly user: string;
}

/** What a request brings back, and how to treat it. */
export interface Exchange {
  readonly kind: AnswerKind;
  /** Of the request's last packet. */
  readonly sequence: number;
  readonly plan?: ResultPlan;
  readonly tainted?: boolean;
  readonly rows?: RowPlan | null;
  /** Goes before the request; nothing answers it. */
  readonly ahead?: readonly Uint8Array[];
  /** Where rows are kept for the record. */
  readonly shown?: ShownRows | null;
  /** What earlier portions of the same cursor brought. */
  readonly before?: { readonly rows: number; readonly bytes: number };
  /** Comes behind the target's rows, as text. */
  readonly lastRow?: Uint8Array | null;
  /** What the client's count of packets is ahead of the target's, where the request was made shorter. */
  readonly shift?: number;
}

export const betweenCommands = 1;
/** Below what any target is set to wait for a silent client. */
const keepAliveMs = 15_000;

export class Conversation {
  readonly gate: Gate;
  readonly prepared: PreparedStatements;
  readonly #outbox = new Outbox();
  readonly #masker: Masker;
  readonly #maskOf: Session["maskOf"];
  readonly #limits: ResultLimits;
  /** The answer under way. */
  #response: Response | null = null;
  /** A KILL QUERY on its way to the target: the next statement waits, so that it cannot be the one that is hit. */
  #killing: Promise<void> | null = null;
  #taintedDiagnostics = false;
  readonly #remarks = new Remarks();

  constructor(readonly parts: ConversationParts) {
    const { session, deps } = parts;
    const key = maskKey(deps.maskKey, session.target.name);
    this.#masker = { text: (mask, text) => maskText(mask, text, key), bytes: (mask) => byteMask(mask, key) };
    this.#maskOf = (origin) => session.maskOf(origin);
    this.#limits = new ResultLimits(() => deps.limits, session.target);
    session.watch?.(() => this.#response);
    session.onNotice?.(({ message, detail }) => this.#remarks.say(`Postern: ${message}. ${detail}`));
    this.gate = new Gate(session);
    this.prepared = new PreparedStatements(
      deps.limits.statementBytesMax,
      deps.limits.preparedStatementsMax,
    );
  }

  get state(): SessionState {
    return this.parts.state;
  }

  /**
   * The number of the client's next packet while a command is judged. Between commands it is that of the next
   * command's answer: stock clients read an error that came before as the answer to what they send then.
   */
  expecting = betweenCommands;

  /** The number of the packet that may be sent to the client now; null inside a packet half sent. */
  get interjection(): number | null {
    if (this.#response === null) return this.expecting;
    return this.#response.atBoundary && this.#response.failure === null
      ? this.#response.clientSequence
      : null;
  }

  /** The client sends attributes beside its statements; the target does not take them. */
  get attributed(): boolean {
    return has(this.parts.capabilities, Capability.queryAttributes);
  }

  get strips(): boolean {
    return this.attributed && !has(this.parts.link.capabilities, Capability.queryAttributes);
  }

  /** Before judge(): what that would keep other connections waiting for, or does not know yet. */
  ready(text: string, state = this.state.sql): Promise<void> | null {
    const ahead = this.parts.session.ahead?.(text, state) ?? null;
    return ahead === null ? null : this.gate.understood(ahead);
  }

  judge(text: string, state = this.state.sql): Judgement {
    return withDiagnostics(this.parts.session.judge(text, state), text, this.#taintedDiagnostics);
  }

  run(text: string, judgement: Judgement, more: Partial<StatementRun> = {}): StatementRun {
    const { sql, inTransaction } = this.state;
    return { text, parameters: [], judgement, state: sql, inTransaction, ...more };
  }

  /** Judged, recorded, forwarded, relayed, finished. Throws Refused where it may not run. */
  async execute(
    run: StatementRun,
    request: Uint8Array,
    exchange: Pick<Exchange, "kind" | "sequence" | "ahead" | "shift">,
  ): Promise<Response> {
    const { judgement } = run;
    const passes = judgement.verdict === "approve" ? this.#held(run) : this.gate.pass(run);
    const id = typeof passes === "string" ? passes : await passes;
    this.#noteTaint(judgement);
    const shown = this.#shownRows(judgement);
    let response: Response;
    try {
      response = await this.exchange(request, {
        ...exchange,
        plan: new JudgedPlan(judgement, this.#maskOf),
        tainted: judgement.tainted,
        lastRow: this.#remarks.rowFor(run.text),
        shown,
      });
    } catch (error) {
      this.parts.session.finished(id, broken(asPosternError(error), this.#response));
      throw error;
    }
    const outcome = outcomeOf(run, response);
    this.parts.session.finished(id, shown === null ? outcome : { ...outcome, results: shown.results });
    if (mayChangeState(judgement)) this.state.restart(await readState(this.parts.link));
    return response;
  }

  /** Where rows are kept for the record; null where they are not. */
  #shownRows(judgement: Judgement): ShownRows | null {
    const { record } = this.parts.session.target;
    if (record === undefined || !keepsRows(judgement)) return null;
    return new ShownRows(record);
  }

  async #held(run: StatementRun): Promise<string> {
    const failed = (error: unknown) => this.gate.end(asPosternError(error));
    const alive = new KeepAlive(this.parts.link.channel, keepAliveMs, failed);
    try {
      return await this.gate.pass(run);
    } finally {
      await alive.stop();
    }
  }

  /** Forwards a request and relays its answer to the end. */
  async exchange(request: Uint8Array, exchange: Exchange): Promise<Response> {
    if (this.#killing !== null) await this.#killing;
    const { client, link, deps, capabilities } = this.parts;
    const target = link.channel;
    const response = this.#response = new Response({
      kind: exchange.kind,
      sequence: exchange.sequence + 1,
      shift: exchange.shift ?? 0,
      renumbers: target.reader.renumbers,
      target: link.capabilities,
      client: capabilities,
      extended: link.extended,
      plan: exchange.plan ?? openPlan,
      masker: this.#masker,
      watcher: this.parts.session.watcher,
      shown: exchange.shown ?? null,
      tainted: exchange.tainted ?? false,
      rowBytesMax: deps.limits.maskedRowBytesMax,
      limits: this.#limits,
      cancel: () => void this.#killQuery(),
      ...(exchange.before === undefined ? {} : { before: exchange.before }),
      onStatus: (status, change) => this.state.apply(status, change),
      remark: () => this.#remarks.take(),
      lastRow: exchange.lastRow ?? null,
      reply: (bytes) => void target.write(bytes),
      ...(exchange.rows === undefined ? {} : { rows: exchange.rows }),
    });
    for (const packet of exchange.ahead ?? []) await target.write(packet);
    await target.write(request);
    for (;;) {
      const { queue } = target.reader;
      let over: boolean;
      let left = 0;
      try {
        over = response.feed(queue, this.#outbox);
        left = queue.length;
      } finally {
        // Also what came before something that breaks the protocol: an error after it must have its number.
        if (this.#outbox.size > 0) await client.flush(this.#outbox);
      }
      if (over) break;
      if (!await target.more(left)) throw target.gone();
    }
    // What is asked next on this link must not be hit by it.
    if (this.#killing !== null) await this.#killing;
    this.#response = null;
    this.expecting = betweenCommands;
    return response;
  }

  /** Answers in the target's place. */
  async answerOk(packet: Packet): Promise<void> {
    const ok = encodeOk({ status: this.state.status }, this.parts.capabilities);
    await this.parts.client.write(encodePacket(packet.sequence + 1, ok));
  }

  async kill(kind: KillKind, end: (error: PosternError, as: As) => void): Promise<void> {
    if (kind === "CONNECTION") {
      end(new PosternError("Internal", "this connection was killed by its owner"), ErrorCode.shutdown);
      return;
    }
    if (this.gate.interrupt("its client cancelled it")) return;
    if (this.#response !== null) await this.#killQuery();
  }

  async #killQuery(): Promise<void> {
    const { link, session, deps } = this.parts;
    this.#killing = killOnTarget(
      session.target,
      link.greeting.threadId,
      "QUERY",
      deps.limits.targetConnectTimeoutMs,
    ).catch((error) => {
      deps.log("warn", "a KILL QUERY did not reach the target", { problem: asPosternError(error).message });
    }).finally(() => this.#killing = null);
    await this.#killing;
  }

  /** A statement that reads no table leaves the target's list of warnings as it was. */
  #noteTaint({ statements, tainted }: Judgement): void {
    if (tainted) this.#taintedDiagnostics = true;
    else if (statements.some(({ facts }) => facts.tables.length > 0)) this.#taintedDiagnostics = false;
  }
}

/** Routines give back what they changed of the state when they end, so a call is none of these. */
const keepsState: ReadonlySet<StatementKind> = new Set([
  "read",
  "write",
  "transaction",
  "ddl",
  "call",
  "copy",
]);

/** Whether it failed or not: of several statements the first may have run. */
function mayChangeState({ statements }: Judgement): boolean {
  return statements.some(({ facts }) => !keepsState.has(facts.kind));
}
