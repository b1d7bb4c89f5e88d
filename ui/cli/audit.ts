/** `postern audit export` and `postern audit verify`. */
import { exportRecord, verifyFile } from "../../policy/audit/commands.ts";
import type { EventFilter, EvidenceJournal, Removal } from "../../policy/ports.ts";
import { eraseFromRunning, exportFromRunning } from "../api/control.ts";
import { type Commands, type ConfigReader, say, UsageError, type Values } from "./run.ts";

const exportOptions = {
  format: "string",
  session: "string",
  person: "string",
  target: "string",
  from: "string",
  to: "string",
  type: "string",
  kind: "string",
  verdict: "string",
  table: "string",
} as const;

const kinds = ["read", "write", "ddl", "session", "transaction", "admin", "copy", "call", "unknown"];
const verdicts = ["allow", "approve", "deny"];

function filterOf(values: Values): EventFilter {
  const time = (name: "from" | "to"): number | undefined => {
    const given = values[name];
    if (typeof given !== "string") return undefined;
    const at = Date.parse(given);
    if (Number.isNaN(at)) throw new UsageError(`--${name} wants a time, as in 2026-11-24T08:00:00Z`);
    return at;
  };
  const oneOf = (name: "kind" | "verdict", choices: readonly string[]) => {
    const given = values[name];
    if (given === undefined || choices.includes(String(given))) return given;
    throw new UsageError(`--${name} is one of ${choices.join(", ")}`);
  };
  const { session, person, target, table, type } = values;
  const given = {
    session,
    person,
    target,
    table,
    types: typeof type === "string" ? type.split(",") : undefined,
    kind: oneOf("kind", kinds),
    verdict: oneOf("verdict", verdicts),
    from: time("from"),
    to: time("to"),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

async function writeOut(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

/** From the gateway that runs on `folder`, else from the store itself, which `open` opens. */
async function auditExport(
  folder: string,
  values: Values,
  open: () => Promise<EvidenceJournal>,
): Promise<number> {
  const format = values.format ?? "jsonl";
  if (format !== "jsonl" && format !== "csv") throw new UsageError("--format is jsonl or csv");
  const filter = filterOf(values);
  if (await exportFromRunning(folder, { filter, format }, writeOut)) return 0;
  const journal = await open();
  try {
    const encoder = new TextEncoder();
    await exportRecord(journal, filter, (text) => writeOut(encoder.encode(text)), format);
  } finally {
    await journal.close();
  }
  return 0;
}

async function auditVerify(file: string, values: Values): Promise<number> {
  const { "public-key": key, anchors } = values;
  const { ok, text } = await verifyFile(
    file,
    typeof key === "string" ? key : undefined,
    typeof anchors === "string" ? anchors : undefined,
  );
  return await say(text, ok ? 0 : 1);
}

/** A person's data, or a text, out of the record: by the gateway that runs on `folder`, else in the store itself. */
async function auditErase(
  folder: string,
  { person, text, reason }: Values,
  open: () => Promise<EvidenceJournal>,
): Promise<number> {
  if ((typeof person === "string") === (typeof text === "string")) {
    throw new UsageError("Say what to erase: --person NAME, or --text TEXT");
  }
  if (typeof reason !== "string" || reason.trim() === "") {
    throw new UsageError("Say why, for the record, without naming the person: --reason TEXT");
  }
  const removal: Removal = {
    kind: "erased",
    ...(typeof person === "string" ? { person } : { text: String(text) }),
    by: "postern audit erase",
    reason,
  };
  const said = (count: number) =>
    say(
      `The contents of ${count} event${
        count === 1 ? "" : "s"
      } were erased; their digests stay, and the chain ` +
        "verifies. Copies outside (exports, streams, backups) are not reached from here.",
    );
  const erased = await eraseFromRunning(folder, removal);
  if (erased !== null) return await said(erased);
  const journal = await open();
  try {
    return await said(await journal.remove(removal));
  } finally {
    await journal.close();
  }
}

export function auditCommands(
  config: ConfigReader,
  openJournal: (values: Values) => Promise<EvidenceJournal>,
): Commands {
  return {
    "audit export": {
      usage: "--config FILE [--format jsonl|csv] [--session ID] [--person NAME] [--target NAME] " +
        "[--from TIME] [--to TIME] [--type TYPE,TYPE] [--kind KIND] [--verdict VERDICT] [--table NAME]",
      about: "the record as JSON Lines, with what proves it",
      options: { config: "string", ...exportOptions },
      operands: [0, 0],
      run: (_, values) => {
        const folder = config.dataFolder(values);
        return auditExport(folder, values, () => openJournal(values));
      },
    },
    "audit erase": {
      usage: "--config FILE (--person NAME | --text TEXT) --reason TEXT",
      about: "takes a person's data, or what holds a text, out of the record; its chain stays",
      options: { config: "string", person: "string", text: "string", reason: "string" },
      operands: [0, 0],
      run: (_, values) => {
        const folder = config.dataFolder(values);
        return auditErase(folder, values, () => openJournal(values));
      },
    },
    "audit verify": {
      usage: "FILE [--public-key FILE] [--anchors FILE]",
      about: "checks an export's chain; names the first line that is wrong",
      options: { "public-key": "string", anchors: "string" },
      operands: [1, 1],
      run: ([file], values) => auditVerify(file ?? "", values),
    },
  };
}
