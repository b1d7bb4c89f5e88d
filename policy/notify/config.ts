/** The config of what goes out: `notify:` for people, `audit.stream:` for collectors. */
import { isIP } from "node:net";
import { z } from "zod";
import { address, certificate, duration, Secret, secret, size } from "../config_values.ts";
import { topics } from "./message.ts";

const channelName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
  error: "cannot be a channel's name: use letters, digits, _ . -",
});

function urlProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return "must be a URL, as in https://hooks.example.com/x";
  }
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const own = name === "localhost" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
  if (url.protocol === "http:" && !own) return "must be https: http is for this machine only";
  if (url.username !== "" || url.password !== "") return "must be a URL without user and password";
  return null;
}

/** A URL as it stands, or as a secret, which it is for Slack and Teams. */
export const hookUrl = z.union([z.string(), secret], {
  error: "must be a URL, or { env: NAME }, { file: PATH } or { command: NAME }",
})
  .transform((given, context) => {
    const url = typeof given === "string" ? new Secret(given) : given;
    const message = urlProblem(url.reveal());
    if (message === null) return url;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

const timeout = duration("1s", "2m").default(10_000);

const wanted = {
  /** Topics; all of them where none is named. */
  for: z.array(z.enum(topics)).min(1).optional(),
  /** Globs of targets; events without a target always count. */
  targets: z.array(z.string().min(1)).min(1).optional(),
  /** Whether statements are shown, as the record has them. */
  statements: z.boolean().default(false),
  timeout,
  /** After so long a message is given up: nobody acts on it any more. */
  giveUpAfter: duration("1m", "7d").default(3_600_000),
};

const mailAddress = z.string().max(320).regex(/^[^\s@<>]+@[^\s@<>]+$|^[^<>\r\n]*<[^\s@<>]+@[^\s@<>]+>$/, {
  error: "must be an e-mail address",
});

const http = { url: hookUrl, ca: certificate.optional(), ...wanted };

const notifyChannel = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), ...http, secret: secret.optional() }),
  z.strictObject({ kind: z.literal("slack"), ...http }),
  z.strictObject({ kind: z.literal("teams"), ...http }),
  z.strictObject({
    kind: z.literal("email"),
    server: address,
    tls: z.enum(["starttls", "tls", "none"]).default("starttls"),
    ca: certificate.optional(),
    user: z.string().min(1).optional(),
    password: secret.optional(),
    from: mailAddress,
    to: z.array(mailAddress).min(1).max(50),
    ...wanted,
  }).refine((mail) => (mail.user === undefined) === (mail.password === undefined), {
    error: "must have both user and password, or neither",
  }).refine(
    (mail) =>
      mail.tls !== "none" || mail.password === undefined || /^(127\.|::1$|localhost$)/.test(mail.server.host),
    {
      error: "must not send a password without TLS",
    },
  ),
]);

export const notifySchema = z.strictObject({
  channels: z.record(channelName, notifyChannel).default({}),
  /** Link-local and metadata addresses that a channel may connect to after all, each by itself. */
  allowAddresses: z.array(z.string().refine((text) => isIP(text) !== 0, { error: "must be an IP address" }))
    .default([]),
}).prefault({});

const streamed = {
  /** Types of events, `statement.*` for all that begin so; everything where none is named. */
  types: z.array(z.string().regex(/^[a-z_-]+\.(?:\*|[a-z_]+)$/)).min(1).optional(),
  targets: z.array(z.string().min(1)).min(1).optional(),
  /** Where a new stream begins: at what is recorded from now on, or with all that there is. */
  from: z.enum(["now", "beginning"]).default("now"),
  timeout,
};

const streamChannel = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("syslog"),
    server: address,
    tls: z.union([z.literal(false), z.strictObject({ ca: certificate.optional() })]).prefault({}),
    facility: z.int().min(0).max(23).default(13),
    messageSize: size("1KB", "16MB").default(64 * 1024),
    ...streamed,
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    url: hookUrl,
    ca: certificate.optional(),
    secret: secret.optional(),
    batch: z.int().min(1).max(1000).default(100),
    ...streamed,
  }),
  z.strictObject({
    kind: z.literal("file"),
    path: z.string().min(1),
    rotate: z.strictObject({
      size: size("1KB", "100GB").default(100 * 1024 ** 2),
      keep: z.int().min(0).max(1000).default(10),
    }).prefault({}),
    ...streamed,
  }),
]);

export const streamSchema = z.record(channelName, streamChannel).default({});

export type NotifyConfig = z.output<typeof notifySchema>;
export type NotifyChannelConfig = z.output<typeof notifyChannel>;
export type StreamConfig = z.output<typeof streamSchema>;
export type StreamChannelConfig = z.output<typeof streamChannel>;
