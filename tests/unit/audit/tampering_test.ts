/** Each way to change an export that somebody may try, and that it is found, at the right line. */
import assert from "node:assert/strict";
import { canonical } from "../../../policy/audit/canonical.ts";
import { contentOf, digestOf, linkOf } from "../../../policy/audit/chain.ts";
import { exportLines } from "../../../policy/audit/export.ts";
import { newPrivateKey, signer } from "../../../policy/audit/heads.ts";
import { verifyLines } from "../../../policy/audit/verify.ts";
import type { AuditEvent, Json } from "../../../policy/types.ts";
import { bad, collect, good, memoryRecord, oneOfEach } from "./samples.ts";

const record = memoryRecord([...oneOfEach("1"), ...oneOfEach("2"), ...oneOfEach("3")], { headEvery: 10 });
const honest = await collect(exportLines(record, {}, "jsonl"));
/** The index in `honest` of the event with this sequence. */
const at = (sequence: number) => honest.findIndex((line) => JSON.parse(line).sequence === sequence);
const withLine = (index: number, line: string) => honest.with(index, line);
const edited = (sequence: number, edit: (event: Record<string, Json>) => void): string => {
  const event = JSON.parse(honest[at(sequence)]!);
  edit(event);
  return canonical(event);
};

/** As somebody would who can compute hashes but has no key: from this event on all are linked anew. */
function rehashed(from: number, edit: (event: Record<string, Json>) => void): string[] {
  let previous: string | null = null;
  return honest.map((line) => {
    const event = JSON.parse(line) as AuditEvent & Record<string, Json>;
    if (!("sequence" in event) || event.sequence < from) return line;
    if (event.sequence === from) edit(event);
    const link = previous ?? event.previous;
    previous = linkOf(event.sequence, link, digestOf(contentOf(event)));
    return canonical({ ...event, previous: link, hash: previous });
  });
}

const intruder = signer(newPrivateKey());
/** All signatures made anew with another key; with the header too, if told. */
function resigned(lines: readonly string[], header: boolean): string[] {
  const out: string[] = [];
  let hash = "";
  for (const line of lines) {
    const value = JSON.parse(line);
    if ("postern" in value && header) out.push(canonical({ ...value, keys: intruder.publicPem }));
    else if ("head" in value || "end" in value) {
      const [name, statement] = Object.entries<Record<string, Json>>(value)[0]!;
      const { signature: _, key: __, ...rest } = statement;
      const fresh = { ...rest, hash, ...(name === "end" ? { header: digestOf(out[0]!) } : {}) };
      out.push(canonical({ [name]: intruder.sign(fresh as Record<string, Json>) }));
    } else out.push(line);
    if ("sequence" in value) hash = value.hash;
  }
  return out;
}

interface Tampering {
  readonly how: string;
  readonly lines: readonly string[];
  /** The line that must be named, from 1. */
  readonly line: number;
  readonly says: RegExp;
}

const end = honest.length - 1;
const head20 = honest.findIndex((line) => JSON.parse(line).head?.sequence === 20);

