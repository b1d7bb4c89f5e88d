/** All commands, in the order in which `postern help` lists them. */
import type { z } from "zod";
import { accessCommands } from "./access.ts";
import type { EvidenceJournal, KeptRecord, TargetQuery } from "../../policy/ports.ts";
import { auditCommands } from "./audit.ts";
import { backupCommands } from "./backup.ts";
import { configCommands } from "./config.ts";
import { connectCommands, type Launches } from "./connect.ts";
import { explainCommands } from "./explain.ts";
import { helpCommand } from "./help.ts";
import { serveCommands, type ServeDeps } from "./serve.ts";
import { initCommands } from "./init.ts";
import { loginCommands } from "./login.ts";
import { type ForwardTo, proxyCommands } from "./proxy.ts";
import { requestCommands } from "./request_approval.ts";
import { reloadCommands } from "./reload.ts";
import { type Commands, type ConfigReader, type Values } from "./run.ts";

import { versionCommand } from "./version.ts";

export { type Checked, configOf } from "./serve.ts";
export { Reloading } from "./reload.ts";
export * from "./run.ts";

export interface CliDeps extends ServeDeps {
  readonly version: string;
  readonly config: ConfigReader;
  /** Their ids. */
  readonly protocols: readonly string[];
  /** Of the whole config. */
  readonly schema: z.ZodType;
  readonly targetQuery: TargetQuery;
  /** The record of a config whose data folder nobody else uses: in it, or in the database that it names. */
  readonly openJournal: (values: Values) => Promise<EvidenceJournal & KeptRecord>;
  readonly launches: Launches;
  readonly forward: ForwardTo;
}

export function createCommands(deps: CliDeps): Commands {
  const { version, config, schema, protocols, targetQuery, openJournal } = deps;
  const commands: Commands = {
    ...initCommands(protocols),
    ...serveCommands(deps),
    ...reloadCommands(config),
    ...configCommands(schema),
    ...explainCommands(config, targetQuery),
    ...backupCommands(deps),
    ...auditCommands(config, openJournal),
    ...loginCommands,
    ...connectCommands(deps.launches),
    ...accessCommands,
    ...proxyCommands(deps.forward),
    ...requestCommands,
    version: versionCommand(version),
    help: helpCommand(version, () => commands),
  };
  return commands;
}
