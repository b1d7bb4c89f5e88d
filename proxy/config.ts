/** The `listen:` part of the config. */
import { z } from "zod";
import { protocols } from "./protocol.ts";

/** `host:port`, `[v6]:port` or `:port` (every address of this machine). */
export const listenAddress = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s\[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    context.addIssue({ code: "custom", message: 'must be an address and a port, like "127.0.0.1:6432"' });
    return z.NEVER;
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "::" : host, port };
});

/** Where a text comes from that has no place in the config itself; whoever composes the parts resolves it. */
const secretRef = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
]);

const bytes = z.int().positive();
const seconds = z.number().positive();

/** Limits of the data path. Bytes and seconds; every one has a default. */
export const listenLimitsSchema = z.strictObject({
  connections: z.int().positive().default(500),
  connectionsPerAddress: z.int().positive().default(100),
  startupSeconds: seconds.default(15),
  idleSeconds: seconds.default(8 * 3600),
  targetConnectSeconds: seconds.default(10),
  holdNoticeSeconds: seconds.default(30),
  statementBytes: bytes.default(16 * 1024 * 1024),
  maskedRowBytes: bytes.default(16 * 1024 * 1024),
});

export type ListenLimits = z.infer<typeof listenLimitsSchema>;

export const listenSchema = z.strictObject({
  ...Object.fromEntries(protocols.map(({ id }) => [id, listenAddress.optional()])),
  tls: z.strictObject({
    certificate: secretRef,
    key: secretRef,
    required: z.boolean().default(false),
  }).optional(),
  limits: listenLimitsSchema.prefault({}),
});