const tamperings: readonly Tampering[] = [
  {
    how: "a changed text",
    lines: withLine(at(8), edited(8, (event) => (event.data as Record<string, Json>).text = "SELECT 1")),
    line: at(8) + 1,
    says: /does not match its content/,
  },
  {
    how: "a changed person",
    lines: withLine(at(8), edited(8, (event) => event.person = "noor@example.com")),
    line: at(8) + 1,
    says: /does not match its content/,
  },
  {
    how: "a changed time",
    lines: withLine(at(8), edited(8, (event) => event.at = 1)),
    line: at(8) + 1,
    says: /does not match its content/,
  },
  {
    how: "a changed verdict with its own hash made anew",
    lines: withLine(
      at(8),
      edited(8, (event) => {
        (event.data as Record<string, Json>).verdict = "allow";
        event.hash = linkOf(8, event.previous as string, digestOf(contentOf(event as unknown as AuditEvent)));
      }),
    ),
    line: at(9) + 1,
    says: /linked to another event 8/,
  },
  { how: "a removed event", lines: honest.toSpliced(at(8), 1), line: at(8) + 1, says: /event 8 is missing/ },
  {
    how: "three removed events",
    lines: honest.toSpliced(at(15), 3),
    line: at(15) + 1,
    says: /events 15 to 17 are missing/,
  },
  {
    how: "the first event removed",
    lines: honest.toSpliced(at(1), 1),
    line: 2,
    says: /event 1 is missing/,
  },
  {
    how: "two events in each other's place",
    lines: honest.with(at(8), honest[at(9)]!).with(at(9), honest[at(8)]!),
    line: at(8) + 1,
    says: /event 8 is missing before event 9/,
  },
  {
    how: "an event twice",
    lines: honest.toSpliced(at(9), 0, honest[at(8)]!),
    line: at(8) + 2,
    says: /repeated or moved here/,
  },
  {
    how: "an invented event put in, with the right links around it",
    lines: honest.toSpliced(
      at(9),
      1,
      edited(9, (event) => {
        event.person = "someone@example.com";
        event.hash = linkOf(9, event.previous as string, digestOf(contentOf(event as unknown as AuditEvent)));
      }),
    ),
    line: at(10) + 1,
    says: /linked to another event 9/,
  },
  {
    how: "all hashes from an event on made anew",
    lines: rehashed(15, (event) => (event.data as Record<string, Json>).text = "SELECT 1"),
    line: head20 + 1,
    says: /rewritten after the signature/,
  },
  {
    how: "all hashes made anew behind the last head on the way",
    lines: rehashed(41, (event) => event.person = "someone@example.com"),
    line: end + 1,
    says: /does not match the lines before it/,
  },
  {
    how: "the last events removed",
    lines: honest.toSpliced(at(47), 2),
    line: end - 1,
    says: /ends? at event 46/,
  },
  { how: "the signed end removed", lines: honest.slice(0, -1), line: end, says: /without its signed end/ },
  {
    how: "cut after a head on the way, so that it looks complete",
    lines: honest.slice(0, head20 + 1),
    line: head20 + 1,
    says: /without its signed end/,
  },
  {
    how: "cut, with the head on the way as the end",
    lines: [
      ...honest.slice(0, at(21)),
      canonical({ end: { ...JSON.parse(honest[end]!).end, ...JSON.parse(honest[head20]!).head } }),
    ],
    line: head20 + 2,
    says: /signed end|signature/,
  },
  {
    how: "a line added behind the end",
    lines: [...honest, honest[at(42)]!],
    line: end + 2,
    says: /after the signed end/,
  },
  {
    how: "a head with another hash",
    lines: withLine(
      head20,
      canonical({ head: { ...JSON.parse(honest[head20]!).head, hash: "f".repeat(64) } }),
    ),
    line: head20 + 1,
    says: /signature is wrong/,
  },
  {
    how: "a head moved to another event",
    lines: honest.toSpliced(head20, 1).toSpliced(at(25), 0, honest[head20]!),
    line: at(25) + 1,
    says: /stands after event/,
  },
  {
    how: "rewritten and signed with another key",
    lines: resigned(rehashed(15, (event) => event.person = "someone@example.com"), false),
    line: honest.findIndex((line) => "head" in JSON.parse(line)) + 1,
    says: /a key that the header does not have/,
  },
  {
    how: "another filter in the header",
    lines: withLine(0, canonical({ ...JSON.parse(honest[0]!), filter: { person: "mia@example.com" } })),
    line: end + 1,
    says: /header is not the one that was signed/,
  },
  {
    how: "a member twice in a line, for readers that take the first",
    lines: withLine(at(8), honest[at(8)]!.replace('{"at":', '{"at":1,"at":')),
    line: at(8) + 1,
    says: /canonical form/,
  },
  {
    how: "white space in a line",
    lines: withLine(at(8), honest[at(8)]!.replace('{"at":', '{ "at":')),
    line: at(8) + 1,
    says: /canonical form/,
  },
  {
    how: "an unknown member in an event",
    lines: withLine(at(8), edited(8, (event) => event.zzz = 1)),
    line: at(8) + 1,
    says: /no whole event/,
  },
  { how: "a line that is no JSON", lines: withLine(at(8), "{"), line: at(8) + 1, says: /no JSON/ },
  { how: "an empty line", lines: honest.toSpliced(at(8), 0, ""), line: at(8) + 1, says: /no JSON/ },
  { how: "no line at all", lines: [], line: 1, says: /empty/ },
  { how: "no header", lines: honest.slice(1), line: 1, says: /no header/ },
  {
    how: "nested deeper than any event",
    lines: withLine(at(8), "[".repeat(200_000) + "]".repeat(200_000)),
    line: at(8) + 1,
    says: /no line of an export/,
  },
  {
    how: "nested deeper than any event, in data",
    lines: withLine(at(8), '{"data":' + "[".repeat(200_000) + "]".repeat(200_000) + ',"sequence":8}'),
    line: at(8) + 1,
    says: /canonical form/,
  },
];

for (const { how, lines, line, says } of tamperings) {
  Deno.test(`tampering is found: ${how}`, async () => {
    for (const key of [undefined, record.publicPem]) {
      const found = bad(await verifyLines(lines, key));
      assert.equal(found.line, line, found.problem);
      if (key === undefined) assert.match(found.problem, says);
    }
  });
}

Deno.test("a record signed anew with another key is found by whoever has the right one", async () => {
  const forged = resigned(rehashed(15, (event) => event.person = "someone@example.com"), true);
  good(await verifyLines(forged));
  assert.match(bad(await verifyLines(forged, record.publicPem)).problem, /not signed with the given key/);
});
