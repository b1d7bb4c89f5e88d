/** Everything that goes out of Postern by itself: couriers for the channels of the config. */
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { eventData } from "../audit/event_data.ts";
import { globMatcher } from "../glob.ts";
import type { Log } from "../log.ts";
import type { Clock, Deliveries } from "../ports.ts";
import type { AuditEvent, EventType } from "../types.ts";
import type { Channel } from "./channel.ts";
import type { NotifyChannelConfig, NotifyConfig, StreamChannelConfig, StreamConfig } from "./config.ts";
import { Courier } from "./courier.ts";
import { type CourierDeps, type RetryTimes, retryTimes } from "./courier_options.ts";
import { emailChannel } from "./email.ts";
import { fileChannel } from "./json_file.ts";
import { isNotified, type Message, messageOf, topics } from "./message.ts";
import { syslogChannel } from "./syslog.ts";
import { eventWebhook, messageChannel } from "./webhooks.ts";

export type { NotifyConfig, StreamConfig } from "./config.ts";

export interface DeliveryOptions {
  readonly notify: NotifyConfig;
  readonly stream: StreamConfig;
  /** The dashboard's address, without a slash at the end. */
  readonly url: string;
  /** The config file's path: relative paths start at its folder. */
  readonly file: string;
  readonly journal: CourierDeps["journal"];
  readonly clock: Clock;
  readonly log: Log;
  /** For tests. */
  readonly retry?: Partial<RetryTimes>;
}

export interface RunningDeliveries extends Deliveries {
  /** Stops at once: what is under way goes out again at the next start. */
  close(): Promise<void>;
}

export function startDeliveries(options: DeliveryOptions): RunningDeliveries {
  const { notify, stream, journal, clock, log } = options;
  const deps = { journal, clock, log };
  const retry = { ...retryTimes, ...options.retry };
  const couriers = [
    ...Object.entries(notify.channels).map(([name, channel]) =>
      new Courier(notifier(channel, options), {
        name,
        purpose: "notify",
        types: allTypes.filter(isNotified),
        wants: wantsOf(channel, (event) => notified(channel, options)(event) !== null),
        fromBeginning: false,
        giveUpMs: channel.giveUpAfter,
        retry,
      }, deps)
    ),
    ...Object.entries(stream).map(([name, channel]) =>
      new Courier(streamer(channel, options), {
        name,
        purpose: "stream",
        types: typesOf(channel.types),
        wants: wantsOf(channel, () => true),
        fromBeginning: channel.from === "beginning",
        giveUpMs: null,
        retry,
      }, deps)
    ),
  ];
  return {
    states: () => couriers.map((courier) => courier.state),
    close: async () => {
      await Promise.all(couriers.map((courier) => courier.close()));
    },
  };
}

const allTypes = Object.keys(eventData) as EventType[];

/** Named types, `statement.*` spelt out; null for all. */
function typesOf(wanted: readonly string[] | undefined): EventType[] | null {
  if (wanted === undefined) return null;
  return allTypes.filter((type) =>
    wanted.some((one) => one.endsWith(".*") ? type.startsWith(one.slice(0, -1)) : type === one)
  );
}

function wantsOf(
  { targets }: { readonly targets?: readonly string[] | undefined },
  also: (event: AuditEvent) => boolean,
): (event: AuditEvent) => boolean {
  const globs = targets?.map((glob) => globMatcher(glob));
  return (event) =>
    (globs === undefined || event.target === null || globs.some((fits) => fits(event.target!))) &&
    also(event);
}

const notified =
  (channel: NotifyChannelConfig, { url }: DeliveryOptions) => (event: AuditEvent): Message | null => {
    const message = messageOf(event, { url, statements: channel.statements });
    return message !== null && (channel.for ?? topics).includes(message.topic) ? message : null;
  };

function notifier(channel: NotifyChannelConfig, options: DeliveryOptions): Channel {
  const shared = { ca: channel.ca, allowed: options.notify.allowAddresses, timeoutMs: channel.timeout };
  const toMessage = notified(channel, options);
  if (channel.kind === "email") {
    const { server, tls, user, password, from, to } = channel;
    const account = { user: user ?? null, password: password ?? null };
    return emailChannel({ ...shared, ...server, tls, ...account, from, to }, toMessage);
  }
  const secret = channel.kind === "webhook" ? channel.secret ?? null : null;
  return messageChannel(
    channel.kind,
    { ...shared, url: channel.url, secret, clock: options.clock },
    toMessage,
  );
}

function streamer(channel: StreamChannelConfig, options: DeliveryOptions): Channel {
  const shared = { allowed: options.notify.allowAddresses, timeoutMs: channel.timeout };
  switch (channel.kind) {
    case "syslog":
      return syslogChannel({
        ...shared,
        ...channel.server,
        tls: channel.tls === false ? null : channel.tls,
        facility: channel.facility,
        messageBytesMax: channel.messageSize,
        hostname: hostname(),
      });
    case "webhook":
      return eventWebhook(
        { ...shared, url: channel.url, ca: channel.ca, secret: channel.secret ?? null, clock: options.clock },
        channel.batch,
      );
    case "file": {
      const { size: bytesMax, keep } = channel.rotate;
      return fileChannel({ path: resolve(dirname(options.file), channel.path), bytesMax, keep });
    }
  }
}
