/**
 * What a client answers to the greeting, and what Postern answers to a target's.
 * (MySQL internals: "Protocol::HandshakeResponse41", "Protocol::SSLRequest", "Protocol::AuthSwitchRequest".)
 */
import { PosternError } from "../../policy/errors.ts";
import { beside, has } from "./capabilities.ts";
import { Reader, Writer } from "./codec.ts";
import { Capability } from "./constants.ts";

/** Length of an SSLRequest, which is the start of a HandshakeResponse41 and nothing more. */
export const sslRequestBytes = 32;

export interface Login {
  readonly capabilities: number;
  /** MariaDB's. */
  readonly extended: number;
  readonly maxPacketBytes: number;
  readonly collation: number;
  readonly user: string;
  readonly response: Uint8Array;
  /** Empty where the client named none. */
  readonly database: string;
  /** Empty where the client does not speak PLUGIN_AUTH. */
  readonly plugin: string;
  readonly attributes: ReadonlyMap<string, string>;
}

const attributesMax = 128;
/** How hard the target shall try: what stock clients ask for. */
const zstdLevel = 3;

export function isSslRequest(payload: Uint8Array): boolean {
  return payload.length === sslRequestBytes &&
    has(new Reader(payload, "a TLS request").u32le(), Capability.ssl);
}

/** Capabilities that were not offered are cleared before the rest is read by them. */
export function decodeLogin(payload: Uint8Array, offer: number, extendedOffer = 0): Login {
  const reader = new Reader(payload, "a sign-in packet");
  const low = reader.u16le();
  if (!has(low, Capability.protocol41)) {
    throw new PosternError("ProtocolViolation", "the client speaks the protocol from before version 4.1", {
      hint: "Use a client that is not older than MySQL 4.1",
    });
  }
  const capabilities = ((low | reader.u16le() << 16) & offer) >>> 0;
  const maxPacketBytes = reader.u32le();
  const collation = reader.u8();
  reader.skip(19);
  const others = reader.u32le();
  const extended = has(low, Capability.longPassword) ? 0 : others & extendedOffer;
  const user = reader.cstring();
  const response = readResponse(reader, capabilities);
  const database = has(capabilities, Capability.connectWithDb) && reader.left > 0 ? reader.cstring() : "";
  const plugin = has(capabilities, Capability.pluginAuth) && reader.left > 0 ? reader.cstring() : "";
  const attributes = has(capabilities, Capability.connectAttributes) && reader.left > 0
    ? readAttributes(reader)
    : new Map<string, string>();
  // Behind it zstd's level may come: how hard the client tries is no reason to do the same.
  return { capabilities, extended, maxPacketBytes, collation, user, response, database, plugin, attributes };
}

function readResponse(reader: Reader, capabilities: number): Uint8Array {
  if (has(capabilities, Capability.pluginAuthLenenc)) return reader.lenencBytes();
  if (has(capabilities, Capability.secureConnection)) return reader.take(reader.u8());
  return reader.untilNul();
}

function readAttributes(reader: Reader): Map<string, string> {
  const out = new Map<string, string>();
  const inner = new Reader(reader.lenencBytes(), "connection attributes");
  while (inner.left > 0) {
    const name = inner.lenencLabel();
    const value = inner.lenencLabel();
    if (out.size < attributesMax) out.set(name, value);
  }
  return out;
}

export function encodeSslRequest(capabilities: number, extended: number, collation: number): Uint8Array {
  return new Writer(sslRequestBytes).u32le(beside(extended, capabilities)).u32le(0xffffff).u8(collation)
    .zeros(19)
    .u32le(extended).finish();
}

/** `capabilities` decide which fields are there. */
export function encodeLogin(login: Omit<Login, "maxPacketBytes">): Uint8Array {
  const { capabilities } = login;
  const writer = new Writer(256).u32le(beside(login.extended, capabilities)).u32le(0x40000000)
    .u8(login.collation).zeros(19).u32le(login.extended).cstring(login.user);
  if (has(capabilities, Capability.pluginAuthLenenc)) writer.lenencBytes(login.response);
  else writer.u8(login.response.length).raw(login.response);
  if (has(capabilities, Capability.connectWithDb)) writer.cstring(login.database);
  if (has(capabilities, Capability.pluginAuth)) writer.cstring(login.plugin);
  if (has(capabilities, Capability.connectAttributes)) {
    const inner = new Writer();
    for (const [name, value] of login.attributes) inner.lenencText(name).lenencText(value);
    writer.lenencBytes(inner.finish());
  }
  if (has(capabilities, Capability.zstd)) writer.u8(zstdLevel);
  return writer.finish();
}

export interface AuthSwitch {
  readonly plugin: string;
  readonly data: Uint8Array;
}

export function encodeAuthSwitch(plugin: string, scramble: Uint8Array): Uint8Array {
  return new Writer().u8(0xfe).cstring(plugin).raw(scramble).u8(0).finish();
}

/** A lone 0xfe asks for the password hash of before 4.1, which Postern does not send. */
export function decodeAuthSwitch(payload: Uint8Array): AuthSwitch {
  if (payload.length === 1) return { plugin: "mysql_old_password", data: new Uint8Array(0) };
  const reader = new Reader(payload, "a request to switch authentication", 1);
  const plugin = reader.asciiUntilNul();
  const data = reader.rest();
  return { plugin, data: data.at(-1) === 0 ? data.subarray(0, -1) : data };
}
