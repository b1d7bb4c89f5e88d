/** `postern audit export` and `postern audit verify`. */
import { describeVerification, verifyFile } from "../../policy/audit/files.ts";
import type { EventFilter, EvidenceJournal } from "../../policy/ports.ts";
import { exportFromRunning } from "../api/control.ts";
import { readText, say, UsageError, type Values } from "./run.ts";

export const exportOptions = {
  format: "string",
  session: "string",
  person: "string",
  target: "string",
  from: "string",
  to: "string",
} as const;

function filterOf(values: Values): EventFilter {
  const time = (name: "from" | "to"): number | undefined => {
    const given = values[name];
    if (typeof given !== "string") return undefined;
    const at = Date.parse(given);
    if (Number.isNaN(at)) throw new UsageError(`--${name} wants a time, as in 2026-11-24T08:00:00Z`);
    return at;
  };
  const { session, person, target } = values;
  const given = { session, person, target, from: time("from"), to: time("to") };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** From the gateway that runs on `folder`, else from the store itself, which `open` opens. */
export async function auditExport(
  folder: string,
  values: Values,
  open: () => Promise<EvidenceJournal>,
): Promise<number> {
  const format = values.format ?? "jsonl";
  if (format !== "jsonl" && format !== "csv") throw new UsageError("--format is jsonl or csv");
  const wanted = { filter: filterOf(values), format } as const;
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  };
  if (await exportFromRunning(folder, wanted, write)) return 0;
  const journal = await open();
  try {
    const encoder = new TextEncoder();
    for await (const line of journal.lines(wanted.filter, format)) await write(encoder.encode(line));
  } finally {
    await journal.close();
  }
  return 0;
}

export async function auditVerify(file: string, key: string | boolean | undefined): Promise<number> {
  const publicKey = typeof key === "string" ? readText(key) : undefined;
  const found = await verifyFile(file, publicKey);
  return await say(describeVerification(found), found.ok ? 0 : 1);
}
