/**
 * The first packet, Postern's to a client and a target's to Postern.
 * (MySQL internals: "Protocol::HandshakeV10"; MariaDB: "Initial Handshake Packet".)
 */
import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import { beside, has } from "./capabilities.ts";
import { Reader, Writer } from "./codec.ts";
import { Capability } from "./constants.ts";
import { decodeError } from "./replies.ts";

/** Bytes of a scramble. A NUL follows it on the wire. */
export const scrambleBytes = 20;

export interface Greeting {
  readonly version: string;
  readonly threadId: number;
  /** 20 bytes. */
  readonly scramble: Uint8Array;
  readonly capabilities: number;
  readonly collation: number;
  readonly status: number;
  readonly plugin: string;
  /** MariaDB's. 0 where the target has none. */
  readonly extended: number;
  readonly mariadb: boolean;
}

/** 20 random bytes from 0x21 to 0x7e: clients read them as a C string, and some as text. */
export function printableScramble(): Uint8Array {
  const out = Buffer.alloc(scrambleBytes);
  let at = 0;
  while (at < scrambleBytes) {
    for (const byte of randomBytes(2 * scrambleBytes)) {
      // 94 values; larger bytes are thrown away so that each is equally likely.
      if (byte < 188 && at < scrambleBytes) out[at++] = 0x21 + byte % 94;
    }
  }
  return out;
}

export function encodeGreeting(greeting: Omit<Greeting, "mariadb">): Uint8Array {
  const { extended, scramble } = greeting;
  const capabilities = beside(extended, greeting.capabilities);
  return new Writer(128).u8(10).cstring(greeting.version).u32le(greeting.threadId)
    .raw(scramble.subarray(0, 8)).u8(0)
    .u16le(capabilities & 0xffff).u8(greeting.collation).u16le(greeting.status).u16le(capabilities >>> 16)
    .u8(scrambleBytes + 1).zeros(6).u32le(extended)
    .raw(scramble.subarray(8)).u8(0).cstring(greeting.plugin).finish();
}

/** Throws TargetUnavailable where the target answers with an error, ProtocolViolation on anything malformed. */
export function decodeGreeting(payload: Uint8Array): Greeting {
  const reader = new Reader(payload, "a greeting");
  const protocol = reader.u8();
  if (protocol === 0xff) {
    const { code, message } = decodeError(payload, 0);
    throw new PosternError("TargetUnavailable", `the target refused the connection (error ${code})`, {
      cause: message,
    });
  }
  if (protocol !== 10) throw reader.violation(`speaks protocol ${protocol}, not 10`);
  const version = reader.asciiUntilNul();
  const threadId = reader.u32le();
  const first = reader.take(8);
  reader.skip(1);
  const low = reader.u16le();
  const collation = reader.u8();
  const status = reader.u16le();
  const capabilities = (low | reader.u16le() << 16) >>> 0;
  const dataBytes = reader.u8();
  reader.skip(6);
  const others = reader.u32le();
  if (!has(capabilities, Capability.protocol41) || !has(capabilities, Capability.secureConnection)) {
    throw new PosternError("TargetUnavailable", "the target's version is too old: it lacks PROTOCOL_41", {
      hint: "Targets must be MySQL 5.7 or MariaDB 10.2, or later",
    });
  }
  const second = reader.take(Math.max(13, dataBytes - 8)).subarray(0, scrambleBytes - 8);
  const plugin = has(capabilities, Capability.pluginAuth) && reader.left > 0
    ? readPlugin(reader)
    : "mysql_native_password";
  return {
    version: version.replace(/^5\.5\.5-(?=\d+\.\d+\.\d+-MariaDB)/, ""),
    threadId,
    scramble: Buffer.concat([first, second]),
    capabilities,
    collation,
    status,
    plugin,
    extended: has(capabilities, Capability.longPassword) ? 0 : others,
    mariadb: /mariadb/i.test(version) || !has(capabilities, Capability.longPassword),
  };
}

/** Some versions leave out the NUL at the end. */
function readPlugin(reader: Reader): string {
  const rest = reader.rest();
  const end = rest.indexOf(0);
  return Buffer.from(end < 0 ? rest : rest.subarray(0, end)).toString("latin1");
}
