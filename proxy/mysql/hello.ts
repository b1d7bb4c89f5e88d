/** A client from accept to its sign-in packet: the greeting, TLS inside it, and which target it names. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionAttempt } from "../../policy/ports.ts";
import type { ConnectionDeps } from "../protocol.ts";
import { acceptTls } from "../tls.ts";
import { offered } from "./capabilities.ts";
import type { Channel } from "./channel.ts";
import { Status } from "./constants.ts";
import { encodeGreeting, printableScramble } from "./greeting.ts";
import { decodeLogin, isSslRequest, type Login } from "./login.ts";
import { nameTarget } from "./naming.ts";
import { encodePacket } from "./packets.ts";
import type { Shown } from "./versions.ts";

/** The plugin that the greeting names: stock clients of the last years have it, and over TLS it can ask for a token. */
export const greetingPlugin = "caching_sha2_password";

export interface Hello {
  readonly attempt: ConnectionAttempt;
  /** The schema that the client takes for its own; see naming.ts. */
  readonly alias: string;
  readonly login: Login;
  readonly scramble: Uint8Array;
  /** Of the login packet. */
  readonly sequence: number;
}

/** Throws ProtocolViolation, LimitExceeded, or AuthFailed where TLS is required and missing. */
export async function hello(
  channel: Channel,
  deps: ConnectionDeps,
  greeting: Shown & { readonly threadId: number },
): Promise<Hello> {
  const scramble = printableScramble();
  const offer = offered(deps.tls !== null);
  const first = encodeGreeting({
    ...greeting,
    scramble,
    capabilities: offer,
    collation: 45,
    status: Status.autocommit,
    plugin: greetingPlugin,
  });
  const socket = channel.stream as Socket;
  const from = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
  await channel.write(encodePacket(0, first));
  channel.reader.expect(1);
  const { startupFrameBytesMax, startupTimeoutMs } = deps.limits;
  let packet = await channel.packet(startupFrameBytesMax, "listen.limits.startupMessage");
  let tls: string | null = null;
  if (deps.tls !== null && isSslRequest(packet.payload)) {
    // What follows is the start of the TLS handshake: a client does not wait for an answer.
    channel.detach();
    const upgraded = await acceptTls(socket, deps.tls, { alpn: [], timeoutMs: startupTimeoutMs });
    tls = (upgraded as TLSSocket).getProtocol() ?? "TLS";
    channel.attach(upgraded);
    packet = await channel.packet(startupFrameBytesMax, "listen.limits.startupMessage");
  }
  const login = decodeLogin(packet.payload, offer, greeting.extended);
  if (tls === null && deps.tlsRequired) throw tlsMissing();
  const named = nameTarget(login.user, login.database);
  const client = {
    ...from,
    application: login.attributes.get("program_name") ?? login.attributes.get("_client_name") ?? "",
    user: named.user,
    tls,
  };
  return {
    attempt: { protocol: "mysql", database: named.database, client },
    alias: named.alias,
    login,
    scramble,
    sequence: packet.sequence,
  };
}

function tlsMissing(): PosternError {
  return new PosternError("AuthFailed", "this listener takes connections over TLS only", {
    rule: "listen.tls.required",
    hint: "Connect with --ssl (or --ssl-mode=REQUIRED)",
  });
}
