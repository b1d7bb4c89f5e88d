/**
 * Ctrl-C in the stock clients opens a second connection, as the same user and without a schema, to send one
 * KILL. It has no sign-in, so it may do that and nothing else: for a connection from the same address and user,
 * by the id that the greeting of that connection gave, which is random and known to nobody else. This is what
 * PostgreSQL's cancel key is there.
 */
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionDeps } from "../protocol.ts";
import { decodeQuery } from "./attributes.ts";
import { has } from "./capabilities.ts";
import type { Channel } from "./channel.ts";
import { label, Reader } from "./codec.ts";
import { Capability, Command, ErrorCode, Status } from "./constants.ts";
import type { Shared } from "./connection.ts";
import type { Hello } from "./hello.ts";
import { type KillKind, parseKill } from "./live.ts";
import { encodePacket } from "./packets.ts";
import { Refused } from "./refused.ts";
import { encodeOk } from "./replies.ts";

const commandBytesMax = 4_096;

/** Serves one KILL; throws Refused or AuthFailed, with the way to sign in, for anything else. */
export async function serveKill(
  client: Channel,
  { attempt, login }: Hello,
  deps: ConnectionDeps,
  shared: Shared,
): Promise<void> {
  const ok = encodeOk({ status: Status.autocommit }, login.capabilities);
  const timer = setTimeout(() => client.close(), deps.limits.startupTimeoutMs);
  try {
    client.expectCommand();
    const packet = await client.packet(commandBytesMax, "a KILL");
    const asked = killOf(packet.payload, has(login.capabilities, Capability.queryAttributes));
    if (asked === "quit") return;
    const { address, user } = attempt.client;
    const found = asked === null ? null : shared.live.ofGreeting(asked.id, address, user);
    if (found === null || asked === null) {
      const error = attempt.database === "" ? notSignedIn() : shared.links.announce(deps.gatekeeper, attempt);
      throw new LaneRefusal(error, packet.sequence + 1);
    }
    await found.kill(asked.kind);
    await client.write(encodePacket(packet.sequence + 1, ok));
  } finally {
    clearTimeout(timer);
  }
}

/** Refused, with the number that its packet has. */
export class LaneRefusal extends Refused {
  constructor(reason: PosternError, readonly sequence: number) {
    super(reason, ErrorCode.accessDenied);
  }
}

function killOf(payload: Uint8Array, attributed: boolean): { kind: KillKind; id: number } | "quit" | null {
  switch (payload[0]) {
    case Command.quit:
      return "quit";
    case Command.query:
      return parseKill(label(decodeQuery(payload, attributed, "ascii").text));
    case Command.processKill:
      return { kind: "CONNECTION", id: new Reader(payload, "a COM_PROCESS_KILL", 1).u32le() };
    default:
      return null;
  }
}

function notSignedIn(): PosternError {
  return new PosternError("AuthFailed", "this connection has not signed in and names no target", {
    hint: "Name the target as the schema (-D TARGET), or in the user name (-u NAME@TARGET)",
  });
}
