/** COM_RESET_CONNECTION: the target forgets the session's state, and with it what Postern had set. */
import type { Conversation } from "./conversation.ts";
import { encodePacket, type Packet } from "./packets.ts";
import { decodeError, decodeOk, encodeError } from "./replies.ts";
import { prepareSession } from "./target_link.ts";

const answerBytesMax = 65_536;

/** The client hears of it when the session is Postern's again: before that, nothing may run. */
export async function resetSession(conversation: Conversation, packet: Packet): Promise<void> {
  const error = await resetTarget(conversation, packet.raw, () => Promise.resolve());
  if (error === null) return await conversation.answerOk(packet);
  await conversation.parts.client.write(encodePacket(packet.sequence + 1, error));
}

/** Sends the one packet that resets, then what `more` does; gives the target's error, where it refuses. */
export async function resetTarget(
  conversation: Conversation,
  request: Uint8Array,
  more: () => Promise<void>,
): Promise<Uint8Array | null> {
  const { link, session } = conversation.parts;
  await link.channel.write(request);
  link.channel.reader.expect(1);
  const { payload } = await link.channel.packet(answerBytesMax, "an answer to COM_RESET_CONNECTION");
  if (payload[0] === 0xff) return encodeError(decodeError(payload, link.capabilities));
  const { status } = decodeOk(payload, link.capabilities);
  conversation.prepared.clear();
  await more();
  const start = await prepareSession(link, session.readOnly);
  conversation.state.apply(status, null);
  conversation.state.restart(start);
  return null;
}
