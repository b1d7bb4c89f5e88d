/**
 * Long texts are understood in a Worker, one at a time, within a limit of time: a text that keeps the parser busy
 * keeps nobody else waiting. What is not understood by then is refused.
 */
import { descriptorsLeft, descriptorsNeeded } from "../descriptors.ts";
import type { MaskSetting } from "../masking.ts";
import type { SqlState } from "../types.ts";
import type { Catalog, NotUnderstood, Understood } from "./dialect.ts";

/** From the moment that the Worker begins with it. */
const answerMs = 10_000;
/** For the Worker to start, and to read the catalog: on a busy machine that takes a while. */
const beginMs = 60_000;
/** Texts that wait for their turn. */
const waitingMax = 64;

export interface PortableMasks {
  readonly settings: readonly MaskSetting[];
  readonly unmask: readonly string[];
}

export interface LargeText {
  readonly dialect: string;
  /** Names a database of a target. */
  readonly place: string;
  readonly catalog: Catalog;
  readonly masks: PortableMasks;
  readonly text: string;
  readonly state: SqlState;
}

export interface WorkerQuestion {
  readonly id: number;
  readonly dialect: string;
  /** `json` is null where the Worker has that catalog. */
  readonly catalog: { readonly place: string; readonly id: number; readonly json: string | null };
  readonly masks: PortableMasks;
  readonly text: string;
  readonly state: SqlState;
  /** Whether its template is wanted, too. */
  readonly template: boolean;
}

/** It has the parser and the catalog at hand. */
export interface WorkerBegins {
  readonly id: number;
  readonly begins: true;
}

export interface WorkerAnswer {
  readonly id: number;
  readonly begins: false;
  /** null where it could not be had. */
  readonly answer: Answer | null;
  /** See Analyst.template(); null where it was not asked for. */
  readonly template: string | null;
}

/** What a long text is, and its template. */
export interface Read {
  readonly answer: Answer;
  readonly template: string | null;
}

type Answer = readonly Understood[] | NotUnderstood;

interface Waiting {
  readonly question: LargeText;
  readonly template: boolean;
  readonly resolve: (read: Read) => void;
}

const sendInParts = "Send it in parts, for example fewer rows per INSERT";

export class LargeTexts {
  readonly #waiting: Waiting[] = [];
  #worker: Worker | null = null;
  #current: { readonly id: number; readonly waiting: Waiting; begun: boolean } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;
  /** What the Worker has, by place. */
  #sent = new Map<string, Catalog>();
  readonly #catalogIds = new WeakMap<Catalog, number>();

  constructor(
    private readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void,
    private readonly limitMs = answerMs,
    private readonly beginsMs = beginMs,
  ) {}

  /** As read(), without a template. */
  async analyse(question: LargeText, left?: AbortSignal): Promise<Answer> {
    return (await this.#ask(question, false, left)).answer;
  }

  /** Never rejects. Once `left` is aborted, nothing more is done for it, and it resolves at once. */
  read(question: LargeText, left?: AbortSignal): Promise<Read> {
    return this.#ask(question, true, left);
  }

  #ask(question: LargeText, template: boolean, left: AbortSignal | undefined): Promise<Read> {
    if (left?.aborted) return Promise.resolve(unread(nobodyWaits));
    if (this.#waiting.length >= waitingMax) {
      return Promise.resolve(
        unread(refused("too many long statements wait to be understood", "Try again in a moment")),
      );
    }
    const { promise, resolve } = Promise.withResolvers<Read>();
    const waiting = { question, template, resolve };
    this.#waiting.push(waiting);
    left?.addEventListener("abort", () => this.#leave(waiting), { once: true });
    this.#next();
    return promise;
  }

  #leave(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#current?.waiting !== waiting) return;
    waiting.resolve(unread(nobodyWaits));
    // A parser cannot be interrupted: the Worker that is in it ends.
    if (at < 0) this.#end(nobodyWaits);
    this.#next();
  }

  /** Ends the Worker; what waits is refused. */
  close(): Promise<void> {
    for (const { resolve } of this.#waiting.splice(0)) {
      resolve(unread(shuttingDown));
    }
    this.#end(shuttingDown);
    return Promise.resolve();
  }

  #next(): void {
    if (this.#current !== null) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    const id = ++this.#lastId;
    this.#current = { id, waiting, begun: false };
    this.#within(this.beginsMs);
    try {
      this.#worker ??= this.#spawn();
      this.#worker.postMessage(this.#portable(id, waiting));
    } catch (error) {
      this.#failed(String(error), broke);
    }
  }

  #portable(id: number, { question, template }: Waiting): WorkerQuestion {
    const { dialect, place, catalog, masks, text, state } = question;
    let catalogId = this.#catalogIds.get(catalog);
    if (catalogId === undefined) this.#catalogIds.set(catalog, catalogId = id);
    const json = this.#sent.get(place) === catalog ? null : catalog.json;
    this.#sent.set(place, catalog);
    return { id, dialect, catalog: { place, id: catalogId, json }, masks, text, state, template };
  }

  #spawn(): Worker {
    // Without them the runtime does not fail, it ends the process.
    if (!descriptorsLeft(descriptorsNeeded)) throw new Error("no file descriptors are left");
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: "long texts",
    });
    worker.onmessage = ({ data }: MessageEvent<WorkerBegins | WorkerAnswer>) => {
      if (data.id !== this.#current?.id) return;
      if (data.begins) {
        if (this.#current !== null) this.#current.begun = true;
        return this.#within(this.limitMs);
      }
      if (data.answer === null) this.#sent.clear();
      const { answer, template } = data;
      this.#answered({ answer: answer ?? refused("its catalog changed meanwhile", "Try again"), template });
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failed(event.message, broke);
    };
    return worker;
  }

  #within(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#late(ms), ms);
  }

  /** Of the one that is at it now. */
  #late(ms: number): void {
    if (this.#current?.begun === false) {
      return this.#failed(
        `the Worker did not begin within ${ms} ms`,
        refused(
          `Postern did not begin to read this long statement within ${
            ms / 1000
          } s: it, or its machine, has too much to do`,
          "Try again in a moment; if it stays so, tell whoever runs Postern",
        ),
      );
    }
    this.#failed(
      `it took more than ${ms} ms`,
      refused(`Postern did not understand this long statement within ${ms / 1000} s`, sendInParts),
    );
  }

  #failed(problem: string, answer: Answer): void {
    this.log("warn", "a long statement was not understood", { problem });
    this.#end(answer);
    this.#next();
  }

  #end(answer: Answer): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#sent = new Map();
    this.#answered(unread(answer));
  }

  #answered(read: Read): void {
    clearTimeout(this.#timer);
    const current = this.#current;
    this.#current = null;
    current?.waiting.resolve(read);
    if (this.#worker !== null) this.#next();
  }
}

function refused(reason: string, hint: string): NotUnderstood {
  return { refused: { code: "too-complex", reason, hint } };
}

const unread = (answer: Answer): Read => ({ answer, template: null });

const nobodyWaits = refused("nobody waits for this long statement any more", "Send it again");
const shuttingDown = refused("Postern is shutting down", "Connect again");
const broke = refused(
  "what reads long statements for Postern broke down over this one",
  `${sendInParts}; tell whoever runs Postern`,
);
