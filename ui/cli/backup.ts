/** `postern backup` and `postern restore`: the data folder, copied while Postern runs, and put back where none is. */
import { resolve } from "node:path";
import type { EvidenceJournal, KeptRecord } from "../../policy/ports.ts";
import { restoreBackup } from "../../policy/store/backup.ts";
import { backupRunning } from "../api/control.ts";
import { type Commands, type ConfigReader, say, type Values } from "./run.ts";

export interface BackupDeps {
  readonly config: ConfigReader;
  /** The record of a config whose data folder nobody else uses. */
  readonly openJournal: (values: Values) => Promise<EvidenceJournal & KeptRecord>;
}

async function backup(to: string, values: Values, { config, openJournal }: BackupDeps): Promise<number> {
  const folder = config.dataFolder(values);
  const path = resolve(to);
  const running = await backupRunning(folder, path);
  if (running !== null && !running.ok) return await say(`postern: ${running.text}`, 1);
  let database: boolean;
  if (running === null) {
    const journal = await openJournal(values);
    try {
      ({ database } = await journal.backup(path));
    } finally {
      await journal.close();
    }
  } else {
    ({ database } = JSON.parse(running.text) as { database: boolean });
  }
  const what = database
    ? "The record and the keys are"
    : "The keys are; the record is in its own database, which pg_dump backs up: they are";
  return await say(
    `${what} in ${path}. Whoever has it can sign as this Postern: keep it as safe as the data folder.`,
  );
}

async function restore(from: string, values: Values, { config, openJournal }: BackupDeps): Promise<number> {
  const folder = config.dataFolder(values);
  await restoreBackup(from, folder);
  // Opening checks the newest part of the chain against its signed head.
  const journal = await openJournal(values);
  await journal.close();
  return await say(`${from} is restored into ${folder}, and its chain fits its signed head.
Start Postern on it; \`postern audit export\` and \`postern audit verify\` check the whole.`);
}

export function backupCommands(deps: BackupDeps): Commands {
  return {
    backup: {
      usage: "FOLDER --config FILE",
      about: "copies the record and the keys into a new folder, while Postern runs",
      options: { config: "string" },
      operands: [1, 1],
      run: ([to = ""], values) => backup(to, values, deps),
    },
    restore: {
      usage: "FOLDER --config FILE",
      about: "puts a backup into the config's data folder, which must be empty",
      options: { config: "string" },
      operands: [1, 1],
      run: ([from = ""], values) => restore(from, values, deps),
    },
  };
}
