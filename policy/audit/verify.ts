/** Checks an export (policy/audit/export.ts) with nothing but its lines and, if there is one, a public key. */
import type { KeyObject } from "node:crypto";
import type { z } from "zod";
import type { AuditEvent, Json } from "../types.ts";
import { contentOf, digestOf, genesis, type Head, linkOf } from "./chain.ts";
import {
  endSchema,
  eventSchema,
  exportKind,
  headerSchema,
  headLineSchema,
  removedSchema,
  skippedSchema,
} from "./export_format.ts";
import { keyRing, signatureFault, type SignedHead } from "./heads.ts";
import { Bad, parse } from "./export_line.ts";
import { Anchored } from "./anchored.ts";
import { Removals } from "./removals.ts";

/** What was found. `line` counts from 1; `sequence` is of the event in question, null where it is about none. */
export type Verification =
  | {
    readonly ok: true;
    readonly events: number;
    readonly skipped: number;
    /** Heads kept elsewhere that the chain agrees with. */
    readonly anchors: number;
    /** Contents that were erased or retired, as the record says; `unexplained` of them by events that this export lacks. */
    readonly removed: number;
    readonly unexplained: number;
    readonly first: number;
    readonly last: number;
    /** Signed heads on the way, the end's not counted. */
    readonly heads: number;
    /** When the export was made, epoch milliseconds. */
    readonly at: number;
    /** The id of the key that signed the end. */
    readonly key: string;
    /** Whether that key was given from outside, and not only by the export itself. */
    readonly pinned: boolean;
    readonly filter: Json;
  }
  | {
    readonly ok: false;
    readonly line: number;
    readonly sequence: number | null;
    readonly problem: string;
    /** How many events were found good before it. */
    readonly events: number;
  };

/**
 * Reads the lines once, in constant memory, and stops at the first that is wrong. `publicKey`: PEM, one or more
 * keys that may sign; without it the export's own keys count, which shows only that it is whole in itself.
 * Throws TypeError for a `publicKey` that holds none.
 */
export async function verifyLines(
  lines: AsyncIterable<string> | Iterable<string>,
  publicKey?: string,
  anchors: readonly SignedHead[] = [],
): Promise<Verification> {
  const check = new Check(publicKey === undefined ? null : keyRing(publicKey), new Anchored(anchors));
  let line = 0;
  try {
    for await (const text of lines) {
      line++;
      check.line(text);
    }
    return check.finish();
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return {
      ok: false,
      line: Math.max(line, 1),
      sequence: error.sequence,
      problem: error.message,
      events: check.events,
    };
  }
}

class Check {
  events = 0;
  #skipped = 0;
  readonly #removals = new Removals();
  #heads = 0;
  #header: z.infer<typeof headerSchema> | null = null;
  #headerDigest = "";
  #head: Head = { sequence: 0, hash: genesis };
  #end: z.infer<typeof endSchema>["end"] | null = null;
  #ring: ReadonlyMap<string, KeyObject> = new Map();

  constructor(readonly pinned: ReadonlyMap<string, KeyObject> | null, readonly anchored: Anchored) {}

