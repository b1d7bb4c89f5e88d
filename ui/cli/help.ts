/** `postern help`: the commands from their table, and topics from the files in ui/cli/help/. */
import { join } from "node:path";
import { type Command, type Commands, say, UsageError } from "./run.ts";

/** Inside a compiled binary this is a path of its embedded files. */
const folder = join(import.meta.dirname!, "help");

/** Names of the topics, in order. */
export function helpTopics(): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name.replace(/\.md$/, "")).sort();
}

function commandList(version: string, commands: Commands): string {
  const entries = Object.entries(commands).map(([name, { usage, about }]) =>
    `  postern ${name}${usage === "" ? "" : ` ${usage}`}\n        ${about}\n`
  );
  return `Postern ${version}: a guarded gate in front of production databases.\n\n${entries.join("")}
Topics, each with \`postern help TOPIC\`: ${helpTopics().join(", ")}`;
}

/** `commands` is asked for when it runs: help is one of them. */
export function helpCommand(version: string, commands: () => Commands): Command {
  return {
    usage: "[TOPIC]",
    about: "this list, or a topic",
    options: {},
    operands: [0, 1],
    run: ([topic]) => {
      if (topic === undefined) return say(commandList(version, commands()));
      if (!helpTopics().includes(topic)) {
        throw new UsageError(`There is no topic "${topic}"; there are ${helpTopics().join(", ")}`);
      }
      return say(Deno.readTextFileSync(join(folder, `${topic}.md`)).trimEnd());
    },
  };
}
