/** What the documents have people type is what the commands take: each `postern …` of the help, README and packaging. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CliDeps, type Command, createCommands, runCommand } from "../../../ui/cli/mod.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const help = [...Deno.readDirSync(`${root}ui/cli/help`)].map(({ name }) => join("ui/cli/help", name));
const documents = ["README.md", "SECURITY.md", "packaging/postern.service", ...help];

/** Lines of code that begin with it, prompts left out, and what stands in the text between backticks. */
function commandLines(text: string): string[] {
  const joined = text.replace(/\\\n\s*/g, "");
  const blocks = joined.match(/^(?: {4,}|\$ +|\w+=\/usr\/bin\/)postern .*$/gm) ?? [];
  const inline = joined.match(/`postern [^`]+`/g) ?? [];
  return [...blocks, ...inline].map((line) =>
    line.replace(/^[\s$`]*(?:\w+=\/usr\/bin\/)?/, "").replace(/`$/, "").replace(/\s+/g, " ")
  );
}

/** As a shell splits it, up to a comment or a redirection. */
function wordsOf(line: string): string[] {
  const [, ...words] = Array.from(
    line.replace(/ (?:#|>|\| ).*$/, "").matchAll(/(?:"[^"]*"|'[^']*'|[^\s"']+)+/g),
    ([word]) => word.replace(/["']/g, ""),
  );
  return words;
}

/** The commands as they are, none of which does anything; `ran` has the names of those that would have run. */
function harmless(ran: string[]) {
  const deps = { version: "0", protocols: ["postgresql", "mysql"] } as unknown as CliDeps;
  const idle = ([name, command]: [string, Command]): [string, Command] => {
    if (name === "help") return [name, command];
    return [name, { ...command, run: () => Promise.resolve(ran.push(name) && 0) }];
  };
  return Object.fromEntries(Object.entries(createCommands(deps)).map(idle));
}

/** What it says where it does not take the words. */
async function problemOf(words: readonly string[], ran: string[]): Promise<string | null> {
  const said: string[] = [];
  const { log, error } = console;
  console.log = () => {};
  console.error = (line: string) => said.push(line);
  try {
    return await runCommand(harmless(ran), words) === 0 ? null : said.join(" ");
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("every command line of the documents is one that there is, with options that it takes", async () => {
  /** Or are spoken of. */
  const ran: string[] = [];
  const wrong: string[] = [];
  const names = harmless([]);
  for (const path of documents) {
    for (const line of commandLines(Deno.readTextFileSync(`${root}${path}`))) {
      // A text speaks of a command by its name alone, and of any topic.
      const name = line.slice("postern ".length);
      if (Object.hasOwn(names, name)) ran.push(name);
      if (Object.hasOwn(names, name) || name === "help TOPIC") continue;
      const problem = await problemOf(wordsOf(line), ran);
      if (problem !== null) wrong.push(`${path}: ${line}: ${problem}`);
    }
  }
  assert.deepEqual(wrong, []);
  const untold = Object.keys(names).filter((name) => !["help", ...ran].includes(name));
  assert.deepEqual(untold, [], "commands that no document tells of");
});

Deno.test("a command line with an option, a command or a number of words that there is not is found", async () => {
  for (
    const line of [
      "postern serve --confg postern.yaml",
      "postern reloaded --config postern.yaml",
      "postern check",
      "postern audit",
      "postern help nothing",
    ]
  ) assert.notEqual(await problemOf(wordsOf(line), []), null, line);
});
