/** Writes the record as text lines, in the format of export_format.ts. */
import type { EventFilter, ExportFormat } from "../ports.ts";
import type { Json } from "../types.ts";
import { canonical } from "./canonical.ts";
import { digestOf, eventOf, genesis } from "./chain.ts";
import { endKind, exportKind } from "./export_format.ts";
import type { SignedHead } from "./heads.ts";

/** An event as the store has it: `content` is the canonical JSON that its digest covers. */
export interface StoredEvent {
  readonly sequence: number;
  readonly previous: string;
  readonly hash: string;
  readonly content: string;
  /** The digest of a content that was taken out, which is empty then; null where it is there. */
  readonly removed: string | null;
  /** Whether the filter wants it. */
  readonly matches: boolean;
}

/** Where an export gets its lines; the store implements it. */
export interface ExportSource {
  /** Signs the newest head. */
  sign(): Promise<SignedHead>;
  signStatement(statement: Record<string, string | number>): Promise<Record<string, string | number>>;
  /** PEM of all keys that signed here. */
  publicKeys(): Promise<string>;
  /** Signed heads in (after, to], at most some at once, in order. */
  heads(after: number, to: number): Promise<SignedHead[]>;
  bounds(filter: EventFilter): Promise<{ first: number; last: number } | null>;
  /** A page of everything in (after, to], wanted or not; empty when there is no more. */
  range(filter: EventFilter, after: number, to: number): Promise<readonly StoredEvent[]>;
  now(): number;
}

/** Each line with its line break. Constant memory. */
export async function* exportLines(
  source: ExportSource,
  filter: EventFilter,
  format: ExportFormat,
): AsyncIterable<string> {
  const head = await source.sign();
  const bounds = await boundsOf(source, filter, head);
  if (format === "csv") yield* csvLines(source, filter, bounds);
  else yield* provenLines(source, filter, bounds, head);
}

interface Bounds {
  readonly first: number;
  readonly last: number;
}

/** Nothing later than the head that was just signed, so that an export ends while events go on coming. */
async function boundsOf(source: ExportSource, filter: EventFilter, head: SignedHead): Promise<Bounds> {
  const wanted = Object.entries(filter).filter(([name, value]) => value !== undefined && name !== "limit");
  if (wanted.length === 0) return { first: 1, last: head.sequence };
  const found = await source.bounds(filter);
  if (found === null || found.first > head.sequence) {
    return { first: head.sequence + 1, last: head.sequence };
  }
  return { first: found.first, last: Math.min(found.last, head.sequence) };
}

/** Digests of one line of skipped events. */
const DIGESTS_PER_LINE = 1000;

async function* provenLines(
  source: ExportSource,
  filter: EventFilter,
  { first, last }: Bounds,
  head: SignedHead,
): AsyncIterable<string> {
  const header = canonical({
    postern: exportKind,
    at: source.now(),
    filter: plain(filter),
    first,
    last,
    previous: await previousOf(source, first, head),
    keys: await source.publicKeys(),
  });
  yield header + "\n";
  const heads = new Heads(source, first - 1, last);
  const gap = new Gap();
  let hash = first > last ? head.hash : genesis;
  let events = 0;
  for await (const stored of everything(source, filter, first, last)) {
    const { sequence, removed, content } = stored;
    hash = stored.hash;
    if (removed !== null) yield* gap.add("removed", sequence, removed);
    else if (!stored.matches) yield* gap.add("skipped", sequence, digestOf(content));
    else {
      events++;
      yield* gap.flush();
      yield canonical({ ...eventFrom(stored) }) + "\n";
    }
    const signed = await heads.at(sequence);
    if (signed.length > 0) yield* gap.flush();
    for (const one of signed) yield canonical({ head: { ...one } }) + "\n";
  }
  yield* gap.flush();
  const end = await source.signStatement({
    kind: endKind,
    at: source.now(),
    header: digestOf(header),
    first,
    last,
    hash,
    events,
    skipped: last - first + 1 - events,
  });
  yield canonical({ end }) + "\n";
}

/** Events that stand in an export by their digests alone, in a row. */
class Gap {
  #kind: "skipped" | "removed" = "skipped";
  #from = 0;
  #digests: string[] = [];

  *add(kind: "skipped" | "removed", sequence: number, digest: string): Iterable<string> {
    if (kind !== this.#kind || this.#digests.length === DIGESTS_PER_LINE) yield* this.flush();
    if (this.#digests.length === 0) this.#from = sequence;
    this.#kind = kind;
    this.#digests.push(digest);
  }

  *flush(): Iterable<string> {
    if (this.#digests.length === 0) return;
    yield canonical({ [this.#kind]: { from: this.#from, digests: this.#digests } }) + "\n";
    this.#digests = [];
  }
}

async function previousOf(source: ExportSource, first: number, head: SignedHead): Promise<string> {
  if (first === 1) return genesis;
  if (first > head.sequence) return head.hash;
  const [entry] = await source.range({}, first - 1, first);
  if (entry === undefined) throw new RangeError(`event ${first} is not in the store`);
  return entry.previous;
}

const eventFrom = ({ sequence, previous, hash, content }: StoredEvent) =>
  eventOf(sequence, previous, hash, content);

async function* everything(source: ExportSource, filter: EventFilter, first: number, last: number) {
  let after = first - 1;
  while (after < last) {
    const page = await source.range(filter, after, last);
    if (page.length === 0) throw new RangeError(`events ${after + 1} to ${last} are not in the store`);
    yield* page;
    after = page.at(-1)!.sequence;
  }
}

/** Signed heads in step with the events. */
class Heads {
  #page: SignedHead[] = [];
  #done = false;

  constructor(readonly source: ExportSource, public after: number, readonly last: number) {}

  async at(sequence: number): Promise<SignedHead[]> {
    if (this.#page.length === 0 && !this.#done) {
      this.#page = await this.source.heads(this.after, this.last);
      this.#done = this.#page.length === 0;
      this.after = this.#page.at(-1)?.sequence ?? this.last;
    }
    let count = 0;
    while (count < this.#page.length && this.#page[count]!.sequence <= sequence) count++;
    return this.#page.splice(0, count);
  }
}

function plain(filter: EventFilter): Json {
  const entries = Object.entries(filter).filter(([name, value]) => value !== undefined && name !== "limit");
  return Object.fromEntries(entries);
}

const csvColumns = [
  "sequence",
  "time",
  "type",
  "person",
  "session",
  "target",
  "verdict",
  "rule",
  "text",
  "data",
  "hash",
];

async function* csvLines(source: ExportSource, filter: EventFilter, { first, last }: Bounds) {
  yield csvColumns.join(",") + "\r\n";
  for await (const stored of everything(source, filter, first, last)) {
    if (!stored.matches || stored.removed !== null) continue;
    const event = eventFrom(stored);
    const { data } = event;
    const cells: Json[] = [
      event.sequence,
      new Date(event.at).toISOString(),
      event.type,
      event.person,
      event.session,
      event.target,
      data.verdict ?? data.state ?? null,
      data.rule ?? null,
      data.text ?? null,
      canonical(data),
      event.hash,
    ];
    yield cells.map(csvCell).join(",") + "\r\n";
  }
}

/** RFC 4180, and nothing that a spreadsheet would run as a formula. */
function csvCell(value: Json): string {
  if (value === null) return "";
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
