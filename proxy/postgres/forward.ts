/** `postern proxy`: a client on this machine says where it wants to go, and this end signs in for it. */
import type { Socket } from "node:net";
import { PosternError } from "../../policy/errors.ts";
import { dial } from "../dial.ts";
import {
  databaseOf,
  type Forward,
  forwardTimeoutMs,
  type ForwardTo,
  gateOf,
  joined,
  refusalOf,
} from "../forward.ts";
import { HandshakeReader } from "../wire/handshake_reader.ts";
import {
  authentication,
  backendKeyData,
  cancelRequest,
  negotiateProtocolVersion,
  parameterStatus,
  readyForQuery,
} from "./encode.ts";
import { toClient } from "./errors.ts";
import { idle, startupShape } from "./frames.ts";
import { asks } from "./sasl.ts";
import { decodeFirstPacket, type FirstPacket, type Startup } from "./startup.ts";
import { connectTarget, encrypt } from "./target.ts";

const startupBytesMax = 10_000;
const targetStartupBytesMax = 65_536;

export const forward: Forward = async (client, to) => {
  client.on("error", () => {});
  client.setNoDelay(true);
  const reader = new HandshakeReader(client, startupShape, startupBytesMax);
  try {
    const first = await firstOf(reader, client);
    if (first?.kind === "cancel") return await passCancel(first, to);
    if (first?.kind === "startup") await serve(reader, first, to);
  } catch (error) {
    if (!client.destroyed) client.write(toClient(refusalOf(error), { fatal: true }));
  } finally {
    client.end();
  }
};

/** Nothing is encrypted on loopback: the answer to that question is no. */
async function firstOf(reader: HandshakeReader, client: Socket): Promise<FirstPacket | null> {
  for (let asked = 0; asked < 3; asked++) {
    const packet = await reader.next();
    if (packet === null) return null;
    const first = decodeFirstPacket(packet);
    if (first.kind !== "ssl" && first.kind !== "gss") return first;
    client.write("N");
  }
  throw new PosternError("ProtocolViolation", "The client asked for encryption again and again");
}

async function serve(reader: HandshakeReader, startup: Startup, to: ForwardTo): Promise<void> {
  const client = reader.stream;
  // Clients that name no database mean one that is called as their user.
  const database = databaseOf(to.target, startup.database === startup.user ? "" : startup.database);
  const gone = new AbortController();
  reader.onEnd(() => gone.abort(new PosternError("ProtocolViolation", "The client went away")));
  const link = await connectTarget(gateOf(to, await to.credential()), database, {
    timeoutMs: forwardTimeoutMs,
    frameBytesMax: targetStartupBytesMax,
    parameters: Object.fromEntries(startup.settings),
    signal: gone.signal,
  });
  if (startup.minor > 0 || startup.unknownOptions.length > 0) {
    client.write(negotiateProtocolVersion(0, startup.unknownOptions));
  }
  client.write(authentication(asks.ok));
  for (const [name, value] of link.parameters) client.write(parameterStatus(name, value));
  client.write(backendKeyData(link.pid, link.secret));
  client.write(readyForQuery(idle));
  const early = { client: reader.release(), gate: link.reader.release() };
  if (early.gate.length > 0) client.write(early.gate);
  if (early.client.length > 0) link.stream.write(early.client);
  await joined(client, link.stream);
}

/** Ctrl-C: the key is the Postern's own, and needs no sign-in. */
async function passCancel(
  { pid, secret }: Extract<FirstPacket, { kind: "cancel" }>,
  to: ForwardTo,
): Promise<void> {
  const gate = gateOf(to, { user: "", password: "" });
  const socket = await dial(gate, forwardTimeoutMs);
  const stream = await encrypt(socket, gate, forwardTimeoutMs) ?? socket;
  stream.on("error", () => {});
  await new Promise<void>((resolve) => {
    stream.once("close", () => resolve());
    stream.resume();
    stream.end(cancelRequest(pid, secret));
  });
}
