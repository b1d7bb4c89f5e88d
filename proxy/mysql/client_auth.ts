/**
 * Who a client is: a one-time password proved by challenge, a token sent where nobody else can read it, or a
 * sign-in by browser. (MySQL internals: "Authentication Method", "caching_sha2_password".)
 */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import { sendsInSecret, tokenUser } from "../../policy/identity/mod.ts";
import type { Gatekeeper } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import { has } from "./capabilities.ts";
import type { Channel } from "./channel.ts";
import { Capability } from "./constants.ts";
import { greetingPlugin, type Hello } from "./hello.ts";
import type { LinkSignIns } from "./link_sign_ins.ts";
import { encodeAuthSwitch } from "./login.ts";
import { encodePacket } from "./packets.ts";
import { nativeProofHolds, type PasswordKey, sealedBytes, sha2ProofHolds } from "./proofs.ts";

const native = "mysql_native_password";
const sha2 = greetingPlugin;
const clear = "mysql_clear_password";

/** Longest password or token that a client may send, in bytes: what verifies it needs no more. */
const passwordBytesMax = 65_536;

/** What the client gave, as far as it went without asking for more. */
interface Offered {
  readonly plugin: string;
  readonly response: Uint8Array;
}

export interface ClientAuthDeps {
  readonly gatekeeper: Gatekeeper;
  readonly links: LinkSignIns;
  readonly passwordKey: PasswordKey;
  /** The client proved or sent something, or waits for a browser: the time to start is no longer counted. */
  readonly started: () => void;
  readonly gone: Promise<never>;
}

export class ClientAuth {
  /** Number of the last packet, either way. */
  #sequence: number;
  /** The client answered by caching_sha2_password's challenge, and must hear that this was enough. */
  #fastDue = false;
  #first: Offered | null = null;

  constructor(
    private readonly channel: Channel,
    private readonly hello: Hello,
    private readonly deps: ClientAuthDeps,
  ) {
    this.#sequence = hello.sequence;
  }

  /** The number that the next packet to the client has. */
  get nextSequence(): number {
    return this.#sequence + 1;
  }

  /** The client is in: what its plugin waits for before the OK. */
  async accept(): Promise<void> {
    if (this.#fastDue) await this.#send(Uint8Array.of(1, 3));
    this.#fastDue = false;
  }

  /** Hears the client out: its proof for the plugin that it took, or was asked to take. */
  async begin(): Promise<void> {
    const first = this.#first = await this.#offered();
    this.#fastDue = first.plugin === sha2 && first.response.length > 0;
  }

  /** By password or token; null where the client gave none that counts here. Rejects with AuthFailed. */
  async byPassword(): Promise<Identity | null> {
    const { attempt } = this.hello;
    const first = this.#first;
    if (first === null || first.response.length === 0) return null;
    if (first.plugin === clear) return await this.#verify(textOf(first.response));
    const challenge = this.deps.gatekeeper.challenge?.(attempt) ?? null;
    if (challenge !== null) {
      if (!this.#proves(first, challenge.verifiers)) throw challenge.fail();
      return challenge.succeed();
    }
    if (attempt.client.tls === null) {
      // Only who connects as this user is sure to bring a token: what others have may be left over from a config file.
      if (attempt.client.user !== tokenUser) return null;
      if (!sendsInSecret(attempt)) throw tokenWithoutTls();
    }
    const password = await this.#askForPassword(first.plugin);
    return password === null ? null : await this.#verify(password);
  }

  byLink(): Promise<Identity> {
    const { gatekeeper, links, gone, started } = this.deps;
    started();
    return links.claim(gatekeeper, this.hello.attempt, gone);
  }

  async #verify(password: string): Promise<Identity | null> {
    const { gatekeeper, started } = this.deps;
    started();
    const { attempt } = this.hello;
    // A password that Postern never issued is left over from a config file: its owner signs in by browser.
    const mayCount = gatekeeper.challenge === undefined || looksLikeToken(password) ||
      attempt.client.user === tokenUser ||
      gatekeeper.challenge(attempt) !== null;
    return mayCount ? await gatekeeper.verifyPassword(attempt, password) : null;
  }

  #proves(
    { plugin, response }: Offered,
    verifiers: { readonly doubleSha1: Uint8Array; readonly doubleSha256: Uint8Array },
  ): boolean {
    const { scramble } = this.hello;
    return plugin === native
      ? nativeProofHolds(response, scramble, verifiers.doubleSha1)
      : sha2ProofHolds(response, scramble, verifiers.doubleSha256);
  }

