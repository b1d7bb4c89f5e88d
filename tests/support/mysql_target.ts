/** A target that a test plays: it lets everybody in and answers by script. For what no real one can be made to do. */
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { Buffer } from "node:buffer";
import { Channel } from "../../proxy/mysql/channel.ts";
import { Capability, Command, Type } from "../../proxy/mysql/constants.ts";
import { encodeGreeting } from "../../proxy/mysql/greeting.ts";
import { offered } from "../../proxy/mysql/capabilities.ts";
import { decodeLogin, type Login } from "../../proxy/mysql/login.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { answerOf, definition, ok, packets, textRow } from "./mysql_answers.ts";

export interface TargetScript {
  /** Bytes to answer a command with; null closes. Set-up statements are answered before it is asked. */
  readonly answer?: (
    payload: Uint8Array,
    login: Login,
    channel: Channel,
  ) => Uint8Array | null | Promise<Uint8Array | null>;
  /** From the login packet to OK. */
  readonly authenticate?: (channel: Channel, login: Login) => Promise<void>;
  readonly plugin?: string;
  readonly scramble?: Uint8Array;
  readonly capabilities?: number;
  /** In place of a greeting. */
  readonly firstBytes?: Uint8Array;
}

export interface PlayedTarget {
  readonly port: number;
  readonly user: "app";
  readonly password: "target-secret";
  readonly database: "app";
  /** Every command after the sign-in, set-up included. */
  readonly asked: { readonly command: number; readonly text: string }[];
  readonly logins: Login[];
  close(): Promise<void>;
}

const state = "SELECT @@sql_mode, @@character_set_client, @@version, DATABASE()";

export async function playTarget(script: TargetScript = {}): Promise<PlayedTarget> {
  const asked: PlayedTarget["asked"] = [];
  const logins: Login[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    play(socket, script, asked, logins).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    user: "app",
    password: "target-secret",
    database: "app",
    asked,
    logins,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function play(
  socket: Socket,
  script: TargetScript,
  asked: PlayedTarget["asked"],
  logins: Login[],
): Promise<void> {
  const channel = new Channel(socket, "client");
  if (script.firstBytes !== undefined) return await channel.write(script.firstBytes);
  // Without attributes, as MariaDB has none: they are taken out on the way.
  const capabilities = script.capabilities ?? offered(false) & ~Capability.queryAttributes;
  const greeting = {
    version: "8.0.36",
    threadId: 77,
    scramble: script.scramble ?? Buffer.from("dvH@I-CJ*4d|cZwk4^]:"),
    capabilities,
    collation: 45,
    status: 2,
    extended: 0,
    plugin: script.plugin ?? "mysql_native_password",
  };
  await channel.write(encodePacket(0, encodeGreeting(greeting)));
  channel.reader.expect(1);
  const login = decodeLogin((await channel.packet(100_000, "login")).payload, capabilities);
  logins.push(login);
  if (script.authenticate) await script.authenticate(channel, login);
  else await channel.write(encodePacket(2, ok({ status: 2 })));
  for (;;) {
    channel.reader.expect(0);
    const { payload } = await channel.packet(2 ** 25, "command");
    const text = Buffer.from(payload).toString("latin1", 1);
    asked.push({ command: payload[0] ?? -1, text });
    const reply = answerSetUp(payload, text, login) ??
      (script.answer ? await script.answer(payload, login, channel) : packets(1, ok({ status: 2 })));
    if (reply === null) return void socket.destroy();
    await channel.write(reply);
  }
}

function answerSetUp(payload: Uint8Array, text: string, login: Login): Uint8Array | null {
  if (payload[0] !== Command.query) return null;
  if (text.startsWith("SET SESSION ")) return packets(1, ok({ status: 2 }));
  if (text !== state) return null;
  const columns = ["mode", "charset", "version", "schema"].map((name) => definition(name, Type.varString));
  return packets(1, ...answerOf(columns, [textRow("", "utf8mb4", "8.0.36", "app")], login.capabilities, 2));
}
