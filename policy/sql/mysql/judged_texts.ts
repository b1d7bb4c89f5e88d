/** What was judged before, by text and state. */
import type { NotUnderstood, Understood } from "../dialect.ts";

export type Answer = readonly Understood[] | NotUnderstood;

/** Texts longer than this are seldom sent twice. All lengths in UTF-16 units. */
const keptLengthMax = 16_384;
const lengthMax = 1 << 22;

/** Forgets what was not asked for longest. */
export class JudgedTexts {
  readonly #answers = new Map<string, Answer>();
  #length = 0;

  get(key: string): Answer | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    // A Map keeps the order of insertion: what is put back is the newest.
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    return answer;
  }

  keep(key: string, answer: Answer): void {
    if (key.length > keptLengthMax || this.#answers.has(key)) return;
    this.#answers.set(key, answer);
    this.#length += key.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#length <= lengthMax) break;
      this.#answers.delete(oldest);
      this.#length -= oldest.length;
    }
  }
}
