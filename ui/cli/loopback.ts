/** The redirect of a sign-in in the browser, caught on loopback (RFC 8252, section 7.3): one request, then it closes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AwaitRedirect } from "../../policy/identity/public_client.ts";

const page = (text: string) =>
  `<!DOCTYPE html><meta charset="utf-8"><title>Postern</title><p style="font:1rem sans-serif">${text}`;

export const awaitRedirect: AwaitRedirect = async (signal) => {
  const { promise: callback, resolve, reject } = Promise.withResolvers<URL>();
  callback.catch(() => {});
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", redirectUri);
    const isCallback = url.pathname === "/callback" && url.searchParams.has("state");
    response.writeHead(isCallback ? 200 : 404, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
      connection: "close",
    });
    response.end(page(isCallback ? "Go back to your terminal. You may close this page." : "Nothing here."));
    if (isCallback) resolve(url);
  });
  await new Promise<void>((ready, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", ready);
  });
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  return {
    redirectUri,
    callback,
    close() {
      signal.removeEventListener("abort", stop);
      server.close();
      server.closeIdleConnections();
    },
  };
};
