/** Starts real database daemons in temporary folders, as another user where tests run as root, and ends them by pid. */
import { existsSync } from "node:fs";
import { required } from "./programs.ts";

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The words to put before a command so that it runs as one of these users, for databases refuse to run as root. */
export async function asUser(candidates: readonly string[]): Promise<readonly string[]> {
  if (Deno.uid() !== 0) return [];
  for (const user of [...candidates, "nobody"]) {
    const { code } = await run(["id", "-u", user]);
    if (code === 0) {
      return [
        required("setpriv"),
        `--reuid=${user}`,
        `--regid=${await groupOf(user)}`,
        "--clear-groups",
        "--",
      ];
    }
  }
  throw new Error(`none of the users ${candidates.join(", ")} and nobody exists`);
}

const groupOf = async (user: string) => (await run(["id", "-g", user])).stdout.trim();

/** Runs to the end and captures; never rejects for a bad exit code. */
export async function run(
  command: readonly string[],
  options: { stdin?: string; env?: Record<string, string>; timeoutMs?: number; cwd?: string } = {},
): Promise<Output> {
  const [name = "", ...args] = command;
  const child = new Deno.Command(name, {
    args,
    cwd: options.cwd ?? "/",
    env: options.env ?? {},
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => signal(child.pid, "SIGKILL"), options.timeoutMs ?? 60_000);
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // A program that ends before it has read everything is not an error of ours.
    await writer.write(new TextEncoder().encode(options.stdin)).then(() => writer.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** As `run`, but a bad exit code rejects with what the program said. */
export async function runWell(...given: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...given);
  if (code !== 0) throw new Error(`${given[0].join(" ")} ended with ${code}: ${stderr || stdout}`);
  return stdout;
}

export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended already, which is what was wanted.
  }
}

const folderMode = 0o755;

/** A folder that stays between runs, for what is slow to make; readable by the other user. */
export async function cacheFolder(): Promise<string> {
  const folder = `/tmp/postern-tests-${Deno.uid()}`;
  await Deno.mkdir(folder, { recursive: true, mode: folderMode });
  const { uid } = await Deno.stat(folder);
  if (uid !== Deno.uid()) throw new Error(`${folder} belongs to somebody else; remove it`);
  return folder;
}

/** A new temporary folder that belongs to whoever `prefix` runs as. */
export async function ownFolder(prefix: readonly string[], name: string): Promise<string> {
  const folder = (await runWell([...prefix, "mktemp", "-d", `/tmp/postern-${name}-XXXXXX`])).trim();
  await run(["/bin/sh", "-c", `(${reaper}) >/dev/null 2>&1 &`, "sh", String(Deno.pid), folder]);
  return folder;
}

/**
 * A test process that is killed, or ends on an uncaught error, runs no code of its own any more. This waits
 * beside it, ends the daemon that wrote its pid into the folder, and removes the folder.
 */
const reaper = `
  while kill -0 "$1" && [ -d "$2" ]; do sleep 2; done
  for file in "$2/data/postmaster.pid" "$2/pid"; do [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"; done
  sleep 2; rm -rf "$2"`;

export async function removeFolder(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Makes a template folder once, whatever number of test processes ask at the same time. */
export async function template(
  name: string,
  prefix: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const done = `${await cacheFolder()}/${name}`;
  if (existsSync(done)) return done;
  const work = await ownFolder(prefix, name);
  await make(work);
  try {
    await Deno.rename(work, done);
  } catch (error) {
    // Another process was first.
    await removeFolder(work);
    if (!existsSync(done)) throw error;
  }
  return done;
}

export class Daemon {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<void>;
  #running = true;

  constructor(
    command: readonly string[],
    readonly log: string,
    env: Record<string, string> = {},
    cwd = "/",
  ) {
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" >>"$0" 2>&1', log, ...command],
      cwd,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#ended = this.#child.status.then(() => {
      this.#running = false;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  async stop(name: Deno.Signal): Promise<void> {
    if (this.#running) signal(this.#child.pid, name);
    await this.#ended;
  }

  /** For `waitForPort`: the end of its log once it has died. */
  obituary(): string | null {
    if (this.#running) return null;
    return `the daemon ended: ${Deno.readTextFileSync(this.log).slice(-2000)}`;
  }
}
