/**
 * Events as syslog messages (RFC 5424) over TCP or TLS with octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3):
 *
 *     LENGTH SP <PRI>1 SP TIMESTAMP SP HOSTNAME SP postern SP PROCID SP MSGID SP [SD] SP JSON
 *
 * Nothing is answered: what was written may be lost with the connection. So the cursor follows some seconds later,
 * and a connection that breaks has the last seconds sent again.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { canonical } from "../audit/canonical.ts";
import type { AuditEvent, Json } from "../types.ts";
import { type Channel, ChannelError, networkError } from "./channel.ts";
import { destinationOf } from "./guarded_address.ts";

export interface SyslogOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly ca?: string | undefined } | null;
  /** 0 to 23; 13 is the log audit. */
  readonly facility: number;
  /** Bytes of one message; a longer one has its long texts cut, and says so. */
  readonly messageBytesMax: number;
  /** This machine, as the header names it. */
  readonly hostname: string;
  readonly allowed: readonly string[];
  readonly timeoutMs: number;
}

/** How long a message may be under way without anybody having read it. */
const CONFIRM_MS = 5000;

const WARNING = 4;
const NOTICE = 5;
const INFORMATIONAL = 6;

function severityOf({ type, data }: AuditEvent): number {
  if (
    data.verdict === "deny" || /\.(refused|failed|failing|dropped)$/.test(type) || /^(alert|break)/.test(type)
  ) {
    return WARNING;
  }
  return data.verdict === "allow" || type === "statement.finished" ? INFORMATIONAL : NOTICE;
}

/** PARAM-VALUE: quotes, backslashes and closing brackets are escaped (6.3.3). */
const parameter = (name: string, value: string | number | null): string =>
  value === null ? "" : ` ${name}="${String(value).replace(/[\p{Cc}]/gu, " ").replace(/["\\\]]/g, "\\$&")}"`;

/** Printable ASCII without blanks, as header fields want it. */
const field = (text: string, max: number): string => text.replace(/[^\x21-\x7e]/g, "_").slice(0, max) || "-";

const encoder = new TextEncoder();

/** Texts of more than so many characters are cut in a message that would be too long. */
function shortened(value: Json, charsMax: number): Json {
  if (typeof value === "string") {
    return value.length > charsMax ? `${value.slice(0, charsMax).toWellFormed()}…` : value;
  }
  if (Array.isArray(value)) return value.slice(0, 50).map((one) => shortened(one, charsMax));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one, charsMax)]));
}

/** One message without its length. */
export function syslogMessage(
  event: AuditEvent,
  { facility, hostname, messageBytesMax }: Pick<SyslogOptions, "facility" | "hostname" | "messageBytesMax">,
): Uint8Array {
  const { sequence, hash, person, session, target } = event;
  const head =
    `<${facility * 8 + severityOf(event)}>1 ${new Date(event.at).toISOString()} ${field(hostname, 255)}` +
    ` postern ${Deno.pid} ${field(event.type, 32)} [postern@32473${parameter("sequence", sequence)}` +
    `${parameter("hash", hash)}${parameter("person", person)}${parameter("session", session)}` +
    `${parameter("target", target)}]`;
  for (const charsMax of [Infinity, 1000, 100, 20]) {
    const body = charsMax === Infinity
      ? { ...event }
      : { ...event, data: shortened(event.data, charsMax), cut: true };
    const bytes = encoder.encode(`${head} ${canonical(body as Json)}`);
    if (bytes.length <= messageBytesMax) return bytes;
  }
  return encoder.encode(`${head} {"cut":true,"sequence":${sequence}}`);
}

/** `LENGTH SP MESSAGE` of each, in one piece. */
export function framed(messages: readonly Uint8Array[]): Uint8Array {
  const parts = messages.flatMap((message) => [encoder.encode(`${message.length} `), message]);
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function syslogChannel(options: SyslogOptions): Channel {
  return new SyslogChannel(options);
}

class SyslogChannel implements Channel {
  readonly kind = "syslog";
  readonly batchMax = 200;
  readonly confirmMs = CONFIRM_MS;
  onBroken?: () => void;
  #socket: Socket | null = null;

  constructor(private readonly options: SyslogOptions) {}

  async send(events: readonly AuditEvent[], signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.options.timeoutMs)]);
    const bytes = framed(events.map((event) => syslogMessage(event, this.options)));
    try {
      const socket = this.#socket ??= await this.#connect(deadline);
      await written(socket, bytes, deadline);
    } catch (error) {
      this.#drop();
      throw networkError(error);
    }
  }

  /** Waits until the other side has read everything and closed, which is its only answer. */
  async close(): Promise<boolean> {
    const socket = this.#socket;
    if (socket === null) return true;
    delete this.onBroken;
    const closed = new Promise<boolean>((resolve) => {
      socket.once("close", (failed: boolean) => resolve(!failed));
      setTimeout(() => resolve(false), 2000);
      socket.end();
    });
    const arrived = await closed;
    this.#drop();
    return arrived;
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const { host, port, tls, allowed } = this.options;
    const destination = await destinationOf(host, allowed);
    const { address } = destination;
    const socket: Socket = tls === null ? connectTcp({ host: address, port }) : connectTls({
      host: address,
      port,
      ...destination.tls,
      ...(tls.ca === undefined ? {} : { ca: [tls.ca] }),
    });
    await settled(socket, tls === null ? "connect" : "secureConnect", signal);
    // A collector sends nothing; reading lets its end be noticed.
    socket.resume();
    socket.on("error", () => {});
    socket.once("end", () => this.#broken(socket));
    socket.once("close", () => this.#broken(socket));
    return socket;
  }

  #broken(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#drop();
    this.onBroken?.();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }
}

function settled(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => {
      socket.destroy();
      reject(error);
    };
    const stop = () => failed(signal.reason);
    socket.once(event, () => {
      signal.removeEventListener("abort", stop);
      socket.off("error", failed);
      resolve();
    });
    socket.once("error", failed);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

function written(socket: Socket, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    const gone = () => reject(new ChannelError("it closed the connection"));
    signal.addEventListener("abort", stop, { once: true });
    socket.once("close", gone);
    socket.write(bytes, (error) => {
      signal.removeEventListener("abort", stop);
      socket.off("close", gone);
      if (error == null) resolve();
      else reject(error);
    });
    if (signal.aborted) stop();
  });
}