  line(text: string): void {
    if (this.#end !== null) throw new Bad("there is a line after the signed end: it was added");
    const value = parse(text);
    if (this.#header === null) this.#begin(text, value);
    else if ("sequence" in value) this.#event(value);
    else if ("skipped" in value) this.#skip(value);
    else if ("removed" in value) this.#remove(value);
    else if ("head" in value) this.#signed(value);
    else if ("end" in value) this.#finish(value);
    else throw new Bad("this is no line of an export");
  }

  finish(): Verification {
    if (this.#header === null) throw new Bad("the file is empty");
    if (this.#end === null) {
      throw new Bad(
        `the export stops at event ${this.#head.sequence} without its signed end: lines were removed from its end`,
        this.#head.sequence,
      );
    }
    const whole = Object.keys(this.#header.filter).length === 0;
    if (whole) this.anchored.ended(this.#header.last);
    const unexplained = this.#removals.unexplained();
    // An export of everything has the event that took a content out; a filter may have left it out.
    if (unexplained.length > 0 && whole) {
      const [first] = unexplained;
      throw new Bad(
        `the content of event ${first} is missing, and no event says that it was erased or retired`,
        first,
      );
    }
    return {
      ok: true,
      events: this.events,
      skipped: this.#skipped,
      anchors: this.anchored.met,
      removed: this.#removals.count,
      unexplained: unexplained.length,
      first: this.#header.first,
      last: this.#header.last,
      heads: this.#heads,
      at: this.#end.at,
      key: this.#end.key,
      pinned: this.pinned !== null,
      filter: this.#header.filter as Json,
    };
  }

  #begin(text: string, value: object): void {
    const { data: header, error } = headerSchema.safeParse(value);
    if (error !== undefined) throw new Bad(`this is no header of an export of this kind (${exportKind})`);
    if (header.first === 1 && header.previous !== genesis) {
      throw new Bad("the header starts at event 1 but with another past than none");
    }
    this.#header = header;
    this.#headerDigest = digestOf(text);
    this.#head = { sequence: header.first - 1, hash: header.previous };
    try {
      this.#ring = this.pinned ?? keyRing(header.keys);
    } catch (error) {
      throw new Bad(`the header's keys cannot be read: ${(error as Error).message}`);
    }
    this.anchored.check(this.#ring);
  }

  #event(value: object): void {
    const { data: event, error } = eventSchema.safeParse(value);
    if (error !== undefined) throw new Bad("this is no whole event");
    this.#expect(event.sequence);
    const link = linkOf(event.sequence, event.previous, digestOf(contentOf(event as AuditEvent)));
    if (link !== event.hash) {
      throw new Bad("the hash does not match its content: the line was changed", event.sequence);
    }
    if (event.previous !== this.#head.hash) {
      throw new Bad(
        event.sequence === this.#header!.first
          ? "it does not follow from what the header says is before it"
          : `it was linked to another event ${event.sequence - 1}: that one was replaced, or this one put in`,
        event.sequence,
      );
    }
    this.#head = { sequence: event.sequence, hash: event.hash };
    this.anchored.passed(event.sequence, event.hash);
    this.events++;
    this.#removals.said(event);
  }

  #remove(value: object): void {
    const { data, error } = removedSchema.safeParse(value);
    if (error !== undefined) throw new Bad("this is no line of removed contents");
    const { from, digests } = data.removed;
    this.#pass(from, digests);
    this.#removals.found(from, digests.length);
  }

  #skip(value: object): void {
    const { data, error } = skippedSchema.safeParse(value);
    if (error !== undefined) throw new Bad("this is no line of skipped events");
    const { from, digests } = data.skipped;
    this.#pass(from, digests);
    this.#skipped += digests.length;
  }

  /** Over events of which the digests alone are here. */
  #pass(from: number, digests: readonly string[]): void {
    this.#expect(from);
    let { sequence, hash } = this.#head;
    for (const digest of digests) {
      hash = linkOf(++sequence, hash, digest);
      this.anchored.passed(sequence, hash);
    }
    this.#head = { sequence, hash };
  }

  #expect(sequence: number): void {
    const expected = this.#head.sequence + 1;
    if (sequence < expected) {
      throw new Bad(
        `event ${sequence} stands after event ${this.#head.sequence}: it was repeated or moved here`,
        sequence,
      );
    }
    if (sequence > expected) {
      const missing = sequence === expected + 1
        ? `event ${expected} is`
        : `events ${expected} to ${sequence - 1} are`;
      throw new Bad(`${missing} missing before event ${sequence}: removed, or moved elsewhere`, sequence);
    }
  }

  #signed(value: object): void {
    const { data, error } = headLineSchema.safeParse(value);
    if (error !== undefined) throw new Bad("this is no signed head");
    const { head } = data;
    this.#signature(head, head.sequence);
    if (head.sequence !== this.#head.sequence) {
      throw new Bad(
        `the head of event ${head.sequence} stands after event ${this.#head.sequence}`,
        head.sequence,
      );
    }
    if (head.hash !== this.#head.hash) {
      throw new Bad(
        `the head that was signed for event ${head.sequence} has another hash: ` +
          "events up to it were rewritten after the signature",
        head.sequence,
      );
    }
    this.#heads++;
  }

  #finish(value: object): void {
    const { data, error } = endSchema.safeParse(value);
    if (error !== undefined) throw new Bad("this is no signed end");
    const { end } = data;
    const { sequence, hash } = this.#head;
    this.#signature(end, end.last);
    if (end.header !== this.#headerDigest) throw new Bad("the header is not the one that was signed");
    if (sequence !== end.last || end.last !== this.#header!.last || end.first !== this.#header!.first) {
      throw new Bad(
        `the signed end is of event ${end.last}, but the lines end at event ${sequence}`,
        sequence,
      );
    }
    if (
      end.hash !== hash || end.events !== this.events || end.skipped !== this.#skipped + this.#removals.count
    ) {
      throw new Bad("the signed end does not match the lines before it: they were rewritten", sequence);
    }
    this.#end = end;
  }

  #signature(statement: { readonly [name: string]: Json }, sequence: number): void {
    const fault = signatureFault(statement, this.#ring);
    if (fault === "unknown key") {
      throw new Bad(
        this.pinned === null
          ? "it is signed with a key that the header does not have: it is forged"
          : "it is not signed with the given key: it is forged, or of another Postern",
        sequence,
      );
    }
    if (fault !== null) throw new Bad("its signature is wrong: it was changed or forged", sequence);
  }
}
