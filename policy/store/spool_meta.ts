/** What a spooled record holds beside its content, as JSON; made once for all events of a template. */
import type { EventTemplate } from "../audit/event_template.ts";
import { encode, type Encoded } from "./projection.ts";

export function metaOf({ content: _, at, ...beside }: Encoded): string {
  return JSON.stringify({ at, ...beside });
}

const known = new WeakMap<EventTemplate, string>();

/** The same for an event of a template's. */
export function metaFor(template: EventTemplate, at: number): string {
  let rest = known.get(template);
  if (rest === undefined) {
    rest = metaOf(encode(template.sample, 0)).slice(`{"at":0`.length);
    known.set(template, rest);
  }
  return `{"at":${at}${rest}`;
}
