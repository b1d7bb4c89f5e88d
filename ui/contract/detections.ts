/** What detectors found in results, for whoever writes the rules. */
import { z } from "zod";

export const detectionsSchema = z.strictObject({
  now: z.number(),
  /** Since the start, the most frequent first. */
  detections: z.array(z.strictObject({
    target: z.string(),
    database: z.string(),
    column: z.string(),
    kind: z.string(),
    count: z.number(),
    masked: z.boolean(),
    lastAt: z.number(),
    /** The first of them as a mask shows it; null for whoever is no admin. */
    sample: z.string().nullable(),
    /** `public.orders.note contained 214 card numbers` */
    text: z.string(),
  })),
});
export type Detections = z.infer<typeof detectionsSchema>;
