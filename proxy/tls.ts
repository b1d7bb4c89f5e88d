/** TLS on both sides: an accepted socket upgraded as its server end, a dialled one as its client end. TLS 1.2 and up. */
import { isIP, type Socket } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { PosternError } from "../policy/errors.ts";
import type { Target } from "../policy/types.ts";

/** PEM of a listener's own certificate (with its chain) and key. */
export interface ListenerTls {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Upgrades an accepted socket. Nothing else may read from it any more; bytes that were read too far go back
 * first, with `socket.unshift()`. Rejects with ProtocolViolation when the handshake fails or takes too long;
 * the socket is destroyed then.
 */
export function acceptTls(
  socket: Socket,
  own: ListenerTls,
  options: { readonly alpn: readonly string[]; readonly timeoutMs: number },
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      {
        // Deno 2.9 takes no key out of a `secureContext` here.
        cert: own.certificate,
        key: own.key,
        minVersion: "TLSv1.2",
        ALPNProtocols: options.alpn.length > 0 ? [...options.alpn] : undefined,
      } as Parameters<typeof createServer>[0],
    );
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        new PosternError("ProtocolViolation", "The TLS handshake with the client failed", {
          hint: "Use TLS 1.2 or newer, and check which certificate the client trusts",
          cause,
        }),
      );
    };
    const timer = setTimeout(() => fail(new Error("handshake timeout")), options.timeoutMs);
    const closed = () => fail(new Error("closed during the handshake"));
    socket.once("close", closed);
    server.once("tlsClientError", fail);
    server.once("secureConnection", (upgraded) => {
      clearTimeout(timer);
      socket.removeListener("close", closed);
      resolve(upgraded);
    });
    server.emit("connection", socket);
  });
}

/**
 * Upgrades a dialled socket, after the target has agreed to it. `prefer` and `require` encrypt without
 * checking who answers, as libpq does; `verify-ca` checks the chain, `verify-full` the name too. Rejects with
 * TargetUnavailable; the socket is destroyed then.
 */
export function connectTls(
  socket: Socket,
  target: Pick<Target, "name" | "host" | "tls">,
  options: { readonly alpn: readonly string[]; readonly timeoutMs: number },
): Promise<TLSSocket> {
  const { mode, ca, certificate, key } = target.tls;
  const verify = mode === "verify-ca" || mode === "verify-full";
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        new PosternError("TargetUnavailable", `The TLS handshake with the target "${target.name}" failed`, {
          hint: verify
            ? `Whoever runs Postern: check targets.${target.name}.tls (mode ${mode}, ca) against the target's certificate`
            : `Whoever runs Postern: check targets.${target.name}.tls`,
          cause,
        }),
      );
    };
    const timer = setTimeout(() => fail(new Error("handshake timeout")), options.timeoutMs);
    try {
      const upgraded = connect({
        socket,
        host: target.host,
        // A name is sent only where it is one: an address must not be (RFC 6066, section 3).
        ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
        minVersion: "TLSv1.2",
        rejectUnauthorized: verify,
        ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
        ...(ca === undefined ? {} : { ca: [ca] }),
        ...(certificate === undefined ? {} : { cert: certificate }),
        ...(key === undefined ? {} : { key }),
        ...(options.alpn.length > 0 ? { ALPNProtocols: [...options.alpn] } : {}),
      });
      const closed = () => fail(new Error("closed during the handshake"));
      // Stays until the caller has its own: an error without a listener would end the process.
      upgraded.on("error", fail);
      upgraded.once("close", closed);
      upgraded.once("secureConnect", () => {
        clearTimeout(timer);
        upgraded.removeListener("close", closed);
        resolve(upgraded);
      });
    } catch (thrown) {
      fail(thrown);
    }
  });
}
