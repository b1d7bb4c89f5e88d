/**
 * The record as text lines, to be kept and verified elsewhere.
 *
 * JSON Lines, each line canonical JSON (RFC 8785):
 *
 *     {"postern":"audit-export/1","at","filter","first","last","previous","keys"}   what this is; keys are PEM
 *     {"at","data","hash","person","previous","sequence","session","target","type"} one event
 *     {"skipped":{"from","digests":[…]}}   events that the filter left out: their digests keep the chain whole
 *     {"removed":{"from","digests":[…]}}   events whose contents were erased or retired, as an event among the lines says
 *     {"head":{…}}                         a signed head, after the event that it is about (policy/audit/heads.ts)
 *     {"end":{"kind":"postern-export/1","at","header","first","last","hash","events","skipped","key","signature"}}
 *
 * The lines cover the chain from `first` to `last` without a gap; `previous` is the hash before `first`. The end
 * is signed over the header's digest and over what lies between, so that a cut or shortened export is found.
 */
import { z } from "zod";
import { headSchema } from "./heads.ts";

export const exportKind = "audit-export/1";
export const endKind = "postern-export/1";

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const place = z.number().int().min(1);

export const headerSchema = z.strictObject({
  postern: z.literal(exportKind),
  at: z.number(),
  filter: z.record(z.string(), z.json()),
  first: place,
  last: z.number().int().min(0),
  previous: hex64,
  keys: z.string(),
});

export const eventSchema = z.strictObject({
  at: z.number(),
  data: z.record(z.string(), z.json()),
  hash: hex64,
  person: z.string().nullable(),
  previous: hex64,
  sequence: place,
  session: z.string().nullable(),
  target: z.string().nullable(),
  type: z.string(),
});

export const skippedSchema = z.strictObject({
  skipped: z.strictObject({ from: place, digests: z.array(hex64).min(1) }),
});

export const removedSchema = z.strictObject({
  removed: z.strictObject({ from: place, digests: z.array(hex64).min(1) }),
});

export const headLineSchema = z.strictObject({ head: headSchema });

export const endSchema = z.strictObject({
  end: z.strictObject({
    kind: z.literal(endKind),
    at: z.number(),
    header: hex64,
    first: z.number(),
    last: z.number(),
    hash: hex64,
    events: z.number(),
    skipped: z.number(),
    key: hex64,
    signature: z.string(),
  }),
});
