/** Who is it? By browser, by a one-time password, or by a token as the password. */
import type { ConnectionAttempt, PasswordChallenge, SignIn } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionDeps } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { Reader } from "../wire/reader.ts";
import { authentication } from "./encode.ts";
import { fromClient, headerBytes } from "./frames.ts";
import { endPointBinding } from "./scram.ts";
import { ScramServer } from "./scram_server.ts";
import { signInNotice } from "./waiting.ts";

/** Health checks (pg_isready) leave at the first answer; they are no sign-ins, failed or otherwise. */
const healthCheckMs = 100;

/** Who connects as this user brings a token of the issuer's as the password. */
const tokenUser = "token";

/** Authentication requests by their code ("AuthenticationOk" and following). */
const asks = { ok: 0, clearText: 3, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

const utf8 = new TextEncoder();

/**
 * Runs up to AuthenticationOk, which is sent. null where the client went first. Rejects with AuthFailed,
 * LimitExceeded or ProtocolViolation. The user name says which way: one that a one-time password was issued
 * for, `token`, or any other for the browser.
 */
export async function signIn(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  target: string,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  const challenge = deps.gatekeeper.challenge?.(attempt) ?? null;
  if (challenge === null && attempt.client.user !== tokenUser) {
    return await byBrowser(reader, attempt, target, deps);
  }
  const late = new PosternError("LimitExceeded", "The client took too long to send its password", {
    rule: "listen.limits.startup",
  });
  const timer = setTimeout(() => reader.fail(late), deps.limits.startupTimeoutMs);
  try {
    const identity = challenge === null
      ? await byToken(reader, attempt, deps)
      : await byChallenge(reader, challenge, attempt.client.tls === null ? null : ownBinding(deps));
    if (identity !== null) reader.stream.write(authentication(asks.ok));
    return identity;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tells the client that it is in, as far as the protocol goes, and then by a notice where to sign in: psql and
 * libpq print notices at once.
 */
async function byBrowser(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  target: string,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  const { stream } = reader;
  stream.write(authentication(asks.ok));
  if (await leftWithin(reader, healthCheckMs)) return null;
  const started = deps.gatekeeper.signIn(attempt);
  const show = (): void => void stream.write(signInNotice(target, started, Date.now()));
  const stop = (): void => started.abandon();
  const timer = setInterval(show, deps.limits.holdNoticeMs);
  deps.stopping.addEventListener("abort", stop, { once: true });
  reader.onEnd(stop);
  if (deps.stopping.aborted) stop();
  try {
    if (started.settled !== true) show();
    return await identityOf(started, reader);
  } finally {
    clearInterval(timer);
    deps.stopping.removeEventListener("abort", stop);
  }
}

async function identityOf(started: SignIn, reader: HandshakeReader): Promise<Identity | null> {
  try {
    return await started.identity;
  } catch (error) {
    if (reader.ended) return null;
    throw error;
  }
}

function leftWithin(reader: HandshakeReader, milliseconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    reader.onEnd(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** AuthenticationSASL, SASLInitialResponse, SASLContinue, SASLResponse, SASLFinal. */
async function byChallenge(
  reader: HandshakeReader,
  challenge: PasswordChallenge,
  binding: Uint8Array | null,
): Promise<Identity | null> {
  const server = new ScramServer({ verifier: challenge.verifiers.scram, binding });
  const { stream } = reader;
  stream.write(authentication(asks.sasl, utf8.encode(`${server.mechanisms.join("\0")}\0\0`)));
  const initial = await passwordMessage(reader);
  if (initial === null) return null;
  const mechanism = initial.cstring();
  const serverFirst = server.first(mechanism, initial.text(initial.i32be()));
  initial.end();
  stream.write(authentication(asks.saslContinue, utf8.encode(serverFirst)));
  const response = await passwordMessage(reader);
  if (response === null) return null;
  const serverFinal = server.final(response.text(response.left));
  if (serverFinal === null) throw challenge.fail();
  const identity = challenge.succeed();
  stream.write(authentication(asks.saslFinal, utf8.encode(serverFinal)));
  return identity;
}

async function byToken(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  if (attempt.client.tls === null) {
    throw new PosternError(
      "AuthFailed",
      "A token is taken over TLS only: on this connection others could read it",
      {
        hint: `Connect with sslmode=require, or as another user than "${tokenUser}" to sign in by browser`,
      },
    );
  }
  reader.stream.write(authentication(asks.clearText));
  const message = await passwordMessage(reader);
  if (message === null) return null;
  const password = message.cstring();
  message.end();
  const identity = await deps.gatekeeper.verifyPassword(attempt, password);
  if (identity !== null) return identity;
  throw new PosternError("AuthFailed", `The user "${tokenUser}" signs in with a token as the password`, {
    hint:
      "Put an ID token of your identity provider in PGPASSWORD, or connect as another user to sign in by browser",
  });
}

/** null where the client went instead: psql closes to ask its person for a password, and comes again. */
async function passwordMessage(reader: HandshakeReader): Promise<Reader | null> {
  const frame = await reader.next();
  if (frame === null) return null;
  if (frame[0] !== fromClient.password) {
    throw new PosternError("ProtocolViolation", "The client sent something else than its password");
  }
  return new Reader(frame, "a password message", headerBytes);
}

/** tls-server-end-point of the listener's own certificate: the first of its PEM. */
function ownBinding(deps: ConnectionDeps): Uint8Array | null {
  const pem = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(deps.tls?.certificate ?? "")
    ?.[1];
  return pem === undefined ? null : endPointBinding(Buffer.from(pem, "base64"));
}
