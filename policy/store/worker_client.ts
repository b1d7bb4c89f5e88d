/** The Journal's side of the Worker: calls and answers; starts it anew when it died. */
import { descriptorsLeft, descriptorsNeeded } from "../descriptors.ts";
import { PosternError } from "../errors.ts";
import type {
  AnswerMessage,
  CallMessage,
  CallName,
  Calls,
  Failure,
  NewsMessage,
  OpenOptions,
} from "./calls.ts";
import type { Channel } from "./database.ts";
import type { Position } from "./spool_format.ts";

export type Log = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: Record<string, unknown>,
) => void;

interface Waiting {
  readonly name: CallName;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: PosternError) => void;
}

/** After a failed start, callers are refused for this long before the next try. */
const RESTART_PAUSE_MS = 1000;

/** Longer than any honest answer takes: a write to a disk that is alive, the creation of a database. */
const ANSWER_TIMEOUT_MS = 120_000;
/** A copy of some hundred gigabytes. */
const COPY_TIMEOUT_MS = 3_600_000;

/** What lists and exports ask for: one at a time, so that an append waits for one page at most. */
const reads: ReadonlySet<CallName> = new Set<CallName>([
  "events",
  "range",
  "bounds",
  "heads",
  "publicKeys",
  "sessions",
  "session",
  "approval",
  "approvals",
  "search",
  "grant",
  "grants",
]);

export class WorkerClient {
  #worker: Worker | null = null;
  #ready: Promise<void> | null = null;
  #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lastRead: Promise<unknown> = Promise.resolve();
  #failedAt = -Infinity;
  #failure: PosternError | null = null;
  /** Answered by the first Worker; see Calls. */
  #segment = 0;
  /** Set when no Worker may be started any more. */
  #over: PosternError | null = null;

  constructor(
    readonly options: OpenOptions,
    readonly log: Log,
    /** Told what the database told of, and of everything where a Worker begins anew. */
    private readonly onNews: (channel: Channel) => void = () => {},
    private readonly answerMs = ANSWER_TIMEOUT_MS,
  ) {}

  /** Starts the Worker; gives the first segment of the spool that may be written. Rejects with StoreFailed. */
  async open(): Promise<number> {
    await this.#start();
    return this.#segment;
  }

  /** Starts the Worker where there is none. Rejects with StoreFailed. */
  async call<N extends CallName>(name: N, argument: Calls[N]["argument"]): Promise<Calls[N]["answer"]> {
    await this.#start();
    if (!reads.has(name)) return await this.#send(name, argument);
    const answer = this.#lastRead.then(() => this.#send(name, argument));
    this.#lastRead = answer.catch(() => {});
    return await answer;
  }

  /** Closes the database and ends the Worker; later calls reject. `end` is where the spool ends. */
  async close(end: Position): Promise<void> {
    const worker = this.#worker;
    const closed = storeFailed("the session store is closed", null);
    this.#over ??= closed;
    if (worker === null) return;
    try {
      await this.#send("close", end);
    } finally {
      this.#drop(worker, closed);
    }
  }

