/** Who is it? The browser way: the client waits in start-up while its person follows a link. */
import type { ConnectionAttempt, SignIn } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import type { ConnectionDeps } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { authentication } from "./encode.ts";
import { signInNotice } from "./waiting.ts";

/** Health checks (pg_isready) leave at the first answer; they are no sign-ins, failed or otherwise. */
const healthCheckMs = 100;

/**
 * Tells the client that it is in, as far as the protocol goes, and then by a notice where to sign in: psql and
 * libpq print notices at once. null where the client went first. Rejects with AuthFailed.
 */
export async function signInByBrowser(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  target: string,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  const { stream } = reader;
  stream.write(authentication(0));
  if (await leftWithin(reader, healthCheckMs)) return null;
  const signIn = deps.gatekeeper.signIn(attempt);
  const show = (): void => void stream.write(signInNotice(target, signIn, Date.now()));
  const stop = (): void => signIn.abandon();
  const timer = setInterval(show, deps.limits.holdNoticeMs);
  deps.stopping.addEventListener("abort", stop, { once: true });
  reader.onEnd(stop);
  if (deps.stopping.aborted) stop();
  try {
    show();
    return await identityOf(signIn, reader);
  } finally {
    clearInterval(timer);
    deps.stopping.removeEventListener("abort", stop);
  }
}

async function identityOf(signIn: SignIn, reader: HandshakeReader): Promise<Identity | null> {
  try {
    return await signIn.identity;
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
