/** The data path's front: starts a listener for each protocol that has an address. */
import type { TargetAccounts } from "../policy/account_ports.ts";
import type { Socket } from "node:net";
import { PosternError } from "../policy/errors.ts";
import type { Gatekeeper, TargetQuery } from "../policy/ports.ts";
import type { ConsoleClient } from "../policy/console.ts";
import type { Target } from "../policy/types.ts";
import type { ListenAddress, ListenLimits } from "./config.ts";
import type { ForwardTo } from "./forward.ts";
import { type ConnectionCaps, listen, type Listener } from "./listener.ts";
import {
  type ConnectionDeps,
  type ConnectLine,
  type ConnectRequest,
  type Launch,
  protocols,
} from "./protocol.ts";

export { protocols } from "./protocol.ts";
export {
  type ListenAddress,
  listenAddresses,
  type ListenConfig,
  type ListenLimits,
  listenSchema,
} from "./config.ts";

/** What a reload may change under a running proxy. */
export interface ProxySettings {
  /** PEM, secrets resolved; null for plain text only. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly required: boolean } | null;
  readonly limits: ListenLimits;
  /** All that clients may name. */
  readonly targets: readonly Target[];
}

export interface ProxyDeps extends ProxySettings {
  readonly gatekeeper: Gatekeeper;
  /** Where to listen, by protocol id. Port 0 takes a free one. */
  readonly addresses: Readonly<Record<string, ListenAddress>>;
  /** Secret of this installation, for masks that hash. */
  readonly maskKey: Uint8Array;
  readonly log: ConnectionDeps["log"];
  /** Told where a listener accepts nobody any more, and only a new process can open it. */
  readonly deaf?: (() => void) | undefined;
}

export interface Listening {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectRequest["tls"];
}

export interface Proxy {
  /** What was bound, by protocol id. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  /**
   * How to reach a target, for clients that reach this machine as the host of this URL. Empty where nothing
   * listens for the target's protocol. Without a password: the lines that need none.
   */
  connectLines(
    url: string,
    target: { readonly name: string; readonly protocol: string },
    user: string,
    password: string | null,
  ): readonly ConnectLine[];
  /** The same place, for programs. */
  listenerOf(url: string, protocol: string): Listening | null;
  /** Statements from the dashboard, as a client of the listener that runs them. */
  readonly console: ConsoleClient;
  /** Connections being served. */
  connections(): number;
  /** For connections from now on. */
  configure(settings: ProxySettings): void;
  /** Stops accepting, gives clients `drainMs` to finish, tells the rest that Postern stops, and closes. */
  close(drainMs: number): Promise<void>;
}

/** How long clients are given to read the last words once the time to drain is over. */
const farewellMs = 2_000;

/** Rejects with Internal where an address cannot be bound; nothing listens then. */
export async function startProxy(deps: ProxyDeps): Promise<Proxy> {
  const stopping = new AbortController();
  const settings = settingsOf(deps);
  const connection: ConnectionDeps = {
    ...settings.connection,
    gatekeeper: deps.gatekeeper,
    maskKey: deps.maskKey,
    stopping: stopping.signal,
    log: deps.log,
  };
  const { caps } = settings;
  const meet = (targets: readonly Target[]): void => {
    for (const { id, meet } of protocols) {
      if (deps.addresses[id] !== undefined) meet?.(targets.filter(({ protocol }) => protocol === id));
    }
  };
  meet(deps.targets);
  const listeners = new Map<string, Listener>();
  const close = async (drainMs: number): Promise<void> => {
    const all = [...listeners.values()];
    await Promise.all(all.map((listener) => listener.drain(drainMs)));
    stopping.abort(
      new PosternError("TargetUnavailable", "Postern is shutting down", {
        hint: "Connect again in a moment",
      }),
    );
    await Promise.all(all.map((listener) => listener.drain(farewellMs)));
    for (const listener of all) listener.destroy();
  };
  try {
    for (const protocol of protocols) {
      const at = deps.addresses[protocol.id];
      if (at === undefined) continue;
      listeners.set(protocol.id, await listen(protocol, at, caps, connection, deps.deaf));
    }
  } catch (error) {
    await close(0);
    throw error;
  }
  const addresses = Object.fromEntries(
    [...listeners].map(([id, { address }]) => [id, { host: address.address, port: address.port }]),
  );
  const listenerOf = (url: string, protocol: string): Listening | null => {
    const at = addresses[protocol];
    if (at === undefined) return null;
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
    const tls = connection.tls === null ? "none" : connection.tlsRequired ? "required" : "offered";
    return { protocol, host, port: at.port, tls };
  };
  return {
    addresses,
    connectLines(url, { name, protocol }, user, password) {
      const at = listenerOf(url, protocol);
      const own = protocols.find(({ id }) => id === protocol);
      return at === null || own === undefined
        ? []
        : own.connectLines({ ...at, target: name, user, password });
    },
    listenerOf,
    console: consoleOf((protocol) => addresses[protocol], () => connection),
    connections: () => [...listeners.values()].reduce((sum, { connections }) => sum + connections, 0),
    configure(next) {
      const { connection: changed, caps: changedCaps } = settingsOf(next);
      Object.assign(connection, changed);
      Object.assign(caps, changedCaps);
      meet(next.targets);
    },
    close,
  };
}

