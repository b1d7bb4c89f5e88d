/** The commands that need no running gateway of their own, in the order in which `postern help` lists them. */
import type { EvidenceJournal, TargetQuery } from "../../policy/ports.ts";
import { auditCommands } from "./audit.ts";
import { explainCommands } from "./explain.ts";
import { helpCommand } from "./help.ts";
import { reloadCommands } from "./reload.ts";
import { type Commands, type ConfigReader, say } from "./run.ts";

export { Reloading } from "./reload.ts";
export * from "./run.ts";

export interface CliDeps {
  readonly version: string;
  readonly config: ConfigReader;
  readonly targetQuery: TargetQuery;
  /** The record of a data folder that nobody else uses. */
  readonly openJournal: (folder: string) => Promise<EvidenceJournal>;
}

/** `own` are listed first: those that run the gateway. */
export function createCommands(
  own: Commands,
  { version, config, targetQuery, openJournal }: CliDeps,
): Commands {
  const commands: Commands = {
    ...own,
    ...reloadCommands(config),
    ...explainCommands(config, targetQuery),
    ...auditCommands(config, openJournal),
    version: {
      usage: "",
      about: "which Postern this is",
      options: {},
      operands: [0, 0],
      run: () => say(`postern ${version}`),
    },
    help: helpCommand(version, () => commands),
  };
  return commands;
}
