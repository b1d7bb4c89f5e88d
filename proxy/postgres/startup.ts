/** The first packets of a client, and what of their settings may reach a target. Pure. */
import { PosternError } from "../../policy/errors.ts";
import { Reader } from "../wire/reader.ts";

export type FirstPacket =
  | { readonly kind: "ssl" }
  | { readonly kind: "gss" }
  | { readonly kind: "cancel"; readonly pid: number; readonly secret: Uint8Array }
  | Startup;

export interface Startup {
  readonly kind: "startup";
  /** The minor version of protocol 3 that the client asked for. */
  readonly minor: number;
  /** Protocol options (`_pq_.…`) that Postern does not know. */
  readonly unknownOptions: readonly string[];
  readonly user: string;
  readonly database: string;
  /** Settings as asked for, by lower-case name, those of `options` included. */
  readonly settings: ReadonlyMap<string, string>;
  /** What `replication` asked for; empty where it was not named. */
  readonly replication: string;
}

const requestCodes = { cancel: 80_877_102, ssl: 80_877_103, gss: 80_877_104 };

/** A cancel key is 4 bytes in protocol 3.0 and at most 256 since 3.2 (CancelRequest). */
const cancelSecretBytesMax = 256;

/** Int32 length, Int32 code, then by code. Throws ProtocolViolation on anything else. */
export function decodeFirstPacket(packet: Uint8Array): FirstPacket {
  const reader = new Reader(packet, "a start-up packet", 4);
  const code = reader.u32be();
  if (code === requestCodes.ssl || code === requestCodes.gss) {
    reader.end();
    return { kind: code === requestCodes.ssl ? "ssl" : "gss" };
  }
  if (code === requestCodes.cancel) {
    const pid = reader.u32be();
    const secret = reader.rest().slice();
    if (secret.length < 4 || secret.length > cancelSecretBytesMax) {
      throw reader.violation("holds a cancel key of an impossible length");
    }
    return { kind: "cancel", pid, secret };
  }
  const major = code >>> 16;
  if (major !== 3) {
    throw new PosternError(
      "ProtocolViolation",
      `The client asked for protocol ${major}.${code & 0xffff}, which is not spoken here`,
      { hint: "Use a client for PostgreSQL 7.4 or later; this port speaks protocol 3" },
    );
  }
  return decodeStartup(reader, code & 0xffff);
}

function decodeStartup(reader: Reader, minor: number): Startup {
  const settings = new Map<string, string>();
  const unknownOptions: string[] = [];
  let user = "";
  let database = "";
  let replication = "";
  let options = "";
  for (;;) {
    const name = reader.cstring();
    if (name === "") break;
    const value = reader.cstring();
    if (name === "user") user = value;
    else if (name === "database") database = value;
    else if (name === "replication") replication = value;
    else if (name === "options") options = value;
    else if (name.startsWith("_pq_.")) unknownOptions.push(name);
    else settings.set(name.toLowerCase(), value);
  }
  reader.end();
  if (user === "") {
    throw new PosternError("ProtocolViolation", "The client named no user", {
      hint: "Name one, as in user=ME; who you are is settled by signing in",
    });
  }
  for (const [name, value] of parseOptions(options)) settings.set(name, value);
  return {
    kind: "startup",
    minor,
    unknownOptions,
    user,
    database: database === "" ? user : database,
    settings,
    replication,
  };
}

/**
 * `options` as postgres(1) takes them: words apart by blanks, a backslash keeps the next character;
 * `-c name=value`, `-cname=value` or `--name=value`. Anything else is refused.
 */
export function parseOptions(options: string): [string, string][] {
  const words = splitWords(options);
  const settings: [string, string][] = [];
  for (let at = 0; at < words.length; at++) {
    let word = words[at] ?? "";
    if (word === "-c") word = `--${words[++at] ?? ""}`;
    else if (word.startsWith("-c")) word = `--${word.slice(2)}`;
    const match = /^--([^=]+)=(.*)$/s.exec(word);
    const name = match?.[1];
    const value = match?.[2];
    if (name === undefined || value === undefined) {
      throw new PosternError("PolicyDenied", `The start-up option "${word}" is not offered through Postern`, {
        rule: "start-up options",
        hint: "Leave it out of options (or PGOPTIONS); -c name=value is understood",
      });
    }
    settings.push([name.toLowerCase().replaceAll("-", "_"), value]);
  }
  return settings;
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (/[ \t\n\v\f\r]/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + (char === "\\" ? text.charAt(++at) : char);
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** Judged for the session's person before it reaches the target: see session.ts. */
export const searchPath = "search_path";

/** Settings that change how values look or how long things may take, and nothing about what a text means. */
const harmless: ReadonlySet<string> = new Set([
  "application_name",
  "bytea_output",
  "client_encoding",
  "client_min_messages",
  "datestyle",
  "extra_float_digits",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
  "intervalstyle",
  "jit",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  "lock_timeout",
  "statement_timeout",
  "tcp_keepalives_count",
  "tcp_keepalives_idle",
  "tcp_keepalives_interval",
  "timezone",
  "transaction_timeout",
]);

/** Throws PolicyDenied for a setting that may change what statements mean, for replication, for another encoding. */
export function checkStartup(startup: Startup): void {
  if (!/^(|0|f|false|n|no|off)$/i.test(startup.replication)) {
    throw new PosternError("PolicyDenied", "Replication connections are not offered through Postern", {
      rule: "no replication",
      hint: "A replication stream carries every row, unmasked and unjudged; connect to the database itself",
    });
  }
  for (const [name, value] of startup.settings) {
    if (!harmless.has(name) && name !== searchPath) {
      throw new PosternError(
        "PolicyDenied",
        `The setting "${name}" cannot be given at start-up through Postern`,
        {
          rule: "start-up settings",
          hint: `Leave "${name}" out of the connection's options; it may change what statements mean`,
        },
      );
    }
    if (name === "client_encoding" && !isUtf8(value)) {
      throw new PosternError(
        "PolicyDenied",
        `The client encoding "${value}" is not offered through Postern`,
        {
          rule: "UTF-8 only",
          hint: "Use UTF-8: PGCLIENTENCODING=UTF8, or client_encoding=UTF8 in the connection string",
        },
      );
    }
  }
}

/** `auto` is what psql -style clients resolve themselves; it never reaches the wire. */
export function isUtf8(encoding: string): boolean {
  return /^'?(utf-?8|unicode)'?$/i.test(encoding.trim());
}
