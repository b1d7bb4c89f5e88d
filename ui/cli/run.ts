/** The terminal's side of the commands: which there are, their options, and what is said when one fails. */
import { parseArgs } from "node:util";
import { asPosternError } from "../../policy/errors.ts";

/** A command that was called in a way that it does not have. */
export class UsageError extends Error {}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  readonly options: Readonly<Record<string, "string" | "boolean">>;
  /** How many operands it takes, at least and at most. */
  readonly operands: readonly [number, number];
  /** Resolves with the exit code. */
  readonly run: (operands: readonly string[], values: Values) => Promise<number>;
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
  commands: Readonly<Record<string, Command>>,
  args: readonly string[],
): Promise<number> {
  try {
    const words = args[0] === "audit" ? 2 : 1;
    const name = args.slice(0, words).join(" ").replace(/^--?/, "") || "help";
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw new UsageError(`There is no command "${name}"`);
    const options = Object.fromEntries(
      Object.entries(command.options).map(([option, type]) => [option, { type }]),
    );
    const { values, positionals } = parseArgs({ args: args.slice(words), options, allowPositionals: true });
    const [least, most] = command.operands;
    if (positionals.length < least || positionals.length > most) {
      throw new UsageError(`"postern ${name}" takes ${most === 0 ? "no operand" : "one operand"}`);
    }
    return await command.run(positionals, values as Values);
  } catch (error) {
    return await say(failureText(error), 1);
  }
}

function failureText(error: unknown): string {
  if (error instanceof UsageError || error instanceof TypeError && "code" in error) {
    return `${error.message}\nSee "postern help".`;
  }
  const { message, hint, cause } = asPosternError(error);
  const why = cause instanceof Error ? `\n  ${cause.message}` : "";
  return `postern: ${message}${why}${hint === undefined ? "" : `\n  ${hint}`}`;
}
