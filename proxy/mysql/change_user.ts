/**
 * COM_CHANGE_USER, as pools send it to get a session anew: for the user that signed in, at the same target. Who
 * that is was settled when the connection was made, and a password that is good once cannot be asked for twice;
 * so the proof in it is not looked at, and anybody else is refused. (MySQL internals: "COM_CHANGE_USER".)
 */
import { PosternError } from "../../policy/errors.ts";
import { has } from "./capabilities.ts";
import { Reader } from "./codec.ts";
import { Capability, Command, ErrorCode } from "./constants.ts";
import type { Conversation } from "./conversation.ts";
import { nameTarget } from "./naming.ts";
import { encodePacket, type Packet } from "./packets.ts";
import { Refused } from "./refused.ts";
import { encodeOk } from "./replies.ts";
import { resetTarget } from "./reset.ts";
import { simpleQuery } from "./simple_query.ts";

interface Asked {
  readonly user: string;
  readonly schema: string;
  /** The client waits for caching_sha2_password's "that was enough" before the OK. */
  readonly fastDue: boolean;
}

/** User (NUL), proof (length 1), schema (NUL), then as agreed: collation (2), plugin (NUL), attributes. */
function decodeChangeUser(payload: Uint8Array, capabilities: number): Asked {
  const reader = new Reader(payload, "a COM_CHANGE_USER", 1);
  const user = reader.cstring();
  const proof = has(capabilities, Capability.secureConnection) ? reader.take(reader.u8()) : reader.untilNul();
  const schema = reader.cstring();
  if (reader.left >= 2) reader.skip(2);
  const plugin = has(capabilities, Capability.pluginAuth) && reader.left > 0 ? reader.cstring() : "";
  const proved = proof.length > 1 || (proof.length === 1 && proof[0] !== 0);
  return { user, schema, fastDue: plugin === "caching_sha2_password" && proved };
}

export async function changeUser(conversation: Conversation, packet: Packet): Promise<void> {
  const { parts } = conversation;
  const { session, client, link, capabilities } = parts;
  const asked = decodeChangeUser(packet.payload, capabilities);
  const { user, database } = nameTarget(asked.user, asked.schema);
  const [target = "", schema = session.database] = database.split("/");
  const here = target === "" || target === session.target.name;
  if (user !== parts.user || !here || schema !== session.database) throw other(parts.user);
  const reset = encodePacket(0, Uint8Array.of(Command.resetConnection));
  const error = await resetTarget(conversation, reset, async () => {
    await simpleQuery(link.channel, link.capabilities, `USE \`${session.database.replaceAll("`", "``")}\``);
  });
  let sequence = packet.sequence + 1;
  if (error !== null) return await client.write(encodePacket(sequence, error));
  if (asked.fastDue) await client.write(encodePacket(sequence++, Uint8Array.of(1, 3)));
  const ok = encodeOk({ status: conversation.state.status }, capabilities);
  await client.write(encodePacket(sequence, ok));
}

function other(user: string): Refused {
  return new Refused(
    new PosternError("PolicyDenied", `COM_CHANGE_USER is refused to anybody and anywhere but ${user}, here`, {
      rule: "built-in: commands",
      hint: "Open a new connection for another user, target or schema",
    }),
    ErrorCode.accessDenied,
  );
}
