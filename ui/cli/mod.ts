/** All commands, in the order in which `postern help` lists them. */
import type { EvidenceJournal, TargetQuery } from "../../policy/ports.ts";
import { auditCommands } from "./audit.ts";
import { explainCommands } from "./explain.ts";
import { helpCommand } from "./help.ts";
import { serveCommands, type ServeDeps } from "./serve.ts";
import { reloadCommands } from "./reload.ts";
import { type Commands, type ConfigReader } from "./run.ts";

import { versionCommand } from "./version.ts";

export { type Checked, configOf } from "./serve.ts";
export { Reloading } from "./reload.ts";
export * from "./run.ts";

export interface CliDeps extends ServeDeps {
  readonly version: string;
  readonly config: ConfigReader;
  readonly targetQuery: TargetQuery;
  /** The record of a data folder that nobody else uses. */
  readonly openJournal: (folder: string) => Promise<EvidenceJournal>;
}

export function createCommands(deps: CliDeps): Commands {
  const { version, config, targetQuery, openJournal } = deps;
  const commands: Commands = {
    ...serveCommands(deps),
    ...reloadCommands(config),
    ...explainCommands(config, targetQuery),
    ...auditCommands(config, openJournal),
    version: versionCommand(version),
    help: helpCommand(version, () => commands),
  };
  return commands;
}
