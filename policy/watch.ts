/** What the data path sees of detectors. Types only. */

/** Whoever reads the texts of a session's results. */
export interface Watcher {
  readonly masks: boolean;
  /** `origin` as for maskOf(), null for a computed value; `name` is the column's in the result. */
  watch(origin: string | null, name: string): Watch;
}

/** Reads texts for what no rule named: card numbers and the like. One for each column of a result. */
export interface Watch {
  readonly kind: "watch";
  /** Whether what it finds is hidden; else it is only counted. */
  readonly masks: boolean;
  /** The text as the client gets it: stars for what is hidden. */
  see(text: string): string;
  /** The least of digits counts: see() is seeCut(). */
  readonly cut?: boolean;
  /** The same for a text of the target's own, in which it may have cut a value short. */
  seeCut(text: string): string;
}
