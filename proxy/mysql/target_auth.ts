/**
 * Proving the target's account to the target, by whichever plugin it asks for.
 * (MySQL internals: "Authentication Method"; MariaDB: "Authentication Plugins".)
 */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import type { Channel } from "./channel.ts";
import { label } from "./codec.ts";
import { ed25519Proof } from "./ed25519.ts";
import { decodeAuthSwitch } from "./login.ts";
import { encodePacket } from "./packets.ts";
import { nativeProof, rsaSealed, sha2Proof } from "./proofs.ts";
import { decodeError } from "./replies.ts";

/** What the proof is for. `secure`: nobody on the way can read it. */
export interface AccountProof {
  readonly target: string;
  readonly password: string;
  readonly secure: boolean;
}

const native = "mysql_native_password";
const cachingSha2 = "caching_sha2_password";
const sha256 = "sha256_password";
const clear = "mysql_clear_password";
const ed25519 = "client_ed25519";
const known: ReadonlySet<string> = new Set([native, cachingSha2, sha256, clear, ed25519]);

/** Steps of a sign-in are few; a target that asks on and on is none. */
const stepsMax = 8;
const packetBytesMax = 65_536;

/** A first answer for the plugin that the greeting names; for an unknown one the target will ask to switch. */
export function firstProof(
  plugin: string,
  scramble: Uint8Array,
  proof: AccountProof,
): { plugin: string; response: Uint8Array } {
  // Clear text and signatures are for a target that asks for them by name: the greeting comes from anybody.
  const first = plugin === native || plugin === cachingSha2 ? plugin : native;
  return { plugin: first, response: proofFor(first, scramble, proof) };
}

function proofFor(
  plugin: string,
  scramble: Uint8Array,
  { password, secure, target }: AccountProof,
): Uint8Array {
  switch (plugin) {
    case native:
      return nativeProof(password, scramble);
    case cachingSha2:
      return sha2Proof(password, scramble);
    case ed25519:
      return ed25519Proof(password, scramble);
    case sha256:
      if (password === "") return new Uint8Array(1);
      // One byte asks for the target's RSA key.
      return secure ? terminated(password) : Uint8Array.of(1);
    case clear:
      if (secure) return terminated(password);
      throw refused(target, "it asks for the password in clear text, and the connection has no TLS");
    default:
      throw refused(
        target,
        `it asks for the authentication plugin ${plugin.slice(0, 64)}, which Postern lacks`,
      );
  }
}

const terminated = (password: string) => Buffer.from(`${password}\0`);

function refused(target: string, why: string, cause?: unknown): PosternError {
  return new PosternError("TargetUnavailable", `Postern could not sign in at the target "${target}"`, {
    hint: `Whoever runs Postern: check targets.${target}.account and tls; the log has the reason`,
    cause: cause ?? new Error(why),
  });
}

/**
 * From the login packet just sent (number `sequence`) to the target's OK. Rejects with TargetUnavailable; what
 * the target said is in `cause`, for the log.
 */
export async function proveAccount(
  channel: Channel,
  sequence: number,
  start: { plugin: string; scramble: Uint8Array },
  proof: AccountProof,
): Promise<void> {
  let { plugin, scramble } = start;
  let sent = sequence;
  const send = async (payload: Uint8Array) => {
    sent++;
    await channel.write(encodePacket(sent, payload));
  };
  for (let step = 0; step < stepsMax; step++) {
    channel.reader.expect(sent + 1);
    const { payload, sequence: received } = await channel.packet(packetBytesMax, "an answer during sign-in");
    sent = received;
    switch (payload[0]) {
      case 0x00:
        return;
      case 0xff:
        throw refused(proof.target, "", new Error(describe(payload)));
      case 0xfe: {
        const asked = decodeAuthSwitch(payload);
        plugin = asked.plugin;
        scramble = asked.data;
        if (!known.has(plugin)) proofFor(plugin, scramble, proof);
        await send(proofFor(plugin, scramble, proof));
        break;
      }
      case 0x01:
        await onMoreData(payload.subarray(1), plugin, scramble, proof, send);
        break;
      default:
        throw refused(proof.target, "it answers with a packet that has no place in a sign-in");
    }
  }
  throw refused(proof.target, "its sign-in does not come to an end");
}

function describe(payload: Uint8Array): string {
  const { code, state, message } = decodeError(payload, 0);
  return `the target refused the account: ${code} (${state}) ${message}`;
}

/** caching_sha2_password: 3 is "known already", 4 asks for the whole password; a PEM is the answer to a 2. */
async function onMoreData(
  data: Uint8Array,
  plugin: string,
  scramble: Uint8Array,
  proof: AccountProof,
  send: (payload: Uint8Array) => Promise<void>,
): Promise<void> {
  const isPem = data.length > 16 && data[0] === 0x2d;
  if (plugin !== cachingSha2 && !(plugin === sha256 && isPem)) {
    throw refused(proof.target, `it sends data that ${plugin} has no use for`);
  }
  if (isPem) {
    // With TLS nobody asked for a key, and the password would be sent twice as weak.
    if (proof.secure) throw refused(proof.target, "it sends an RSA key although the connection has TLS");
    return send(rsaSealed(proof.password, scramble, label(data)));
  }
  if (data.length !== 1) {
    throw refused(proof.target, "it sends data that caching_sha2_password has no use for");
  }
  if (data[0] === 3) return;
  if (data[0] !== 4) throw refused(proof.target, `it asks for step ${data[0]} of caching_sha2_password`);
  await send(proof.secure ? terminated(proof.password) : Uint8Array.of(2));
}
