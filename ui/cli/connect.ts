/** `postern connect`: a stock client, started with a one-time password that nobody sees. */
import { delimiter, join } from "node:path";
import { PosternError } from "../../policy/errors.ts";
import type { OneTimePassword } from "../contract.ts";
import { CredentialsFile } from "./credentials.ts";
import { SignedIn } from "./dashboard.ts";
import { Renewal } from "./renewal.ts";
import { type Commands, UsageError } from "./run.ts";

/** A program to start: its arguments hold no secret, `env` does. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The stock clients for what listens there, the usual one first; none for a protocol that this program lacks. */
export type Launches = (
  at: OneTimePassword["at"],
  who: { readonly target: string; readonly user: string; readonly password: string },
) => readonly Launch[];

const env = (name: string) => Deno.env.get(name);

async function connect(
  target: string,
  args: readonly string[],
  url: unknown,
  launches: Launches,
): Promise<number> {
  const signedIn = SignedIn.of(new CredentialsFile(env), url, env);
  const { user, password, at } = await signedIn.password(target.split("/")[0] ?? "");
  const choices = launches(at, { target, user, password });
  if (choices.length === 0) throw new UsageError(`This program knows no client for "${at.protocol}"`);
  const found = choices.find(({ program }) => isInstalled(program));
  if (found === undefined) {
    const names = choices.map(({ program }) => program).join(" or ");
    throw new PosternError("Internal", `There is no ${names} on this machine`, {
      hint: `Install it, or run \`postern proxy ${target}\` and connect with another client`,
    });
  }
  const renewal = new Renewal(signedIn);
  renewal.add(user);
  try {
    return await runInPlace(found, args);
  } finally {
    renewal.close();
  }
}

/** Windows finds a program without its ending, which its file has. */
const ending = Deno.build.os === "windows" ? ".exe" : "";

const isInstalled = (program: string): boolean =>
  (env("PATH") ?? "").split(delimiter).some((folder) => {
    try {
      return folder !== "" && Deno.statSync(join(folder, `${program}${ending}`)).isFile;
    } catch {
      return false;
    }
  });

/** The terminal is the client's; so is Ctrl-C, which it takes for a statement to cancel. */
async function runInPlace({ program, args, env: secrets }: Launch, more: readonly string[]): Promise<number> {
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const child = new Deno.Command(program, {
      args: [...args, ...more],
      env: secrets,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const stop = () => child.kill("SIGTERM");
    Deno.addSignalListener("SIGTERM", stop);
    const { code } = await child.status;
    Deno.removeSignalListener("SIGTERM", stop);
    return code;
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

export function connectCommands(launches: Launches): Commands {
  return {
    connect: {
      usage: "TARGET[/DATABASE] [--url URL] [-- ARGUMENTS OF THE CLIENT]",
      about: "starts the stock client of a target's database, signed in",
      options: { url: "string" },
      operands: [1, 1000],
      run: ([target = "", ...args], values) => connect(target, args, values.url, launches),
    },
  };
}
