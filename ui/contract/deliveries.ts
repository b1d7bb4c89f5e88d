/** How the channels are doing that notifications and streams go out through. */
import { z } from "zod";

export const deliverySchema = z.strictObject({
  name: z.string(),
  kind: z.string(),
  purpose: z.enum(["notify", "stream"]),
  /** `elsewhere`: another node delivers for it. */
  state: z.enum(["waiting", "working", "failing", "elsewhere"]),
  /** Everything up to this sequence has gone out, or was given up. */
  sequence: z.number(),
  delivered: z.number(),
  dropped: z.number(),
  /** In a row. */
  failures: z.number(),
  deliveredAt: z.number().nullable(),
  failedAt: z.number().nullable(),
  /** Why it failed last; empty where it never did. */
  reason: z.string(),
});
export type DeliveryRow = z.infer<typeof deliverySchema>;

export const deliveriesSchema = z.strictObject({ now: z.number(), channels: z.array(deliverySchema) });
export type DeliveriesAnswer = z.infer<typeof deliveriesSchema>;
