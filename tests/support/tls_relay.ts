/** Somebody between Postern and a target: ends TLS with a certificate of their own, and passes on what is said. */
import { createServer, type Server, type Socket } from "node:net";
import type { Target } from "../../policy/types.ts";
import { dial } from "../../proxy/dial.ts";
import { encrypt } from "../../proxy/postgres/target.ts";
import { acceptTls } from "../../proxy/tls.ts";
import type { Certificate } from "./certificates.ts";
import { freePort } from "./ports.ts";

const sslRequestBytes = 8;

export interface TlsRelay {
  readonly port: number;
  /** What came from the side of the one who dialled, decrypted. */
  readonly heard: () => string;
  close(): void;
}

/** Between whoever connects and `target`, which is reached with TLS. */
export async function startTlsRelay(target: Target, own: Certificate): Promise<TlsRelay> {
  const port = freePort();
  const heard: Uint8Array[] = [];
  const open = new Set<Socket>();
  const between = async (victim: Socket): Promise<void> => {
    open.add(victim);
    victim.on("error", () => {});
    await new Promise<void>((resolve) => {
      victim.once("readable", () => {
        victim.read(sslRequestBytes);
        resolve();
      });
    });
    victim.write("S");
    const near = await acceptTls(victim, own, { alpn: [], timeoutMs: 10_000 });
    const far = await encrypt(await dial(target, 10_000), target, 10_000);
    if (far === null) throw new Error("the target has no TLS");
    for (const end of [near, far]) end.on("error", () => {});
    near.on("data", (chunk: Uint8Array) => heard.push(chunk.slice()));
    near.pipe(far);
    far.pipe(near);
  };
  const server: Server = createServer((victim) => void between(victim).catch(() => victim.destroy()));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    heard: () => heard.map((chunk) => new TextDecoder("latin1").decode(chunk)).join(""),
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
