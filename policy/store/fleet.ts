/** This node among those on the same database: keeps its lease, ends what lost ones left open, asks and answers. */
import { createHmac } from "node:crypto";
import { gatewayLost } from "../audit/events.ts";
import { asPosternError, PosternError, type PosternErrorCode } from "../errors.ts";
import type { Nodes, Question } from "../ports_nodes.ts";
import { randomId } from "../random_id.ts";
import type { EventDraft, Json } from "../types.ts";
import { channels } from "./database.ts";
import type { LostNode } from "./nodes.ts";
import type { Log, WorkerClient } from "./worker_client.ts";

export interface FleetDeps {
  readonly client: Pick<WorkerClient, "call">;
  readonly node: string;
  /** For people: the machine's name. */
  readonly name: string;
  /** A node that was not heard of for so long is lost. */
  readonly leaseMs: number;
  readonly append: (draft: EventDraft) => Promise<unknown>;
  readonly log: Log;
}

const ANSWER_TIMEOUT_MS = 10_000;
/** An answer is looked for at least so often: what tells of it may be lost with its connection. */
const LOOK_MS = 500;
/** Questions and answers are few; this is for a node that was not told. */
const POLL_MS = 5_000;

/** A turn that was not given back is over after this. */
const TURN_MS = 15_000;
const TURN_LOOK_MS = 50;

/** Beats of a lease that is well: when the next one is due, and when after one that failed. */
export const beatTimes = (leaseMs: number) => ({ everyMs: leaseMs / 4, againMs: leaseMs / 16 });

type Answer = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly error: Json };

export class Fleet implements Nodes {
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  readonly #looking = new Map<string, () => void>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #answer: ((question: Question) => Json | Promise<Json>) | null = null;
  #beating: Promise<unknown> = Promise.resolve();
  /** Lost nodes whose ends are being recorded here. */
  readonly #inheriting = new Map<string, Promise<void>>();
  #closed = false;

  constructor(private readonly deps: FleetDeps) {}

  /** Rejects with StoreFailed. */
  async start(): Promise<void> {
    await this.#beat();
    this.#beatAfter(beatTimes(this.deps.leaseMs).everyMs);
    this.#poll = setInterval(() => this.heard(channels.questions), POLL_MS);
  }

