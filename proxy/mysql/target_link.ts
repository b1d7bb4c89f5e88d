/** A connection to a target, from dialling to its OK; and what is set and read on it before a client may use it. */
import { isIP, type Socket } from "node:net";
import { hostname } from "node:os";
import { asPosternError, PosternError } from "../../policy/errors.ts";
import type { Target } from "../../policy/types.ts";
import { dial } from "../dial.ts";
import { connectTls } from "../tls.ts";
import { compressionOf, compressionOffered, has, towardsTarget } from "./capabilities.ts";
import { Channel } from "./channel.ts";
import { Capability } from "./constants.ts";
import { decodeGreeting, type Greeting } from "./greeting.ts";
import { encodeLogin, encodeSslRequest } from "./login.ts";
import { encodePacket } from "./packets.ts";
import { simpleQuery } from "./simple_query.ts";
import { type StartState, trackedVariables } from "./state.ts";
import { firstProof, proveAccount } from "./target_auth.ts";

export interface TargetLink {
  readonly channel: Channel;
  readonly greeting: Greeting;
  /** As agreed. */
  readonly capabilities: number;
  readonly extended: number;
}

export interface LinkOptions {
  readonly timeoutMs: number;
  /** What the client and Postern agreed on: the target shall answer in the same shape. */
  readonly clientCapabilities: number;
  /** Of MariaDB's; without it none. */
  readonly clientExtended?: number;
  /** Collation id of the connection. */
  readonly collation: number;
  /** What the target's own tables of connections show. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Gives up early. */
  readonly signal?: AbortSignal;
}

const greetingBytesMax = 4_096;

/** Rejects with TargetUnavailable, or with the signal's reason; nothing stays open then. */
export async function connectTarget(
  target: Target,
  database: string,
  options: LinkOptions,
): Promise<TargetLink> {
  const socket = await dial(target, options.timeoutMs);
  const channel = new Channel(socket, "target");
  const giveUp = () => channel.interrupt(asPosternError(options.signal?.reason));
  const timer = setTimeout(() => channel.interrupt(tooSlow(target)), options.timeoutMs);
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    if (options.signal?.aborted === true) giveUp();
    return await logIn(channel, socket, target, database, options);
  } catch (error) {
    channel.close();
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", giveUp);
  }
}

function tooSlow(target: Target): PosternError {
  return new PosternError("TargetUnavailable", `The target "${target.name}" did not answer in time`, {
    hint: "Try again; if it persists, tell whoever runs the target",
  });
}

async function logIn(
  channel: Channel,
  socket: Socket,
  target: Target,
  database: string,
  options: LinkOptions,
): Promise<TargetLink> {
  channel.reader.expect(0);
  const greeting = decodeGreeting((await channel.packet(greetingBytesMax, "a greeting")).payload);
  const secure = wantsTls(target, greeting);
  const capabilities = towardsTarget(greeting.capabilities, options.clientCapabilities) |
    (secure ? Capability.ssl : 0) | (database === "" ? 0 : Capability.connectWithDb) |
    (target.compress === true ? compressionOffered(greeting.capabilities) : 0);
  const extended = (options.clientExtended ?? 0) & greeting.extended;
  let sequence = 1;
  if (secure) {
    await channel.write(
      encodePacket(sequence++, encodeSslRequest(capabilities, extended, options.collation)),
    );
    channel.detach();
    channel.attach(await connectTls(socket, target, { alpn: [], timeoutMs: options.timeoutMs }));
  }
  const account = { target: target.name, password: target.account.password ?? "", secure };
  const first = firstProof(greeting.plugin, greeting.scramble, account);
  const login = encodeLogin({
    capabilities,
    extended,
    collation: options.collation,
    user: target.account.user,
    response: first.response,
    database,
    plugin: first.plugin,
    attributes: options.attributes,
  });
  await channel.write(encodePacket(sequence, login));
  await proveAccount(channel, sequence, { plugin: first.plugin, scramble: greeting.scramble }, account);
  const compression = compressionOf(capabilities);
  if (compression !== null) channel.compress({ compression, statementBytesMax: null });
  return { channel, greeting, capabilities, extended };
}

function wantsTls(target: Target, greeting: Greeting): boolean {
  const { mode } = target.tls;
  if (mode === "disable") return false;
  if (has(greeting.capabilities, Capability.ssl)) return true;
  if (mode === "prefer") return false;
  throw new PosternError("TargetUnavailable", `The target "${target.name}" does not offer TLS`, {
    hint:
      `Whoever runs Postern: enable it at the target, or change targets.${target.name}.tls.mode (${mode})`,
  });
}

/**
 * Settings that Postern relies on, then what the session starts with. Also after COM_RESET_CONNECTION, which
 * takes them back.
 */
export async function prepareSession(link: TargetLink, readOnly: boolean): Promise<StartState> {
  const ask = (sql: string) => simpleQuery(link.channel, link.capabilities, sql);
  await ask(
    `SET SESSION session_track_schema = 1, session_track_system_variables = '${trackedVariables.join(",")}'`,
  );
  if (readOnly) await ask("SET SESSION TRANSACTION READ ONLY");
  return await readState(link);
}

/**
 * What a text is judged by, as the target has it. Asked after statements that may change it, since MariaDB does
 * not report every change (10.11: `SET @@sql_mode := …` goes unreported, `SET sql_mode = …` does not).
 */
export async function readState(link: TargetLink): Promise<StartState> {
  const [row] = await simpleQuery(
    link.channel,
    link.capabilities,
    "SELECT @@sql_mode, @@character_set_client, @@version, DATABASE()",
  );
  const [sqlMode, characterSet, version, schema] = row ?? [];
  if (typeof sqlMode !== "string" || typeof characterSet !== "string" || typeof version !== "string") {
    throw new PosternError("TargetUnavailable", "the target did not say in which state its session is");
  }
  return { sqlMode, characterSet, version, schema: schema ?? "" };
}

/** `KILL …` over a connection of its own, with the target's account. */
export async function killOnTarget(
  target: Target,
  threadId: number,
  what: "QUERY" | "CONNECTION",
  timeoutMs: number,
): Promise<void> {
  const link = await connectTarget(target, "", ownOptions(timeoutMs, "postern-kill"));
  try {
    await simpleQuery(link.channel, link.capabilities, `KILL ${what} ${threadId}`);
  } finally {
    link.channel.close();
  }
}

/** For connections that no client uses. 45 is utf8mb4_general_ci. */
export function ownOptions(timeoutMs: number, program: string): LinkOptions {
  return {
    timeoutMs,
    clientCapabilities: Capability.longFlag | Capability.transactions,
    collation: 45,
    attributes: new Map([["_client_name", "postern"], ["program_name", program], ["_host", shortHost()]]),
  };
}

function shortHost(): string {
  const name = hostname();
  return isIP(name) === 0 ? name.split(".", 1)[0] ?? "" : name;
}
