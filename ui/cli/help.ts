/** `postern help`: the commands from their table, and topics from the files in ui/cli/help/. */
import { join } from "node:path";
import { type Command, type Commands, say, UsageError } from "./run.ts";

/** Inside a compiled binary this is a path of its embedded files. */
const folder = join(import.meta.dirname!, "help");

/** Names of the topics, in order. */
export function helpTopics(): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name.replace(/\.md$/, "")).sort();
}

const entryOf = ([name, { usage, about }]: [string, Command]): string =>
  `  postern ${name}${usage === "" ? "" : ` ${usage}`}\n        ${about}\n`;

/** Those of this name, or of this family (`audit`); empty where there are none. */
function commandsOf(commands: Commands, words: string): string {
  const own = Object.entries(commands).filter(([name]) => name === words || name.startsWith(`${words} `));
  return own.map(entryOf).join("");
}

function commandList(version: string, commands: Commands): string {
  const entries = Object.entries(commands).map(entryOf);
  return `Postern ${version}: a guarded gate in front of production databases.\n\n${entries.join("")}
Topics, each with \`postern help TOPIC\`: ${helpTopics().join(", ")}`;
}

/** `commands` is asked for when it runs: help is one of them. */
export function helpCommand(version: string, commands: () => Commands): Command {
  return {
    usage: "[TOPIC|COMMAND]",
    about: "this list, a topic, or how a command is called",
    options: {},
    operands: [0, 2],
    run: (words) => {
      const [topic] = words;
      if (topic === undefined) return say(commandList(version, commands()));
      const own = commandsOf(commands(), words.join(" "));
      // A topic says more than the command of its name.
      if (own !== "" && !(words.length === 1 && helpTopics().includes(topic))) return say(own.trimEnd());
      if (!helpTopics().includes(topic)) {
        throw new UsageError(`There is no topic "${topic}"; there are ${helpTopics().join(", ")}`);
      }
      return say(Deno.readTextFileSync(join(folder, `${topic}.md`)).trimEnd());
    },
  };
}