  /** The database told of something; told without need it does no harm. */
  heard(channel: string): void {
    if (channel !== channels.questions || this.#closed) return;
    for (const look of this.#looking.values()) look();
    void this.#takeQuestions();
  }

  async agree(secret: Uint8Array): Promise<void> {
    const { client, node } = this.deps;
    const fingerprint = createHmac("sha256", secret).update("postern: one secret on all nodes").digest("hex");
    const other = await client.call("agree", { node, secret: fingerprint });
    if (other === null) return;
    throw new PosternError("StoreFailed", `a node on the same store, at ${other}, has another mask.key`, {
      hint: "copy mask.key from its data folder into this one's: masks and approvals are keyed with it",
    });
  }

  async others(): Promise<readonly string[]> {
    return await this.deps.client.call("otherNodes", this.deps.node);
  }

  async sessions(): Promise<readonly string[]> {
    return await this.deps.client.call("openElsewhere", this.deps.node);
  }

  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = { name: `turn:${name}`, node: this.deps.node };
    const { client } = this.deps;
    // Turns of this node wait for each other here: the database knows nodes only.
    const before = this.#turns.get(name) ?? Promise.resolve();
    const mine = before.then(async () => {
      while (await client.call("claimCursor", { ...turn, start: 0, forMs: TURN_MS }) === null) {
        await new Promise((resolve) => setTimeout(resolve, TURN_LOOK_MS));
      }
      try {
        return await work();
      } finally {
        await client.call("releaseCursor", turn).catch(() => {});
      }
    });
    this.#turns.set(name, mine.catch(() => {}));
    return await mine;
  }

  answering(answer: (question: Question) => Json | Promise<Json>): void {
    this.#answer = answer;
    void this.#takeQuestions();
  }

  async ask(node: string, question: Question, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Json> {
    const id = randomId();
    const until = performance.now() + timeoutMs;
    await this.deps.client.call("putQuestion", { id, node, question: JSON.stringify(question) });
    try {
      for (;;) {
        const late = performance.now() >= until;
        const found = await this.deps.client.call("readAnswer", { id, withdraw: late });
        if (found.state === "answered") return valueOf(JSON.parse(found.answer) as Answer);
        if (found.state === "gone") throw silent("nothing was done");
        if (late && (found.state === "waiting" || performance.now() >= until + timeoutMs)) {
          throw silent("what came of it, the page shows in a moment");
        }
        await this.#news(id);
      }
    } finally {
      this.#looking.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#beatTimer);
    clearInterval(this.#poll);
    await this.#beating;
    await Promise.all(this.#inheriting.values());
    await this.deps.client.call("leave", this.deps.node).catch(() => {});
  }

  #news(id: string): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#looking.set(id, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #takeQuestions(): Promise<void> {
    if (this.#answer === null) return;
    try {
      const taken = await this.deps.client.call("takeQuestions", this.deps.node);
      await Promise.all(
        taken.map(({ id, question }) => this.#answerOne(id, JSON.parse(question) as Question)),
      );
    } catch (error) {
      this.deps.log("warn", "questions of other nodes could not be answered", { error: String(error) });
    }
  }

  async #answerOne(id: string, question: Question): Promise<void> {
    let answer: Answer;
    try {
      answer = { ok: true, value: await this.#answer!(question) };
    } catch (error) {
      const { code, message, hint, rule } = asPosternError(error);
      answer = { ok: false, error: { code, message, hint: hint ?? null, rule: rule ?? null } };
    }
    await this.deps.client.call("answerQuestion", { id, answer: JSON.stringify(answer) });
  }

  #beatAfter(ms: number): void {
    if (this.#closed) return;
    const { everyMs, againMs } = beatTimes(this.deps.leaseMs);
    this.#beatTimer = setTimeout(() => {
      const beaten = this.#beat().then(() => everyMs, () => againMs);
      this.#beating = beaten.then((next) => this.#beatAfter(next));
    }, ms);
  }

  /** Does not wait for what lost nodes left open: meanwhile this one would not be heard of itself. */
  async #beat(): Promise<void> {
    const { client, node, name, leaseMs, log } = this.deps;
    for (const lost of await client.call("beat", { node, name, leaseMs })) {
      if (this.#inheriting.has(lost.node)) continue;
      const inherited = this.#inherit(lost).catch((error) =>
        log("warn", "what a lost node left open could not be ended yet", { error: String(error) })
      );
      this.#inheriting.set(lost.node, inherited.finally(() => this.#inheriting.delete(lost.node)));
    }
  }

  /** What clients of a lost node asked for is withdrawn, and their sessions are over. */
  async #inherit(lost: LostNode): Promise<void> {
    const { client, node, append, log } = this.deps;
    const drafts = await client.call("unfinished", lost.node);
    const count = (type: string) => drafts.filter((draft) => draft.type === type).length;
    const found = {
      node: lost.node,
      name: lost.name,
      sessions: count("session.ended"),
      approvals: count("approval.withdrawn"),
    };
    log("warn", "another Postern on this store is not heard of any more; what it left open has ended", found);
    await append(gatewayLost(found));
    await Promise.all(drafts.map((draft) => append(draft)));
    await client.call("bury", { node: lost.node, heir: node });
  }
}

function silent(what: string): PosternError {
  return new PosternError(
    "TargetUnavailable",
    `The Postern that this belongs to does not answer; ${what}`,
    { hint: "Try again in a moment; where it stopped, what waits there is withdrawn (store.nodeTimeout)" },
  );
}

function valueOf(answer: Answer): Json {
  if (answer.ok) return answer.value;
  const { code, message, hint, rule } = answer.error as Record<string, string | null>;
  throw new PosternError(code as PosternErrorCode, message ?? "", {
    ...(hint == null ? {} : { hint }),
    ...(rule == null ? {} : { rule }),
  });
}