  /** The client's answer to the greeting, or to one switch where it answered for another plugin. */
  async #offered(): Promise<Offered> {
    const { login, attempt } = this.hello;
    if (!has(login.capabilities, Capability.pluginAuth) || login.plugin === "") {
      return { plugin: native, response: login.response };
    }
    if (login.plugin === sha2) return { plugin: sha2, response: emptyWhenNul(login.response) };
    if (login.plugin === clear) {
      if (attempt.client.tls === null) throw clearWithoutTls();
      return { plugin: clear, response: emptyWhenNul(login.response) };
    }
    // Clients that expect another plugin than the greeting's send nothing, and want to be asked.
    const plugin = login.plugin === native ? native : sha2;
    return { plugin, response: await this.#switchTo(plugin) };
  }

  async #switchTo(plugin: string): Promise<Uint8Array> {
    await this.#send(encodeAuthSwitch(plugin, this.hello.scramble));
    return emptyWhenNul(await this.#receive());
  }

  /**
   * The password itself, over TLS or sealed (caching_sha2_password's full authentication); null where this client
   * cannot be asked for it.
   */
  async #askForPassword(plugin: string): Promise<string | null> {
    if (plugin === native) {
      // MariaDB's connector takes a second switch; others know only one.
      if (this.hello.login.attributes.get("_client_name") !== "libmariadb") return null;
      if ((await this.#switchTo(sha2)).length === 0) return null;
    }
    this.#fastDue = false;
    await this.#send(Uint8Array.of(1, 4));
    const answer = await this.#receive();
    return textOf(this.hello.attempt.client.tls === null ? await this.#unsealed(answer) : answer);
  }

  /** Without TLS a client asks for the key with one byte, unless it has it already, and seals the password. */
  async #unsealed(answer: Uint8Array): Promise<Uint8Array> {
    const { passwordKey } = this.deps;
    let sealed = answer;
    if (answer.length === 1 && answer[0] === 2) {
      await this.#send(Buffer.concat([Uint8Array.of(1), Buffer.from(await passwordKey.publicPem())]));
      sealed = await this.#receive();
    }
    const password = sealed.length === sealedBytes
      ? await passwordKey.opened(sealed, this.hello.scramble)
      : null;
    if (password === null) throw notSealed();
    return password;
  }

  async #send(payload: Uint8Array): Promise<void> {
    this.#sequence++;
    await this.channel.write(encodePacket(this.#sequence, payload));
  }

  async #receive(): Promise<Uint8Array> {
    this.channel.reader.expect(this.#sequence + 1);
    const { payload, sequence } = await this.channel.packet(passwordBytesMax, "a password");
    this.#sequence = sequence;
    return payload;
  }
}

/** For no password some clients send one NUL. */
function emptyWhenNul(response: Uint8Array): Uint8Array {
  return response.length === 1 && response[0] === 0 ? new Uint8Array(0) : response;
}

function textOf(password: Uint8Array): string {
  const end = password.at(-1) === 0 ? -1 : undefined;
  return new TextDecoder().decode(password.subarray(0, end));
}

/** Three parts of base64url: nothing that people choose. */
function looksLikeToken(password: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(password);
}

function tokenWithoutTls(): PosternError {
  return new PosternError(
    "AuthFailed",
    `The user "${tokenUser}" sends a token, which is taken over TLS only: Postern cannot be told from somebody on the way here`,
    { hint: "Connect with --ssl (or --ssl-mode=REQUIRED)" },
  );
}

function notSealed(): PosternError {
  return new PosternError("AuthFailed", "the password is not sealed with Postern's RSA key of today", {
    hint:
      "Have the client ask for the key (--get-server-public-key, allowPublicKeyRetrieval=true), or use TLS",
  });
}

function clearWithoutTls(): PosternError {
  return new PosternError(
    "AuthFailed",
    "mysql_clear_password sends the password readable, so it needs TLS here",
    {
      hint: "Connect with --ssl (or --ssl-mode=REQUIRED)",
    },
  );
}
