/** The program as a person runs it on their own machine. */
import { type Output, run } from "./daemons.ts";

const root = new URL("../../", import.meta.url).pathname;

/** One person's machine: a folder for the sign-in, and the program. */
export class Machine {
  readonly home = Deno.makeTempDirSync({ prefix: "postern-home-" });

  env(more: Record<string, string> = {}): Record<string, string> {
    const kept = ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    return {
      ...Object.fromEntries(kept),
      POSTERN_HOME: this.home,
      NO_COLOR: "1",
      PSQL_HISTORY: "/dev/null",
      ...more,
    };
  }

  command(...args: string[]): string[] {
    return [Deno.execPath(), "run", "-A", "--no-check", `${root}main.ts`, ...args];
  }

  postern(...args: string[]): Promise<Output> {
    return run(this.command(...args), { env: this.env(), timeoutMs: 120_000 });
  }

  get file(): string {
    return `${this.home}/credentials.json`;
  }

  saved() {
    const { signIns } = JSON.parse(Deno.readTextFileSync(this.file));
    return Object.values(signIns)[0] as { tokens: Record<string, string | number> };
  }
}

/** `postern proxy` as it runs. */
export class LocalPort {
  private constructor(private readonly child: Deno.ChildProcess, readonly port: number) {}

  static async open(machine: Machine, target: string): Promise<LocalPort> {
    const [program = "", ...args] = machine.command("proxy", target);
    const child = new Deno.Command(program, { args, env: machine.env(), stdout: "piped", stderr: "null" })
      .spawn();
    let shown = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      shown += chunk;
      const port = / is at 127.0.0.1 port (\d+)/.exec(shown)?.[1];
      if (port !== undefined) return new LocalPort(child, Number(port));
    }
    throw new Error(`postern proxy ended: ${shown}`);
  }

  async end(): Promise<number> {
    this.child.kill("SIGINT");
    return (await this.child.status).code;
  }
}
