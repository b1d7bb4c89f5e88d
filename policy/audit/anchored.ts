/** Signed heads that were kept elsewhere, to hold an export against. */
import { headSchema, type KeyRing, signatureFault, type SignedHead } from "./heads.ts";
import { Bad } from "./export_line.ts";

/** The heads of an anchor's file, one a line. Throws TypeError for a line that is none. */
export function readAnchors(text: string): SignedHead[] {
  return text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const { data } = headSchema.safeParse(parsed(line));
    if (data === undefined) throw new TypeError(`line ${i + 1} of the anchors is no signed head`);
    return [data];
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

export class Anchored {
  readonly #heads: readonly SignedHead[];
  #at = 0;
  /** How many the export agrees with. */
  met = 0;

  constructor(heads: readonly SignedHead[]) {
    this.#heads = heads.toSorted((one, other) => one.sequence - other.sequence);
  }

  /** Throws Bad for an anchor that none of these keys signed. */
  check(ring: KeyRing): void {
    for (const head of this.#heads) {
      if (signatureFault(head, ring) !== null) {
        throw new Bad(
          `the anchor of event ${head.sequence} is not signed with this Postern's key`,
          head.sequence,
        );
      }
    }
  }

  /** The chain has this hash at this place. Throws Bad where an anchor says otherwise. */
  passed(sequence: number, hash: string): void {
    while (this.#at < this.#heads.length && this.#heads[this.#at]!.sequence < sequence) this.#at++;
    for (; this.#heads[this.#at]?.sequence === sequence; this.#at++) {
      if (this.#heads[this.#at]!.hash !== hash) {
        throw new Bad(
          `event ${sequence} was anchored with another hash: events up to it were rewritten after that`,
          sequence,
        );
      }
      this.met++;
    }
  }

  /** Throws Bad where a record that is whole ends before an anchor. */
  ended(last: number): void {
    const newest = this.#heads.at(-1);
    if (newest !== undefined && newest.sequence > last) {
      throw new Bad(
        `the record ends at event ${last}, but event ${newest.sequence} was anchored: its end was cut off`,
        last,
      );
    }
  }
}
