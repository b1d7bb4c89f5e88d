/** What `postern audit export` and `postern audit verify` do, with texts for people. */
import { readAnchors } from "./anchored.ts";
import type { SignedHead } from "./heads.ts";
import type { EventFilter, EvidenceJournal, ExportFormat } from "../ports.ts";
import { type Verification, verifyLines } from "./verify.ts";

/** Writes the export piece by piece, each of whole lines; gives the number of lines. */
export async function exportRecord(
  journal: Pick<EvidenceJournal, "lines">,
  filter: EventFilter,
  write: (text: string) => Promise<void> | void,
  format: ExportFormat = "jsonl",
): Promise<number> {
  let count = 0;
  let piece = "";
  for await (const line of journal.lines(filter, format)) {
    count++;
    piece += line;
    if (piece.length < PIECE_CHARS) continue;
    await write(piece);
    piece = "";
  }
  if (piece !== "") await write(piece);
  return count;
}

const PIECE_CHARS = 64 * 1024;

/** The verdict on a file: `ok` for the exit code, `text` for the person. */
export interface FileVerification {
  readonly ok: boolean;
  readonly text: string;
}

/** Longer than the longest event that the store takes. */
const LINE_CHARS_MAX = 64 * 1024 * 1024;

/**
 * Verifies an export. `publicKeyPath`: a PEM file with the keys that may sign; `audit-key.pub.pem` of the data
 * folder, kept where whoever could change the record cannot reach it. Never rejects for what the files hold.
 */
export async function verifyFile(
  path: string,
  publicKeyPath?: string,
  anchorsPath?: string,
): Promise<FileVerification> {
  let publicKey: string | undefined;
  try {
    if (publicKeyPath !== undefined) publicKey = await Deno.readTextFile(publicKeyPath);
  } catch (error) {
    return { ok: false, text: `BAD: the public key ${publicKeyPath} cannot be read: ${reason(error)}` };
  }
  let anchors: SignedHead[];
  try {
    anchors = anchorsPath === undefined ? [] : readAnchors(await Deno.readTextFile(anchorsPath));
  } catch (error) {
    return { ok: false, text: `BAD: the anchors ${anchorsPath} cannot be read: ${reason(error)}` };
  }
  try {
    using file = await Deno.open(path);
    return report(await verifyLines(linesOf(file.readable), publicKey, anchors));
  } catch (error) {
    return { ok: false, text: `BAD: ${path} cannot be verified: ${reason(error)}` };
  }
}

const reason = (error: unknown) => error instanceof Error ? error.message : String(error);

/** `OK: …` or `BAD: line 57 (sequence 56): …`. */
export function report(found: Verification): FileVerification {
  if (!found.ok) {
    const event = found.sequence === null ? "" : ` (sequence ${found.sequence})`;
    return { ok: false, text: `BAD: line ${found.line}${event}: ${found.problem}` };
  }
  const { first, last } = found;
  const parts = [
    count(found.events, "event"),
    last < first ? "an empty range" : `sequence ${first}..${last}`,
    ...(found.skipped > 0 ? [`${found.skipped} left out by the filter ${JSON.stringify(found.filter)}`] : []),
    ...(found.removed > 0
      ? [`${count(found.removed, "content")} erased or retired, as the record says`]
      : []),
    ...(found.unexplained > 0 ? [`${found.unexplained} of them by events outside of this export`] : []),
    ...(found.anchors > 0 ? [`${count(found.anchors, "anchor")} met`] : []),
    ...(found.heads > 0 ? [`${count(found.heads, "signed head")} on the way`] : []),
    `end signed ${new Date(found.at).toISOString()} with key ${found.key.slice(0, 16)}`,
  ];
  const text = `OK: ${parts.join(", ")}`;
  if (found.pinned) return { ok: true, text };
  return {
    ok: true,
    text:
      `${text}\nThis key comes from the export itself: give the public key that you keep (audit-key.pub.pem) ` +
      "to know that this Postern signed it",
  };
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Lines without their breaks. Throws where one is longer than any of ours, or is no UTF-8. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    pieces[0] = rest + pieces[0];
    rest = pieces.pop()!;
    yield* pieces;
    if (rest.length > LINE_CHARS_MAX) throw new RangeError("a line is longer than any that Postern writes");
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
