/** Events about what goes out: a channel that fails, works again, or whose message was given up. */
import { z } from "zod";
import type { EventDraft } from "../types.ts";

export const deliveryChannel = z.strictObject({
  channel: z.string(),
  kind: z.string(),
  purpose: z.enum(["notify", "stream"]),
  /** Why, without anything secret: no URL, no answer's body. */
  reason: z.string(),
});

export const deliveryEventData = {
  /** From now on it is tried again and again. */
  "delivery.failing": deliveryChannel.readonly(),
  "delivery.recovered": deliveryChannel.readonly(),
  /** Given up: the messages of these events did not go out. Never of a stream. */
  "delivery.dropped": deliveryChannel.extend({ sequences: z.array(z.number()).readonly() }).readonly(),
};

type Channel = z.infer<typeof deliveryChannel>;

const about = { person: null, session: null, target: null };

export const deliveryChanged = (
  type: "delivery.failing" | "delivery.recovered",
  { channel, kind, purpose, reason }: Channel,
): EventDraft => ({ type, ...about, data: { channel, kind, purpose, reason } });

export const deliveryDropped = (
  { channel, kind, purpose, reason }: Channel,
  sequences: readonly number[],
): EventDraft => ({
  type: "delivery.dropped",
  ...about,
  data: { channel, kind, purpose, reason, sequences },
});
