/** What a channel is to the courier that serves it, and how it says what went wrong. */
import type { AuditEvent } from "../types.ts";

/** Why something did not go out: a text that is safe to record and to show, without URL, secret or answer. */
export class ChannelError extends Error {
  constructor(
    message: string,
    /** Trying the same again will not help: the other side understood, and refused. */
    readonly permanent = false,
    /** What the other side asked for. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}

export interface Channel {
  readonly kind: string;
  /** What it takes at once. */
  readonly batchMax: number;
  /**
   * How long after it was sent something may still turn out to be lost, for want of an answer: the cursor follows so
   * much later, and what is younger is sent again when the connection breaks.
   */
  readonly confirmMs: number;
  /** Sends all of them, in order; rejects with ChannelError. Told to stop by the signal. */
  send(events: readonly AuditEvent[], signal: AbortSignal): Promise<void>;
  /** Whether what was sent has arrived for certain. */
  close(): Promise<boolean>;
  /** Called by the channel when what it sent a moment ago may be lost. */
  onBroken?: () => void;
}

/** The same for an event whenever it is sent, so that whoever gets it twice can tell. */
export const deliveryId = (event: Pick<AuditEvent, "hash">): string => `evt_${event.hash.slice(0, 32)}`;

/** Any failure of the network as a text that tells where it failed, and nothing else. */
export function networkError(error: unknown): ChannelError {
  if (error instanceof ChannelError) return error;
  const { code, name, message = "" } = error as { code?: unknown; name?: string; message?: string };
  if (name === "TimeoutError" || code === "ETIMEDOUT" || code === "ETIMEOUT") {
    return new ChannelError("it did not answer in time");
  }
  const word = typeof code === "string" ? code : "";
  const known = connectionWords[word] ??
    (/certificate|altnames|self.signed|CERT_/i.test(`${word} ${message}`)
      ? "its certificate is not trusted"
      : null);
  return new ChannelError(known ?? `the connection failed${/^[A-Z_]{3,30}$/.test(word) ? ` (${word})` : ""}`);
}

const connectionWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "it refused the connection",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  ENOTFOUND: "its name has no address",
  EAI_AGAIN: "its name could not be looked up",
  EHOSTUNREACH: "it cannot be reached",
  ENETUNREACH: "it cannot be reached",
  ENOSPC: "the disk is full",
  ENOENT: "its folder does not exist",
  EACCES: "the file may not be written",
};
