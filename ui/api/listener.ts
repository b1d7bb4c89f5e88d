/** The dashboard's listener: plain HTTP or TLS, whose certificate can be replaced while it serves. */
import type { Bindings } from "./http.ts";
import type { Log } from "../../policy/log.ts";

export interface DashboardListener {
  readonly hostname: string;
  readonly port: number;
  /** PEM texts; without them the dashboard speaks plain HTTP, for a proxy in front or for loopback. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

export interface HttpListener {
  readonly port: number;
  /**
   * For connections from now on; requests under way end as they began. Between the two, for a moment, nothing
   * listens. Throws TypeError where TLS would be switched on or off.
   */
  setTls(tls: DashboardListener["tls"]): void;
  /** Lets requests under way finish, and stops listening. */
  close(): Promise<void>;
}

/** Throws what Deno.serve throws, `Deno.errors.AddrInUse` for a taken port. */
export function listenHttp(
  app: { fetch(request: Request, bindings: Bindings): Response | Promise<Response> },
  { hostname, port, tls }: DashboardListener,
  log: Log,
): HttpListener {
  const serve = (at: number, own: DashboardListener["tls"]) =>
    Deno.serve({
      hostname,
      port: at,
      ...(own ? { cert: own.certificate, key: own.key } : {}),
      onListen: () => {},
      onError: (error) => {
        log("error", "a dashboard connection failed", { error: String(error) });
        return new Response("Postern failed on this", { status: 500 });
      },
    }, (request, info) => {
      const { remoteAddr } = info;
      return app.fetch(request, "hostname" in remoteAddr ? { address: remoteAddr.hostname } : {});
    });
  let current = tls;
  let server = serve(port, tls);
  const at = server.addr.port;
  let replacing: Promise<void> = Promise.resolve();
  // Two listeners cannot share the port: with SO_REUSEPORT a second Postern could take it, too.
  const replace = async (old: typeof server): Promise<void> => {
    void old.shutdown();
    for (let tries = 1;; tries++) {
      try {
        server = serve(at, current);
        return;
      } catch (error) {
        if (tries > 100) return log("error", "the dashboard cannot listen again", { error: String(error) });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  return {
    port: at,
    setTls(next) {
      if (next?.certificate === current?.certificate && next?.key === current?.key) return;
      if ((next === undefined) !== (current === undefined)) {
        throw new TypeError("dashboard.tls cannot be switched on or off without a restart");
      }
      current = next;
      replacing = replacing.then(() => replace(server));
    },
    async close() {
      await replacing;
      await server.shutdown();
    },
  };
}
