/** What `postern proxy` needs of a protocol: to sign in at a Postern for a client on this machine. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { asPosternError, PosternError } from "../policy/errors.ts";
import type { Target } from "../policy/types.ts";
import type { ConnectRequest } from "./protocol.ts";

export interface ForwardTo {
  /** Where the Postern listens. */
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectRequest["tls"];
  readonly target: string;
  /** PEM that its certificate must verify by; without it, it is encrypted to whoever answers, as `sslmode=require` is. */
  readonly ca: string | null;
  /** A one-time password of its own for each connection. Rejects with a PosternError, which the client is told. */
  readonly credential: () => Promise<{ readonly user: string; readonly password: string }>;
}

/** Serves one client to its end. Never rejects: the client is told what fails. */
export type Forward = (client: Socket, to: ForwardTo) => Promise<void>;

export const forwardTimeoutMs = 30_000;

/** The Postern, as a target to connect to. */
export function gateOf(
  to: Omit<ForwardTo, "credential">,
  credential: { readonly user: string; readonly password: string },
): Target {
  const tls: Target["tls"] = to.tls === "none"
    ? { mode: "disable" }
    : to.ca === null
    ? { mode: "require" }
    : { mode: "verify-full", ca: to.ca };
  return {
    name: to.target,
    protocol: "",
    host: to.host,
    port: to.port,
    database: to.target,
    environment: "",
    groups: [],
    tls,
    account: credential,
  };
}

/** What a client on this machine calls its database, as the Postern does: the target, or a database beside its own. */
export function databaseOf(target: string, asked: string): string {
  if (asked === "" || asked === target || asked.startsWith(`${target}/`)) {
    return asked === "" ? target : asked;
  }
  return `${target}/${asked}`;
}

/** The Postern's own words where it refused, which the cause holds. */
export function refusalOf(thrown: unknown): PosternError {
  const error = asPosternError(thrown);
  const { cause } = error;
  const text = typeof cause === "string" ? cause : cause instanceof Error ? cause.message : "";
  const own = /Postern: (.+)$/s.exec(text)?.[1];
  return own === undefined ? error : new PosternError("AuthFailed", own);
}

/** Bytes both ways until either side ends. */
export function joined(one: Duplex, other: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      one.destroy();
      other.destroy();
      resolve();
    };
    for (const stream of [one, other]) {
      stream.on("error", end);
      stream.on("close", end);
    }
    one.pipe(other);
    other.pipe(one);
  });
}
