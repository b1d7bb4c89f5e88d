/** A signed-in client that has no access yet waits at the door: told at once, and whenever something changes. */
import type { AccessWait } from "../../policy/grant_ports.ts";
import { asPosternError } from "../../policy/errors.ts";
import type { ConnectionDeps } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { accessNotice } from "./waiting.ts";

/** False where the client went first, which withdraws what it asked for. Rejects with PolicyDenied. */
export async function grantedAt(
  wait: AccessWait,
  reader: HandshakeReader,
  deps: ConnectionDeps,
): Promise<boolean> {
  const { stopping, limits } = deps;
  const gone = Promise.withResolvers<never>();
  const show = (): void => void reader.stream.write(accessNotice(wait, Date.now()));
  const leave = (): void => {
    wait.abandon();
    gone.reject(asPosternError(stopping.reason));
  };
  const timer = setInterval(show, limits.holdNoticeMs);
  stopping.addEventListener("abort", leave, { once: true });
  reader.onEnd(leave);
  if (stopping.aborted) leave();
  wait.onChange(show);
  try {
    show();
    await Promise.race([wait.outcome, gone.promise]);
    return !reader.ended;
  } catch (error) {
    if (reader.ended) return false;
    throw error;
  } finally {
    clearInterval(timer);
    stopping.removeEventListener("abort", leave);
    wait.abandon();
  }
}
