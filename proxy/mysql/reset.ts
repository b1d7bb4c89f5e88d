/** COM_RESET_CONNECTION: the target forgets the session's state, and with it what Postern had set. */
import type { Conversation } from "./conversation.ts";
import { encodePacket, type Packet } from "./packets.ts";
import { decodeError, decodeOk, encodeError } from "./replies.ts";
import { prepareSession } from "./target_link.ts";

const answerBytesMax = 65_536;

/** The client hears of it when the session is Postern's again: before that, nothing may run. */
export async function resetSession(conversation: Conversation, packet: Packet): Promise<void> {
  const { link, client, session } = conversation.parts;
  await link.channel.write(packet.raw);
  link.channel.reader.expect(packet.sequence + 1);
  const { payload } = await link.channel.packet(answerBytesMax, "an answer to COM_RESET_CONNECTION");
  if (payload[0] === 0xff) {
    const error = encodeError(decodeError(payload, link.capabilities));
    return await client.write(encodePacket(packet.sequence + 1, error));
  }
  const { status } = decodeOk(payload, link.capabilities);
  conversation.prepared.clear();
  const start = await prepareSession(link, session.readOnly);
  conversation.state.apply(status, null);
  conversation.state.restart(start);
  await conversation.answerOk(packet);
}
