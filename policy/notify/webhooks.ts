/**
 * Channels over HTTP. A webhook's request is signed as the Standard Webhooks specification 1.0 has it: HMAC-SHA256
 * over `id.timestamp.body` in `webhook-signature`, with `webhook-id` and `webhook-timestamp` beside it, so that
 * receivers verify with a library. Slack's and Teams' URLs are themselves the secret, and their requests are not signed.
 */
import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import { canonical } from "../audit/canonical.ts";
import type { Secret } from "../config_values.ts";
import type { Clock } from "../ports.ts";
import type { AuditEvent, Json } from "../types.ts";
import { type Channel, deliveryId } from "./channel.ts";
import { type HttpTarget, postJson } from "./http_post.ts";
import type { Message } from "./message.ts";
import { slackBlocks, teamsCard, webhookBody } from "./renderings.ts";

/** `whsec_` and base64, or any other text as it is. */
function keyOf(secret: Secret): Buffer {
  const text = secret.reveal();
  return text.startsWith("whsec_") ? Buffer.from(text.slice(6), "base64") : Buffer.from(text);
}

/** The three headers of one request. `at`: epoch milliseconds. */
export function signedHeaders(
  secret: Secret | null,
  id: string,
  at: number,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  if (secret === null) return { "webhook-id": id, "webhook-timestamp": timestamp };
  const signature = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}

export interface HttpChannelOptions extends HttpTarget {
  readonly secret: Secret | null;
  readonly clock: Clock;
}

const nothingLeft = () => Promise.resolve(true);

/** Messages, one at a time, to a webhook, to Slack or to Teams. */
export function messageChannel(
  kind: "webhook" | "slack" | "teams",
  options: HttpChannelOptions,
  messageOf: (event: AuditEvent) => Message | null,
): Channel {
  const bodies: Readonly<Record<typeof kind, (message: Message) => Json>> = {
    webhook: webhookBody,
    slack: slackBlocks,
    teams: teamsCard,
  };
  return {
    kind,
    batchMax: 1,
    confirmMs: 0,
    async send([event], signal) {
      const message = event === undefined ? null : messageOf(event);
      if (message === null) return;
      const body = JSON.stringify(bodies[kind](message));
      const headers = kind === "webhook"
        ? signedHeaders(options.secret, message.id, options.clock(), body)
        : {};
      await postJson(options, body, headers, signal);
    },
    close: nothingLeft,
  };
}

/** Events as they are, in batches: `{"events":[…]}`, each with the hash that the chain has. */
export function eventWebhook(options: HttpChannelOptions, batchMax: number): Channel {
  return {
    kind: "webhook",
    batchMax,
    confirmMs: 0,
    async send(events, signal) {
      const body = `{"events":[${events.map((event) => canonical({ ...event })).join(",")}]}`;
      // The same batch has the same id; after a restart the batches may be others, and each event has its own hash.
      const id = `${deliveryId(events[0]!)}_${events.length}`;
      await postJson(options, body, signedHeaders(options.secret, id, options.clock(), body), signal);
    },
    close: nothingLeft,
  };
}
