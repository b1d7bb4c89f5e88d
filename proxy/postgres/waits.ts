/** What a client's next message waits for, and when that is over. */
import type { Conversation, Outgoing } from "./conversation.ts";

export type Wait = "ready" | "drained" | "copy" | "room" | "record" | "hold" | "end";

/** Messages that wait for their records, at which reading goes on. */
const outgoingLow = 1024;

/** As far as the conversation tells; other waits are ended by what they wait for. `kept`: see ClientSide. */
export function isOver(wait: Wait, c: Conversation, kept: Outgoing | null): boolean {
  switch (wait) {
    case "drained":
      return c.drained(kept);
    case "copy":
      return c.copyIn || c.skipping || c.drained(null);
    case "room":
      return c.outgoing.length <= outgoingLow;
    default:
      return false;
  }
}
