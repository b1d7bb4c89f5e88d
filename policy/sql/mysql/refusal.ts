/** Thrown inside the dialect where a text cannot be judged; caught at its edge. Never leaves policy/sql/mysql. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(readonly code: string, readonly reason: string, readonly hint: string) {
    super(reason);
  }
}

/** A text that the grammar here does not cover. */
export function notUnderstood(what: string): Refusal {
  return new Refusal(
    "not-understood",
    `Postern does not understand this statement: ${what}`,
    "Write it in a simpler form, without vendor extensions; what is not understood is never passed on",
  );
}

/** A text that could be read in more than one way, or not at all. */
export function ambiguous(reason: string, hint = "Remove it"): Refusal {
  return new Refusal("ambiguous-text", reason, hint);
}
