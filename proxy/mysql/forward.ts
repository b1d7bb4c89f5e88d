/** `postern proxy`: a client on this machine is let in at once, and this end signs in at the Postern for it. */
import {
  databaseOf,
  type Forward,
  forwardTimeoutMs,
  type ForwardTo,
  gateOf,
  joined,
  refusalOf,
} from "../forward.ts";
import { compressions, offered } from "./capabilities.ts";
import { Channel } from "./channel.ts";
import { Capability, Status } from "./constants.ts";
import { has } from "./capabilities.ts";
import { toClient } from "./errors.ts";
import { encodeGreeting, printableScramble } from "./greeting.ts";
import { greetingPlugin } from "./hello.ts";
import { decodeLogin } from "./login.ts";
import { encodePacket } from "./packets.ts";
import { encodeOk } from "./replies.ts";
import { connectTarget } from "./target_link.ts";
import { Versions } from "./versions.ts";

const loginBytesMax = 10_000;
/** What the Postern's greetings say, for the greetings of later connections. */
const versions = new Versions();
let lastThread = 0;
/** Bytes go on as they come, and to this machine alone. */
const offer = offered(false) & ~compressions;

export const forward: Forward = async (client, to) => {
  client.on("error", () => {});
  client.setNoDelay(true);
  const channel = new Channel(client, "client");
  let sequence = 0;
  try {
    await channel.write(encodePacket(0, greeting()));
    channel.reader.expect(1);
    const { payload, sequence: answered } = await channel.packet(loginBytesMax, "a sign-in packet");
    sequence = answered;
    await serve(channel, decodeLogin(payload, offer, versions.forAddress("").extended), answered, to);
  } catch (error) {
    await channel.write(encodePacket(sequence + 1, toClient(refusalOf(error)))).catch(() => {});
  } finally {
    client.end();
  }
};

const greeting = (): Uint8Array =>
  encodeGreeting({
    ...versions.forAddress(""),
    threadId: ++lastThread,
    scramble: printableScramble(),
    capabilities: offer,
    collation: 45,
    status: Status.autocommit,
    plugin: greetingPlugin,
  });

async function serve(
  channel: Channel,
  login: ReturnType<typeof decodeLogin>,
  sequence: number,
  to: ForwardTo,
): Promise<void> {
  const gate = gateOf(to, await to.credential());
  const link = await connectTarget(gate, databaseOf(to.target, login.database), {
    timeoutMs: forwardTimeoutMs,
    clientCapabilities: login.capabilities,
    clientExtended: login.extended,
    collation: login.collation,
    attributes: login.attributes,
  });
  versions.learn("", gate.name, link.greeting);
  // Whatever password the client sent: on this machine nobody asks for one. Its plugin may wait to hear so.
  const waits = has(login.capabilities, Capability.pluginAuth) && login.plugin === greetingPlugin &&
    login.response.some((byte) => byte !== 0);
  let next = sequence + 1;
  if (waits) await channel.write(encodePacket(next++, Uint8Array.of(1, 3)));
  await channel.write(encodePacket(next, encodeOk({ status: Status.autocommit }, login.capabilities)));
  await joined(channel.detach(), link.channel.detach());
}
