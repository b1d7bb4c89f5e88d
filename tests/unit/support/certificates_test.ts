import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { createAuthority } from "../../support/certificates.ts";

const day = 86_400_000;
const authority = createAuthority();

/** The error that a client which trusts `ca` gets of a listener with this certificate; null where there is none. */
async function handshake(
  own: { certificate: string; key: string },
  ca: string,
  servername = "localhost",
): Promise<string | null> {
  const listener = createServer({ cert: own.certificate, key: own.key }, (socket) => {
    socket.on("error", () => {});
    socket.end();
  }).listen(0, "127.0.0.1");
  listener.on("tlsClientError", () => {});
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port, servername, ca: [ca] }, () => {
        resolve(null);
        socket.destroy();
      });
      socket.on("error", (error) => resolve(error.message));
    });
  } finally {
    listener.close();
  }
}

Deno.test("a certificate of the test CA is accepted by those who trust that CA, and only by them", async () => {
  const own = authority.issue();
  assert.equal(await handshake(own, authority.certificate), null);
  assert.notEqual(await handshake(own, createAuthority().certificate), null);
});

Deno.test("expired, early and misnamed certificates can be made, and are refused", async () => {
  const bad = [
    authority.issue({ notAfter: new Date(Date.now() - day), notBefore: new Date(Date.now() - 2 * day) }),
    authority.issue({ notBefore: new Date(Date.now() + day) }),
    authority.issue({ hosts: ["other.example"] }),
  ];
  for (const own of bad) assert.notEqual(await handshake(own, authority.certificate), null);
});

Deno.test("node:crypto reads in it what was asked for", () => {
  const made = authority.issue({
    commonName: "app",
    hosts: ["db.example", "10.1.2.3"],
    notAfter: new Date("2060-01-02"),
  });
  const read = new X509Certificate(made.certificate);
  assert.equal(read.subject, "CN=app");
  assert.equal(read.issuer, "CN=Postern test CA");
  assert.match(read.subjectAltName ?? "", /DNS:db\.example.*IP Address:10\.1\.2\.3/);
  assert.match(read.validTo, /2060/);
  assert.equal(read.ca, false);
  assert.equal(new X509Certificate(authority.certificate).ca, true);
});
