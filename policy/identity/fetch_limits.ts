/** The only way this folder speaks to the outside: to the issuer, with limits on where, how long and how much. */
import { isIP } from "node:net";
import { PosternError } from "../errors.ts";
import { askOperator, authFailed } from "./errors.ts";
import { second } from "./options.ts";

/** The rule of refusals that are the issuer's absence, and nobody's mistake. */
export const issuerUnreachable = "identity.issuer";

const timeoutMs = 10 * second;
const responseBytesMax = 512 * 1024;

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));

/** Link-local addresses are where clouds keep their machines' credentials. */
const isLinkLocal = (host: string): boolean =>
  (isIP(host) === 4 && host.startsWith("169.254.")) || /^\[fe[89ab]/.test(host) ||
  /^\[::ffff:a9fe:/.test(host);

export const isPlainLoopback = (url: URL): boolean => url.protocol === "http:" && isLoopback(url.hostname);

/** Why Postern does not speak to this address; null where it does. */
export function objection(url: URL): string | null {
  if (url.protocol !== "https:" && !isPlainLoopback(url)) return "it is not https";
  if (url.username !== "" || url.password !== "") return "it holds credentials";
  if (isLinkLocal(url.hostname)) return "it is a link-local address";
  return null;
}

/**
 * `fetch` for the issuer. `ca`: PEM of authorities that count beside the public ones. Rejects with AuthFailed: addresses that `objection` names, no answer in 10 s, a
 * redirect, a body of more than 512 kB. The response's body is already read.
 */
export async function limitedFetch(
  address: string | URL,
  init: RequestInit = {},
  ca?: string,
): Promise<Response> {
  const url = new URL(address);
  const place = `${url.origin}${url.pathname}`;
  const why = objection(url);
  if (why !== null) {
    throw authFailed(`Postern does not ask ${place} about identities: ${why}`, askOperator);
  }
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = init.signal ? AbortSignal.any([timeout, init.signal]) : timeout;
  const client = clientTrusting(ca);
  try {
    const own = client === null ? {} : { client };
    const response = await fetch(url, { ...init, ...own, redirect: "manual", signal });
    const body = await readLimited(response, place);
    if (response.status >= 300 && response.status < 400) {
      throw authFailed(
        `The identity provider answers ${place} with a redirect, which is not followed`,
        `${askOperator}: identity.issuer must be the issuer's own address`,
      );
    }
    const { status, statusText, headers } = response;
    const bodiless = status === 204 || status === 205;
    return new Response(bodiless ? null : body, { status, statusText, headers });
  } catch (error) {
    if ((error as Error).name === "PosternError") throw error;
    const reason = timeout.aborted ? `no answer within ${timeoutMs / second} s` : reasonOf(error as Error);
    throw new PosternError(
      "AuthFailed",
      `The identity provider cannot be reached at ${place}: ${reason}`,
      {
        hint: "Try again in a minute; sessions that are already open go on",
        rule: issuerUnreachable,
        cause: error,
      },
    );
  } finally {
    client?.close();
  }
}

/**
 * For one request, to be closed after it: these are few, and what a reload brings counts for the next one. null where
 * the public authorities are enough.
 */
export function clientTrusting(ca: string | undefined): Deno.HttpClient | null {
  return ca === undefined ? null : Deno.createHttpClient({ caCerts: [ca], poolMaxIdlePerHost: 0 });
}

async function readLimited(response: Response, place: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream, and with it the connection.
    if (bytes > responseBytesMax) {
      throw authFailed(
        `The identity provider's answer from ${place} is larger than ${responseBytesMax / 1024} kB`,
        askOperator,
      );
    }
    chunks.push(chunk);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The part of a network error that tells an operator something and holds nothing of the request. */
function reasonOf(error: Error): string {
  const text = `${error.message} ${(error.cause as Error | undefined)?.message ?? ""}`;
  if (/refused/i.test(text)) return "connection refused";
  if (/dns|lookup|resolve/i.test(text)) return "its name does not resolve";
  if (/certificate|tls|handshake/i.test(text)) {
    return "its TLS certificate is not accepted (identity.ca, or postern login --ca)";
  }
  return "the connection failed";
}
