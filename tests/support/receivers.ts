/** Receivers of what Postern sends, for tests: HTTP, SMTP with STARTTLS, and syslog over TCP or TLS. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Buffer } from "node:buffer";
import { SMTPServer } from "smtp-server";
import type { Certificate } from "./certificates.ts";

/** Waits until the condition holds; fails after a minute. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  detail: () => unknown = () => "",
): Promise<void> {
  for (let left = 2400; !await condition(); left--) {
    if (left === 0) throw new Error(`this did not come: ${what} ${Deno.inspect(detail(), { depth: 5 })}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface HttpReceiver {
  readonly url: string;
  /** Those that were answered with success. */
  readonly taken: Received[];
  readonly all: Received[];
  close(): Promise<void>;
}

/** `answer` gives the status of the nth request, from 0, or `null` to leave it without an answer. */
export function startHttpReceiver(
  answer: (n: number, received: Received) => number | null = () => 200,
  tls?: Certificate,
): HttpReceiver {
  const taken: Received[] = [];
  const all: Received[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    ...(tls === undefined ? {} : { cert: tls.certificate, key: tls.key }),
  }, async (request) => {
    const received = {
      path: new URL(request.url).pathname,
      headers: request.headers,
      body: await request.text(),
    };
    const status = answer(all.push(received) - 1, received);
    if (status === null) return await new Promise<Response>(() => {});
    if (status < 300) taken.push(received);
    return new Response("an answer that nobody repeats", {
      status,
      headers: status === 302 ? { location: "http://127.0.0.1:1/" } : {},
    });
  });
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.addr.port}/hook`,
    taken,
    all,
    // Requests that were never answered would keep a graceful end waiting.
    close: () => Promise.race([server.shutdown(), new Promise<void>((resolve) => setTimeout(resolve, 200))]),
  };
}

export interface ReceivedMail {
  readonly secure: boolean;
  readonly user: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

export interface MailReceiver {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** Refuse the next so many messages with a temporary failure. */
  refuse: number;
  close(): Promise<void>;
}

export async function startMailReceiver(
  certificate: Certificate,
  account: { user: string; password: string },
  options: { starttls?: boolean } = {},
): Promise<MailReceiver> {
  const mails: ReceivedMail[] = [];
  const receiver = { port: 0, mails, refuse: 0, close: () => Promise.resolve() };
  const server = new SMTPServer({
    key: certificate.key,
    cert: certificate.certificate,
    hideSTARTTLS: options.starttls === false,
    disabledCommands: options.starttls === false ? ["STARTTLS"] : [],
    onAuth({ username, password }, _session, callback) {
      if (username === account.user && password === account.password) callback(null, { user: username });
      else callback(new Error("wrong"));
    },
    onData(stream, session, callback) {
      (async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        if (receiver.refuse > 0) {
          receiver.refuse--;
          callback(Object.assign(new Error("come again"), { responseCode: 451 }));
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          secure: session.secure,
          user: String(session.user ?? ""),
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        });
        callback();
      })();
    },
  });
  // A client that does not trust the certificate ends the handshake.
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  receiver.port = (server.server.address() as AddressInfo).port;
  receiver.close = () => new Promise((resolve) => server.close(() => resolve()));
  return receiver;
}

export interface SyslogReceiver {
  readonly port: number;
  readonly messages: string[];
  /** Cuts every connection; what was not read is lost. */
  cut(): void;
  /** Stops reading: what arrives then is lost with the next cut. */
  pause(): void;
  close(): Promise<void>;
}

/** Octet counting as RFC 6587 has it. `port` to come back where another one was. */
export async function startSyslogReceiver(tls?: Certificate, port = 0): Promise<SyslogReceiver> {
  const messages: string[] = [];
  const sockets = new Set<Socket>();
  let paused = false;
  const take = (socket: Socket) => {
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Uint8Array) => {
      if (paused) return;
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const blank = rest.indexOf(0x20);
        if (blank < 1) return;
        const length = Number(rest.subarray(0, blank).toString());
        if (!Number.isSafeInteger(length)) throw new Error("a frame without a length");
        if (rest.length < blank + 1 + length) return;
        messages.push(rest.subarray(blank + 1, blank + 1 + length).toString());
        rest = rest.subarray(blank + 1 + length);
      }
    });
    socket.on("end", () => socket.end());
  };
  const server: Server = tls === undefined
    ? createServer(take)
    : createTlsServer({ cert: tls.certificate, key: tls.key }, take);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    cut() {
      paused = false;
      for (const socket of sockets) socket.destroy();
    },
    pause() {
      paused = true;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
