/**
 * Contents that were taken out of the record: erased on request, or retired because their time was over. The event
 * names them by their places, is itself in the chain and signed, and is there before the first content goes: an export
 * in which a content is missing verifies only with the event that took it out.
 */
import { z } from "zod";
import type { EventDraft } from "../types.ts";

const removed = z.strictObject({
  /** First and last place of each run of events. */
  ranges: z.array(z.tuple([z.number(), z.number()]).readonly()).readonly(),
  events: z.number(),
  /** Who asked for it, and why: for the record, so without the erased person's name. */
  by: z.string(),
  reason: z.string(),
});

export const removalEventData = {
  "record.erased": removed.readonly(),
  "record.retired": removed.extend({
    target: z.string(),
    /** Events of that target from before this time, epoch milliseconds. */
    before: z.number(),
  }).readonly(),
};

export type Ranges = readonly (readonly [number, number])[];

export const isRemovalEvent = (type: string): boolean => Object.hasOwn(removalEventData, type);

export const rangesOf = (sequences: readonly number[]): [number, number][] => {
  const ranges: [number, number][] = [];
  for (const sequence of sequences) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === sequence - 1) last[1] = sequence;
    else ranges.push([sequence, sequence]);
  }
  return ranges;
};

interface Reasons {
  readonly by: string;
  readonly reason: string;
}

export const recordErased = (sequences: readonly number[], { by, reason }: Reasons): EventDraft => ({
  type: "record.erased",
  person: null,
  session: null,
  target: null,
  data: { ranges: rangesOf(sequences), events: sequences.length, by, reason },
});

export const recordRetired = (
  sequences: readonly number[],
  { by, reason, target, before }: Reasons & { readonly target: string; readonly before: number },
): EventDraft => ({
  type: "record.retired",
  person: null,
  session: null,
  target,
  data: { ranges: rangesOf(sequences), events: sequences.length, by, reason, target, before },
});
