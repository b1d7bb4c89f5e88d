/** Who is it? By browser, by a one-time password, or by a token as the password. */
import { sendsInSecret, tokenUser } from "../../policy/identity/mod.ts";
import type { ConnectionAttempt, SignIn } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { ConnectionDeps } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { authentication } from "./encode.ts";
import { asks, bySasl, passwordMessage, type SaslOffer, tokenFrameBytesMax } from "./sasl.ts";
import { signInNotice } from "./waiting.ts";

/** Health checks (pg_isready) leave at the first answer; they are no sign-ins, failed or otherwise. */
const healthCheckMs = 100;

/** Who connects as this user brings one by OAUTHBEARER, or learns by it where to get one. */
const bearerUser = "oauth";

/**
 * Runs up to AuthenticationOk, which is sent. null where the client went first. Rejects with AuthFailed,
 * LimitExceeded or ProtocolViolation. The user name says which way: one with the
 * form of a one-time password's, `token`, `oauth`, or any other for the browser (or OAUTHBEARER, where that is offered to everyone).
 */
export async function signIn(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  target: string,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  const challenge = deps.gatekeeper.challenge?.(attempt) ?? null;
  const byClearText = challenge === null && attempt.client.user === tokenUser;
  const offer: SaslOffer = { challenge, bearer: !byClearText && offersBearer(attempt, deps) };
  if (!byClearText && challenge === null && !offer.bearer) {
    return await byBrowser(reader, attempt, target, deps);
  }
  if (challenge === null && !sendsInSecret(attempt)) throw readable(attempt.client.user);
  const seconds = deps.limits.startupTimeoutMs / 1000;
  const late = () =>
    limitReached(
      "listen.limits.startup",
      `The client took too long to send its password (listen.limits.startup: ${seconds} s)`,
      "Connect again",
    );
  const timer = setTimeout(() => reader.fail(late()), deps.limits.startupTimeoutMs);
  try {
    const identity = byClearText
      ? await byToken(reader, attempt, deps)
      : await bySasl(reader, attempt, offer, deps);
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
  const known = deps.gatekeeper.signedIn?.(attempt) === true;
  if (!known && await leftWithin(reader, healthCheckMs)) return null;
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

function offersBearer(attempt: ConnectionAttempt, { gatekeeper: { bearer } }: ConnectionDeps): boolean {
  if (bearer === undefined) return false;
  return attempt.client.user === bearerUser || (bearer.everyone && sendsInSecret(attempt));
}

function readable(user: string): PosternError {
  return new PosternError(
    "AuthFailed",
    "A token is taken over TLS only: on this connection others could read it",
    { hint: `Connect with sslmode=require, or as another user than "${user}" to sign in by browser` },
  );
}

async function byToken(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  reader.stream.write(authentication(asks.clearText));
  const message = await passwordMessage(reader, tokenFrameBytesMax);
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
