/** The real psql: one run with its output captured, or a session in a terminal for prompts, notices and Ctrl-C. */
import { type Output, run, signal } from "./daemons.ts";
import { required } from "./programs.ts";

export interface PsqlOptions {
  /** `host=127.0.0.1 port=… user=… dbname=…`, or a URL. */
  readonly connection: string;
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** No start-up file, pager or history of whoever runs the tests takes part. */
const quiet = (env: Readonly<Record<string, string>> = {}) => ({
  PGPASSWORD: "",
  PAGER: "cat",
  PSQL_HISTORY: "/dev/null",
  TERM: "dumb",
  LC_ALL: "C.UTF-8",
  ...env,
});

export function runPsql(options: PsqlOptions): Promise<Output> {
  const command = [required("psql"), "-X", "-w", options.connection, ...(options.args ?? [])];
  return run(command, {
    env: quiet(options.env),
    timeoutMs: options.timeoutMs ?? 60_000,
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
  });
}

export interface PsqlSession {
  /** Everything the terminal has shown, carriage returns removed. */
  readonly transcript: string;
  /** Types a line. */
  send(line: string): Promise<void>;
  /** Ctrl-C. */
  interrupt(): Promise<void>;
  /** Waits for text after what an earlier `expect` has matched; rejects with the transcript. */
  expect(pattern: string | RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Resolves with the exit code once psql has ended. */
  readonly ended: Promise<number>;
  close(): Promise<void>;
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** What has been shown so far, and who waits for more. */
class Screen {
  shown = "";
  over = false;
  #matched = 0;
  #wake = () => {};

  async read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.shown += chunk.replaceAll("\r", "");
      this.#wake();
    }
    this.over = true;
    this.#wake();
  }

  async expect(pattern: string | RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const wanted = typeof pattern === "string" ? new RegExp(RegExp.escape(pattern)) : pattern;
    const until = Date.now() + timeoutMs;
    for (;;) {
      const found = this.shown.slice(this.#matched).match(wanted);
      if (found !== null) {
        this.#matched += (found.index ?? 0) + found[0].length;
        return found;
      }
      if (this.over || Date.now() > until) {
        throw new Error(
          `psql ${this.over ? "ended without" : "did not show in time"} ${wanted}:\n${this.shown}`,
        );
      }
      await this.#more(until - Date.now() + 1);
    }
  }

  #more(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Needs `psql` and `script`, which makes the terminal. */
export function startPsql(options: Omit<PsqlOptions, "stdin" | "timeoutMs">): PsqlSession {
  const command = [required("psql"), "-X", "-n", "-w", options.connection, ...(options.args ?? [])];
  const line = `exec ${command.map(quote).join(" ")}`;
  const child = new Deno.Command(required("script"), {
    args: ["--quiet", "--return", "--echo", "never", "--command", line, "/dev/null"],
    env: quiet(options.env),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const screen = new Screen();
  const reading = screen.read(child.stdout);
  const write = (text: string) => writer.write(new TextEncoder().encode(text));
  const ended = child.status.then(({ code }) => code);
  return {
    get transcript() {
      return screen.shown;
    },
    send: (text) => write(`${text}\n`),
    interrupt: () => write("\x03"),
    expect: (pattern, timeoutMs) => screen.expect(pattern, timeoutMs),
    ended,
    async close() {
      await write("\\q\n").catch(() => {});
      await writer.close().catch(() => {});
      const timer = setTimeout(() => signal(child.pid, "SIGKILL"), 2000);
      await Promise.all([reading, ended]);
      clearTimeout(timer);
    },
  };
}
