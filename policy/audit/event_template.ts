/**
 * Events that differ from one another in a few fields, encoded once: the canonical text with holes. What is
 * filled in gives the same bytes as encoding the whole event anew.
 */
import type { EventDraft, Json } from "../types.ts";
import { canonical } from "./canonical.ts";
import { contentOf } from "./chain.ts";

/** Unforgeable by what clients send: a text that looked like a hole would be taken for one. */
const mark = crypto.randomUUID();
const holes = new RegExp(`"${mark}\\.(\\d+)"`);

/** Stands for the value number `at`. */
export const hole = (at: number): string => `${mark}.${at}`;

export class EventTemplate {
  readonly #texts: readonly string[];
  readonly #order: readonly number[];

  /** `sample`: the event, with holes in place of what differs. Its time always does. */
  constructor(readonly sample: EventDraft) {
    const content = contentOf({ ...sample, at: 0 });
    const parts = content.slice(`{"at":0`.length).split(holes);
    this.#texts = parts.filter((_, at) => at % 2 === 0);
    this.#order = parts.filter((_, at) => at % 2 === 1).map(Number);
  }

  /** The event's canonical content. `values` are canonical JSON, in the order of their holes' numbers. */
  content(at: number, values: readonly string[]): string {
    let text = `{"at":${at}${this.#texts[0]}`;
    for (let i = 0; i < this.#order.length; i++) {
      text += values[this.#order[i]!]! + this.#texts[i + 1]!;
    }
    return text;
  }
}

/** One event of a template's. */
export interface FilledEvent {
  readonly template: EventTemplate;
  readonly values: readonly string[];
  /** When it happened, epoch milliseconds; left out where that is now. */
  readonly at?: number;
}

/** Canonical JSON of a value for a hole. */
export const filling = (value: Json): string => canonical(value);
