/** The `listen:` part of the config. */
import { z } from "zod";
import { address, duration, resultLimits, size, tlsPair } from "../policy/config_values.ts";
import { protocols } from "./protocol.ts";

/** Limits of the data path. Milliseconds and bytes; every one has a default. */
const listenLimitsSchema = z.strictObject({
  connections: z.int().positive().default(500),
  connectionsPerAddress: z.int().positive().default(100),
  /** From accept to the sign-in's start. */
  startup: duration("1s", "5m").default(15_000),
  /** One message before somebody has signed in; PostgreSQL's own limit. One that holds a token may be longer. */
  startupMessage: size("1KB", "64KB").default(10_000),
  idle: duration("1s", "30d").default(8 * 3_600_000),
  /** How long a client may take nothing of an answer that waits for it. */
  unread: duration("1s", "30d").default(10 * 60_000),
  targetConnect: duration("1s", "5m").default(10_000),
  /** How often a waiting client is told that it waits. */
  holdNotice: duration("1s", "1h").default(30_000),
  statement: size("1KB", "1GB").default(16 * 1024 * 1024),
  /** Of one connection; as many as MySQL allows in all by default (max_prepared_stmt_count). */
  preparedStatements: z.int().min(1).max(1_000_000).default(16_382),
  /** Of a row that must be masked; others stream whatever their size. */
  maskedRow: size("1KB", "1GB").default(16 * 1024 * 1024),
  /** Of one message, COPY TO STDOUT and all portions of a portal or cursor included. */
  resultRows: resultLimits.resultRows.default(10_000_000),
  resultBytes: resultLimits.resultBytes.default(10 * 1024 ** 3),
});

export type ListenLimits = z.infer<typeof listenLimitsSchema>;

const protocolAddresses: Record<string, z.ZodOptional<typeof address>> = Object.fromEntries(
  protocols.map(({ id }) => [id, address.optional()]),
);

export const listenSchema = z.strictObject({
  ...protocolAddresses,
  tls: tlsPair({ required: z.boolean().default(false) }).optional(),
  limits: listenLimitsSchema.prefault({}),
});

export type ListenConfig = z.infer<typeof listenSchema>;

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** A socket that listens already, handed over by whoever started Postern; it counts, and not the address. */
  readonly fd?: number;
}

/** The addresses of a parsed `listen:`, by protocol id; with those of `sockets` that are among them. */
export function listenAddresses(
  config: ListenConfig,
  sockets: Readonly<Record<string, number>> = {},
): Record<string, ListenAddress> {
  const entries = config as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    protocols.map(({ id }) => [id, entries[id]] as const).filter(([, at]) => at !== undefined)
      .map(([id, at]) => [id, { ...at as ListenAddress, ...(id in sockets ? { fd: sockets[id] } : {}) }]),
  );
}