  #start(): Promise<void> {
    if (this.#over !== null) return Promise.reject(this.#over);
    if (this.#ready !== null) return this.#ready;
    if (this.#failure !== null && performance.now() - this.#failedAt < RESTART_PAUSE_MS) {
      return Promise.reject(this.#failure);
    }
    // Without them the runtime does not fail, it ends the process.
    if (!descriptorsLeft(descriptorsNeeded)) {
      this.#failedAt = performance.now();
      this.#failure = storeFailed("no file descriptors are left to open the session store with", null);
      return Promise.reject(this.#failure);
    }
    this.#spawn();
    this.#ready = this.#send("open", this.options).then((segment) => {
      this.#segment ||= segment;
      this.#failure = null;
    });
    return this.#ready;
  }

  #spawn(): void {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "store" });
    worker.onmessage = ({ data }: MessageEvent<AnswerMessage | NewsMessage>) =>
      "news" in data ? this.onNews(data.news) : this.#answered(worker, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#drop(worker, storeFailed("the session store's worker died", event.message));
    };
    worker.onmessageerror = () =>
      this.#drop(worker, storeFailed("the session store's worker sent what cannot be read", null));
    this.#worker = worker;
  }

  #send<N extends CallName>(name: N, argument: Calls[N]["argument"]): Promise<Calls[N]["answer"]> {
    return new Promise((resolve, reject) => {
      const worker = this.#worker;
      if (worker === null) return reject(this.#failure ?? storeFailed("the session store is down", null));
      const id = ++this.#lastId;
      const timer = setTimeout(
        () => this.#hangs(worker, name),
        name === "copy" ? COPY_TIMEOUT_MS : this.answerMs,
      );
      this.#waiting.set(id, {
        name,
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer as Calls[N]["answer"]);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      worker.postMessage({ id, name, argument } satisfies CallMessage);
    });
  }

  #answered(worker: Worker, message: AnswerMessage): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.ok) {
      waiting?.resolve(message.answer);
      return;
    }
    const error = waiting?.name === "open" ? this.#cannotOpen(message.failure) : errorOf(message.failure);
    this.log("error", "the session store failed", {
      call: waiting?.name,
      code: message.failure.code,
      reason: message.failure.message,
      fatal: message.failure.fatal,
    });
    waiting?.reject(error);
    if (message.failure.fatal) this.#drop(worker, error);
  }

  /** The operator's first start fails here: say where it looked, but not with which password. */
  #cannotOpen(failure: Failure): PosternError {
    if (failure.safe) return errorOf(failure);
    const { url, folder } = this.options;
    const where = url === null ? `in ${folder}` : `at ${URL.parse(url)?.host ?? "its URL"}`;
    return new PosternError(
      "StoreFailed",
      `the session store ${where} cannot be opened: ${failure.message}`,
      {
        hint: url === null
          ? "if its files were damaged, restore them from a backup; they are a PostgreSQL data folder"
          : "see that the database is up and that the URL, its user and its password are right",
      },
    );
  }

  /** The Worker is gone: whoever waits learns it, and the next call starts another. */
  #drop(worker: Worker, error: PosternError): void {
    if (this.#worker !== worker) return;
    worker.terminate();
    this.#worker = null;
    this.#ready = null;
    this.#failure = error;
    this.#failedAt = performance.now();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) one.reject(error);
    if (this.#over === null) {
      this.log("error", "the session store's worker is gone; the next use starts another", {
        reason: error.message,
        cause: error.cause,
      });
    }
  }

  /**
   * A Worker that hangs in a system call cannot be stopped from here, and may write after all: a second one on
   * the same folder would break it. So there is none until Postern is started anew. One that waits for a database
   * by URL is ended with its connections, and what they left half done the database itself undoes.
   */
  #hangs(worker: Worker, name: CallName): void {
    const what = `the session store did not answer within ${this.answerMs / 1000} s (${name})`;
    const error = storeFailed(this.options.url === null ? `${what} and is given up` : what, null);
    if (this.options.url === null) this.#over ??= error;
    this.#drop(worker, error);
  }
}

function errorOf({ safe, message, hint, code }: Failure): PosternError {
  if (safe) return new PosternError("StoreFailed", message, hint === null ? {} : { hint });
  // SQLSTATE class 53, and the file system's own words where they get through.
  if (code?.startsWith("53") || /no space left/i.test(message)) {
    return storeFailed("the disk of the session store is full", message);
  }
  return storeFailed("the session store failed; the details are in Postern's log", message);
}

/** `cause` is for the log only. */
export function storeFailed(message: string, cause: unknown): PosternError {
  return new PosternError("StoreFailed", message, {
    hint: "nothing is let through that cannot be recorded; tell whoever runs Postern",
    ...(cause === null ? {} : { cause }),
  });
}
