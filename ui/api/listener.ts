/** The dashboard's listener: plain HTTP or TLS, whose certificate can be replaced while it serves. */
import { limitReached } from "../../policy/limits.ts";
import type { Log } from "../../policy/log.ts";
import { EnduringServer } from "./enduring_server.ts";
import { type Bindings, refusalOf } from "./http.ts";
import { type FrontDeps, type FrontLimits, HttpFront } from "./http_front.ts";

export interface DashboardListener {
  readonly hostname: string;
  readonly port: number;
  /** PEM texts; without them the dashboard speaks plain HTTP, for a proxy in front or for loopback. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly limits?: FrontLimits;
}

export const defaultFrontLimits: FrontLimits = {
  connectionsMax: 1000,
  connectionsPerAddressMax: 200,
  arrivalMs: 10_000,
  idleMs: 75_000,
};

export interface HttpListener {
  readonly port: number;
  /**
   * For connections from now on; requests under way end as they began. Throws TypeError where TLS would be
   * switched on or off.
   */
  setTls(tls: DashboardListener["tls"]): void;
  /** Lets requests under way finish, and stops listening. */
  close(): Promise<void>;
}

type App = { fetch(request: Request, bindings: Bindings): Response | Promise<Response> };

/** Throws `Deno.errors.AddrInUse` for a taken port. */
export function listenHttp(
  app: App,
  { hostname, port, tls, limits = defaultFrontLimits }: DashboardListener,
  log: Log,
): HttpListener {
  const serveWith = (own: DashboardListener["tls"]): Deno.HttpServer<Deno.NetAddr> =>
    Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      ...(own ? { cert: own.certificate, key: own.key } : {}),
      onListen: () => {},
      onError: (error) => {
        log("error", "a dashboard connection failed", { error: String(error) });
        return new Response("Postern failed on this", { status: 500 });
      },
    }, (request, { remoteAddr, completed }) => {
      const passage = "port" in remoteAddr ? front.passage(remoteAddr.port) : null;
      // Only what came in at the front has been counted.
      if (passage === null) return new Response("This is not the dashboard's address", { status: 421 });
      passage.began();
      completed.catch(() => {}).finally(() => passage.ended());
      return app.fetch(request, { address: passage.address });
    });
  const serve = (own: DashboardListener["tls"]) => new EnduringServer(() => serveWith(own), log);
  let current = tls;
  const front: HttpFront = new HttpFront({ hostname, port }, {
    inner: () => server.addr.port,
    limits,
    ...toldBy(log, limits, () => current === undefined),
    log,
  });
  let server: EnduringServer<Deno.NetAddr>;
  try {
    server = serve(tls);
  } catch (error) {
    front.stop();
    throw error;
  }
  return {
    port: front.port,
    setTls(next) {
      if (next?.certificate === current?.certificate && next?.key === current?.key) return;
      if ((next === undefined) !== (current === undefined)) {
        throw new TypeError("dashboard.tls cannot be switched on or off without a restart");
      }
      const old = server;
      server = serve(next);
      current = next;
      void old.shutdown();
    },
    async close() {
      front.stop();
      await server.shutdown();
      await front.finish();
    },
  };
}

/** `plain`: whether a refusal can be said without a handshake. */
function toldBy(log: Log, limits: FrontLimits, plain: () => boolean): Pick<FrontDeps, "refused" | "late"> {
  return {
    refused(limit, address) {
      const error = typeof limit === "string" ? connectionsReached(limits, limit) : limit;
      const { rule, message: problem } = error;
      log("warn", "a dashboard connection was refused", { rule, problem, address });
      return plain() ? refusalBytes(refusalOf(error).body) : null;
    },
    late(address) {
      const { rule, message } = limitReached("dashboard.limits.arrival", "no whole request came in time", "");
      log("info", "a dashboard connection was cut", { rule, problem: message, address });
    },
  };
}

function connectionsReached(limits: FrontLimits, limit: "connections" | "connectionsPerAddress") {
  const max = limit === "connections" ? limits.connectionsMax : limits.connectionsPerAddressMax;
  return limitReached(
    `dashboard.limits.${limit}`,
    `The dashboard has as many connections as it may (dashboard.limits.${limit}: ${max})`,
    "Close some tabs, or try again later",
  );
}

function refusalBytes(body: unknown): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(body);
  const head = [
    "HTTP/1.1 503 Service Unavailable",
    "content-type: application/json",
    `content-length: ${new TextEncoder().encode(text).length}`,
    "connection: close",
  ];
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${text}`);
}
