/** Proves Postern to a target: trust, clear text over TLS, MD5, SCRAM with or without channel binding. */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { PosternError } from "../../policy/errors.ts";
import type { Target } from "../../policy/types.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { Reader } from "../wire/reader.ts";
import { decodeFields } from "./decode.ts";
import { password, saslInitialResponse } from "./encode.ts";
import { fromTarget, headerBytes } from "./frames.ts";
import { endPointBinding, ScramClient, ScramError } from "./scram.ts";

const utf8 = new TextEncoder();

/** Authentication requests by their code ("AuthenticationOk" and following). */
const asks = { ok: 0, clearText: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** Target errors whose own text helps the person and tells nothing of the account. */
const tellable: ReadonlySet<string> = new Set(["3D000", "53300", "57P03", "57P01", "53400"]);

/** Runs until AuthenticationOk. Rejects with TargetUnavailable; no text of it names account or password. */
export async function logIn(reader: HandshakeReader, target: Target, tls: TLSSocket | null): Promise<void> {
  const login = new Login(reader, target, tls);
  for (;;) {
    const frame = await nextOf(reader, target);
    if (frame[0] !== fromTarget.authentication) {
      throw failure(target, "did not speak the protocol during sign-in", `message type ${frame[0]}`);
    }
    const body = new Reader(frame, "an Authentication message", headerBytes);
    if (await login.step(body.u32be(), body)) return;
  }
}

/** The next message that is neither an error nor a closed connection. Notices are skipped. */
export async function nextOf(reader: HandshakeReader, target: Target): Promise<Uint8Array> {
  for (;;) {
    const frame = await reader.next();
    if (frame === null) throw failure(target, "closed the connection during sign-in", "end of stream");
    if (frame[0] === fromTarget.noticeResponse) continue;
    if (frame[0] !== fromTarget.errorResponse) return frame;
    const { C = "", M = "" } = decodeFields(frame);
    if (tellable.has(C)) throw failure(target, `refused the connection: ${M} (${C})`, M);
    throw failure(target, `refused Postern's account (${C})`, M);
  }
}

export function failure(target: Target, problem: string, cause: unknown): PosternError {
  return new PosternError("TargetUnavailable", `The target "${target.name}" ${problem}`, {
    hint: `Whoever runs Postern: check targets.${target.name} (account, tls); the details are in the log`,
    cause,
  });
}

class Login {
  #scram: ScramClient | null = null;
  #settled = false;

  constructor(
    private readonly reader: HandshakeReader,
    private readonly target: Target,
    private readonly tls: TLSSocket | null,
  ) {}

  /** One request of the target's; true when it is satisfied. */
  async step(ask: number, body: Reader): Promise<boolean> {
    switch (ask) {
      case asks.ok:
        if (this.#scram !== null && !this.#scram.verified) {
          throw failure(this.target, "did not prove that it knows the password", "no SASLFinal");
        }
        return true;
      case asks.clearText:
        this.#once();
        if (this.tls === null) {
          throw failure(this.target, "asks for the password in clear text, without TLS", "not sent");
        }
        this.#send(password(terminated(this.#password())));
        return false;
      case asks.md5:
        this.#once();
        this.#send(password(terminated(this.#md5(body.take(4)))));
        return false;
      case asks.sasl:
        this.#once();
        this.#beginScram(body);
        return false;
      case asks.saslContinue:
      case asks.saslFinal:
        await this.#continueScram(ask, body);
        return false;
      default:
        throw failure(this.target, "asks for a way of sign-in that Postern does not know", `code ${ask}`);
    }
  }

  /** A target asks once: a second question could be somebody between us fishing for a weaker answer. */
  #once(): void {
    if (this.#settled) throw failure(this.target, "asked for the password twice", "second request");
    this.#settled = true;
  }

  #beginScram(body: Reader): void {
    const offered: string[] = [];
    for (let name = body.cstring(); name !== ""; name = body.cstring()) offered.push(name);
    const certificate = this.tls?.getPeerCertificate(true).raw;
    const binding = certificate === undefined ? null : endPointBinding(certificate);
    this.#scram = this.#guarded(() => new ScramClient({ password: this.#password(), binding, offered }));
    this.#send(saslInitialResponse(this.#scram.mechanism, this.#scram.first()));
  }

  async #continueScram(ask: number, body: Reader): Promise<void> {
    const scram = this.#scram;
    if (scram === null) throw failure(this.target, "mixed up the sign-in's messages", `code ${ask}`);
    const text = body.text(body.left);
    if (ask === asks.saslFinal) this.#guarded(() => scram.verify(text));
    else {
      const answer = await scram.final(text).catch((error) =>
        this.#guarded(() => {
          throw error;
        })
      );
      this.#send(password(answer));
    }
  }

  #guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof ScramError) {
        throw failure(this.target, `failed to sign in: ${error.message}`, error);
      }
      throw error;
    }
  }

  #password(): string {
    const given = this.target.account.password;
    if (given === undefined) {
      throw failure(this.target, "asks for a password and none is configured", "no account.password");
    }
    return given;
  }

  /** "md5" and md5(md5(password + user) + salt), in hex. */
  #md5(salt: Uint8Array): string {
    const inner = createHash("md5").update(this.#password() + this.target.account.user).digest("hex");
    return `md5${createHash("md5").update(inner).update(salt).digest("hex")}`;
  }

  #send(frame: Uint8Array): void {
    this.reader.stream.write(frame);
  }
}

function terminated(text: string): Uint8Array {
  return utf8.encode(`${text}\0`);
}
