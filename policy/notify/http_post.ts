/** One POST of JSON to a configured URL: no redirects, bounded in time and size, to an address that was looked at. */
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Secret } from "../config_values.ts";
import { ChannelError, networkError } from "./channel.ts";
import { destinationOf } from "./guarded_address.ts";

export interface HttpTarget {
  /** May itself be the secret, as for Slack and Teams. */
  readonly url: Secret;
  /** PEM of further authorities to trust. */
  readonly ca?: string | undefined;
  readonly allowed: readonly string[];
  readonly timeoutMs: number;
}

/** How much of an answer is read, for the connection's sake; nothing of it is kept. */
const ANSWER_BYTES_MAX = 16 * 1024;

const retryable = new Set([408, 425, 429]);

/** Resolves with the status where it is 2xx. Rejects with ChannelError, which says the status at most. */
export async function postJson(
  target: HttpTarget,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const url = new URL(target.url.reveal());
  const { address, tls } = await destinationOf(url.hostname, target.allowed);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(target.timeoutMs)]);
  const answer = await new Promise<{ status: number; retryAfter: string | undefined }>((resolve, reject) => {
    const send = url.protocol === "https:" ? tlsRequest : plainRequest;
    const outgoing = send({
      host: address,
      port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      method: "POST",
      agent: false,
      ...tls,
      ...(target.ca === undefined ? {} : { ca: [target.ca] }),
      headers: {
        ...headers,
        host: url.host,
        "content-type": "application/json",
        "content-length": String(new TextEncoder().encode(body).length),
        "user-agent": "Postern",
      },
    }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy();
      });
      const retryAfter = response.headers["retry-after"];
      const done = () => resolve({ status: response.statusCode ?? 0, retryAfter });
      response.on("end", done).on("close", done).on("error", done);
    });
    const stop = () => {
      outgoing.destroy();
      reject(deadline.reason);
    };
    if (deadline.aborted) stop();
    deadline.addEventListener("abort", stop, { once: true });
    outgoing.on("close", () => deadline.removeEventListener("abort", stop));
    outgoing.on("error", reject);
    outgoing.end(body);
  }).catch((error) => {
    throw networkError(error);
  });
  if (answer.status >= 200 && answer.status < 300) return answer.status;
  const seconds = Number(answer.retryAfter);
  throw new ChannelError(
    `it answered with status ${answer.status}`,
    answer.status >= 300 && answer.status < 500 && !retryable.has(answer.status),
    Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3600) * 1000 : null,
  );
}
