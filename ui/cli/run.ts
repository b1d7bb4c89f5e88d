/** The terminal's side of the commands: which there are, their options, and what is said when one fails. */
import { parseArgs } from "node:util";
import type { PolicyConfig } from "../../policy/config.ts";
import { asPosternError } from "../../policy/errors.ts";

/** A command that was called in a way that it does not have. */
export class UsageError extends Error {}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  /** What follows the name: `--config FILE [FILE|-]`. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly about: string;
  readonly options: Readonly<Record<string, "string" | "boolean">>;
  /** How many operands it takes, at least and at most. */
  readonly operands: readonly [number, number];
  /** Resolves with the exit code. */
  readonly run: (operands: readonly string[], values: Values) => Promise<number>;
}

/** By name, of one word or of two. */
export type Commands = Readonly<Record<string, Command>>;

/** A config as it stands in its file. */
export interface ConfigText {
  readonly text: string;
  /** Its path: references to files are relative to its folder. */
  readonly file: string;
  readonly env: (name: string) => string | undefined;
}

/** Reads the config that `--config FILE` names; throws UsageError or a PosternError that lists its problems. */
export interface ConfigReader {
  policy(values: Values): PolicyConfig;
  dataFolder(values: Values): string;
}

/** One text to the person: to standard output, or to standard error for a failure. Resolves with the code. */
export function say(line: string, code = 0): Promise<number> {
  (code === 0 ? console.log : console.error)(line);
  return Promise.resolve(code);
}

/** Throws UsageError where it cannot be read. */
export function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Runs one command line; resolves with the exit code. Never rejects: what goes wrong is said on standard error. */
export async function runCommand(
  commands: Commands,
  args: readonly string[],
): Promise<number> {
  try {
    const [words, name] = commandName(commands, args);
    const asked = args.slice(words).findIndex((arg) => ["--help", "-h"].includes(arg));
    const end = args.slice(words).indexOf("--");
    // `postern connect TARGET -- --help` is the client's own.
    if (asked >= 0 && (end < 0 || asked < end)) return await commands.help!.run(name.split(" "), {});
    const command = commands[name]!;
    const options = Object.fromEntries(
      Object.entries(command.options).map(([option, type]) => [option, { type }]),
    );
    const { values, positionals } = parseArgs({ args: args.slice(words), options, allowPositionals: true });
    const [least, most] = command.operands;
    if (positionals.length < least || positionals.length > most) {
      throw new UsageError(`It is called as: postern ${name} ${command.usage}`);
    }
    return await command.run(positionals, values as Values);
  } catch (error) {
    return await say(failureText(error), 1);
  }
}

/** How many words name the command, and its name; nothing at all asks for help. */
function commandName(commands: Commands, args: readonly string[]): [number, string] {
  const [first = "help", second] = args;
  const one = first.replace(/^--?/, "");
  for (const [words, name] of [[2, `${one} ${second}`], [1, one]] as const) {
    if (Object.hasOwn(commands, name)) return [words, name];
  }
  const family = Object.keys(commands).filter((name) => name.startsWith(`${one} `));
  if (family.length === 0) throw new UsageError(`There is no command "${one}"`);
  throw new UsageError(`Say which: ${family.map((name) => `postern ${name}`).join(", ")}`);
}

function failureText(error: unknown): string {
  if (error instanceof UsageError || error instanceof TypeError && "code" in error) {
    return `${error.message}\nSee "postern help".`;
  }
  const { message, hint, cause } = asPosternError(error);
  const why = cause instanceof Error ? `\n  ${cause.message}` : "";
  return `postern: ${message}${why}${hint === undefined ? "" : `\n  ${hint}`}`;
}