/** Settings as connections and listeners read them, at each connection anew. */
function settingsOf({ tls, limits }: Omit<ProxySettings, "targets">) {
  const own = tls === null ? null : { certificate: tls.certificate, key: tls.key };
  const connection: Pick<ConnectionDeps, "limits" | "tls" | "tlsRequired"> = {
    limits: {
      startupFrameBytesMax: limits.startupMessage,
      startupTimeoutMs: limits.startup,
      statementBytesMax: limits.statement,
      preparedStatementsMax: limits.preparedStatements,
      maskedRowBytesMax: limits.maskedRow,
      resultRowsMax: limits.resultRows,
      resultBytesMax: limits.resultBytes,
      idleTimeoutMs: limits.idle,
      unreadTimeoutMs: limits.unread,
      targetConnectTimeoutMs: limits.targetConnect,
      holdNoticeMs: limits.holdNotice,
    },
    tls: own,
    tlsRequired: tls?.required ?? false,
  };
  const caps: ConnectionCaps = {
    connectionsMax: limits.connections,
    connectionsPerAddressMax: limits.connectionsPerAddress,
  };
  return { connection, caps };
}

/** Postern's own query on a target, in that target's protocol: for catalogs. */
export const targetQuery: TargetQuery = (target, database, sql, before) => {
  const protocol = protocols.find(({ id }) => id === target.protocol);
  if (protocol === undefined) {
    return Promise.reject(
      new PosternError("TargetUnavailable", `The target "${target.name}" has an unknown protocol`),
    );
  }
  return protocol.query(target, database, sql, before);
};

/** Stock clients to start on this machine, for a Postern that listens there; none for an unknown protocol. */
export function launches(
  { protocol, ...at }: Listening,
  who: { readonly target: string; readonly user: string; readonly password: string },
): readonly Launch[] {
  return protocols.find(({ id }) => id === protocol)?.launches({ ...at, ...who }) ?? [];
}

/** What policy does on targets by itself, in each one's protocol. */
export const onTargets = {
  targetQuery,
  accountsOf: (protocol: string): TargetAccounts | undefined =>
    protocols.find(({ id }) => id === protocol)?.accounts,
};

/** Serves a client of this machine at the Postern that listens there; see forward.ts. Never rejects. */
export async function forward(
  client: Socket,
  { protocol, ...at }: Listening,
  request: Pick<ForwardTo, "target" | "ca" | "credential">,
): Promise<void> {
  const own = protocols.find(({ id }) => id === protocol);
  if (own === undefined) client.destroy();
  else await own.forward(client, { ...at, ...request });
}

/** Its own listener, by an address that reaches it from here. */
function consoleOf(
  addressOf: (protocol: string) => { readonly host: string; readonly port: number } | undefined,
  connection: () => Pick<ConnectionDeps, "tls" | "tlsRequired">,
): ConsoleClient {
  const clientOf = (protocol: string) => protocols.find(({ id }) => id === protocol)?.console;
  return {
    speaks: (protocol) => addressOf(protocol) !== undefined && clientOf(protocol) !== undefined,
    run({ target, user, password, text, signal }) {
      const at = addressOf(target.protocol);
      const run = clientOf(target.protocol);
      if (at === undefined || run === undefined) {
        throw new PosternError(
          "TargetUnavailable",
          `The dashboard cannot run statements on "${target.name}"`,
          {
            hint: "Connect with a client of your own",
          },
        );
      }
      const host = at.host === "0.0.0.0" ? "127.0.0.1" : at.host === "::" ? "::1" : at.host;
      const { tls, tlsRequired } = connection();
      const wanted = tls === null ? "none" : tlsRequired ? "required" : "offered";
      return run({ host, port: at.port, target: target.name, user, password, tls: wanted, text, signal });
    },
  };
}
