/** A client that says exactly what a test wants, packet by packet: for what no driver can be made to send. */
import { createConnection } from "node:net";
import { Buffer } from "node:buffer";
import { Channel } from "../../proxy/mysql/channel.ts";
import { Writer } from "../../proxy/mysql/codec.ts";
import { Capability as C, Command } from "../../proxy/mysql/constants.ts";
import { decodeGreeting, type Greeting } from "../../proxy/mysql/greeting.ts";
import { decodeAuthSwitch, encodeLogin } from "../../proxy/mysql/login.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { nativeProof, sha2Proof } from "../../proxy/mysql/proofs.ts";
import { decodeError, type ErrorReply } from "../../proxy/mysql/replies.ts";

export interface WireOptions {
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database?: string;
  readonly plugin?: string;
  readonly application?: string;
  readonly capabilities?: number;
  /** Collation id of the connection. Default 45, utf8mb4_general_ci. */
  readonly collation?: number;
  /** Of MariaDB's. Default: none. */
  readonly extended?: number;
  /** The answer where the whole password is asked for. Default: none. */
  readonly fully?: () => Uint8Array;
}

export const plainCapabilities = C.longPassword | C.longFlag | C.connectWithDb | C.protocol41 |
  C.transactions |
  C.secureConnection | C.multiStatements | C.multiResults | C.psMultiResults | C.pluginAuth |
  C.pluginAuthLenenc | C.connectAttributes;
export const modernCapabilities = plainCapabilities | C.deprecateEof | C.sessionTrack;

const bytesMax = 64 * 1_048_576;

export class WireClient {
  #sequence = 0;
  /** As the sign-in named it. */
  user = "";

  private constructor(
    readonly channel: Channel,
    readonly greeting: Greeting,
    readonly capabilities: number,
  ) {}

  /** To the greeting and no further. */
  static async greeted(port: number, capabilities = modernCapabilities): Promise<WireClient> {
    const socket = createConnection({ host: "127.0.0.1", port });
    const channel = new Channel(socket, "target");
    channel.reader.expect(0);
    const { payload } = await channel.packet(10_000, "a greeting");
    return new WireClient(channel, decodeGreeting(payload), capabilities);
  }

  /** Throws a WireError where the sign-in is refused. */
  static async connect(options: WireOptions): Promise<WireClient> {
    const client = await WireClient.greeted(options.port, options.capabilities);
    const answer = await client.logIn(options);
    if (answer[0] === 0xff) throw new WireError(decodeError(answer, client.capabilities));
    return client;
  }

  async logIn(options: Omit<WireOptions, "port">): Promise<Uint8Array> {
    const {
      user,
      password = "",
      database = "",
      plugin = this.greeting.plugin,
      application = "wire",
      collation = 45,
      extended = 0,
    } = options;
    this.user = user;
    const { scramble } = this.greeting;
    // As stock clients do: nothing for another plugin than the greeting's, until they are asked.
    const proof = plugin === "mysql_native_password" ? nativeProof : sha2Proof;
    const response = plugin === this.greeting.plugin ? proof(password, scramble) : new Uint8Array(0);
    const attributes = new Map([["program_name", application]]);
    const { capabilities } = this;
    const login = encodeLogin({
      capabilities,
      extended,
      collation,
      user,
      response,
      database,
      plugin,
      attributes,
    });
    await this.channel.write(encodePacket(1, login));
    this.channel.reader.expect(2);
    let packet = await this.channel.packet(bytesMax, "an answer");
    if (packet.payload[0] === 0xfe) {
      const asked = decodeAuthSwitch(packet.payload);
      await this.channel.write(encodePacket(packet.sequence + 1, proof(password, asked.data)));
      this.channel.reader.expect(packet.sequence + 2);
      packet = await this.channel.packet(bytesMax, "an answer");
    }
    if (packet.payload[0] === 0x01 && packet.payload[1] === 4 && options.fully !== undefined) {
      await this.channel.write(encodePacket(packet.sequence + 1, options.fully()));
      this.channel.reader.expect(packet.sequence + 2);
      packet = await this.channel.packet(bytesMax, "an answer");
    }
    if (packet.payload[0] === 0x01) packet = await this.channel.packet(bytesMax, "an answer");
    this.#sequence = packet.sequence;
    return packet.payload;
  }

  async send(command: number, body: Uint8Array | string = ""): Promise<void> {
    const payload = Buffer.concat([Buffer.from([command]), Buffer.from(body as string)]);
    await this.channel.write(encodePacket(0, payload));
    this.channel.reader.expect(1);
  }

  async receive(): Promise<Uint8Array> {
    const { payload, sequence } = await this.channel.packet(bytesMax, "an answer");
    this.#sequence = sequence;
    return payload;
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  /** The first packet of the answer. */
  async ask(command: number, body: Uint8Array | string = ""): Promise<Uint8Array> {
    await this.send(command, body);
    return await this.receive();
  }

  /** Every packet of the answer to a query, up to its end. */
  async query(sql: string): Promise<Uint8Array[]> {
    await this.send(Command.query, sql);
    return await this.result();
  }

  async result(): Promise<Uint8Array[]> {
    const packets = [await this.receive()];
    if (packets[0]![0] === 0xff || packets[0]![0] === 0x00) return packets;
    let ends = (this.capabilities & C.deprecateEof) !== 0 ? 1 : 2;
    for (const columns = packets[0]![0]!; ends > 0;) {
      const packet = await this.receive();
      packets.push(packet);
      if (packet[0] === 0xff) break;
      if (packet[0] === 0xfe && packet.length < 100 && packets.length > columns + 1) ends--;
    }
    return packets;
  }

  /** The error that the command is answered with; throws where it is not. */
  async refused(command: number, body: Uint8Array | string = ""): Promise<ErrorReply> {
    return errorOf(await this.ask(command, body));
  }

  close(): void {
    this.channel.close();
  }
}

export class WireError extends Error {
  constructor(readonly reply: ErrorReply) {
    super(`${reply.code} (${reply.state}) ${reply.message}`);
  }
}

export function errorOf(payload: Uint8Array): ErrorReply {
  if (payload[0] !== 0xff) {
    throw new Error(`no error but ${Buffer.from(payload.subarray(0, 40)).toString("hex")}`);
  }
  return decodeError(payload, C.protocol41);
}

/** COM_STMT_EXECUTE with parameters as strings. */
export function executeBody(
  statement: number,
  parameters: readonly (string | null)[],
  cursor = 0,
): Uint8Array {
  const writer = new Writer().u32le(statement).u8(cursor).u32le(1);
  if (parameters.length === 0) return writer.finish();
  const nulls = new Uint8Array((parameters.length + 7) >> 3);
  parameters.forEach((text, index) => {
    if (text === null) nulls[index >> 3]! |= 1 << (index & 7);
  });
  writer.raw(nulls).u8(1);
  for (const _ of parameters) writer.u8(0xfd).u8(0);
  for (const text of parameters) if (text !== null) writer.lenencText(text);
  return writer.finish();
}
