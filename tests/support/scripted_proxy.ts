/** The real data path in front of a real server, with policy by script. */
import { type ListenLimits, listenSchema, type Proxy, startProxy } from "../../proxy/mod.ts";
import type { Target } from "../../policy/types.ts";
import { type Script, ScriptedGatekeeper } from "./scripted_gatekeeper.ts";

export interface ScriptedProxy {
  readonly port: number;
  readonly proxy: Proxy;
  readonly gatekeeper: ScriptedGatekeeper;
  /** What the data path logged at `warn` and `error`. */
  readonly warnings: string[];
  close(): Promise<void>;
}

export interface ScriptedProxyOptions extends Partial<Omit<Script, "target">> {
  readonly target: Target;
  readonly tls?: { readonly certificate: string; readonly key: string; readonly required: boolean } | null;
  /** Milliseconds and bytes, unchecked. */
  readonly limits?: Partial<ListenLimits>;
}

export async function startScriptedProxy(options: ScriptedProxyOptions): Promise<ScriptedProxy> {
  const { target, tls = null, limits = {}, ...script } = options;
  const gatekeeper = new ScriptedGatekeeper({ target, ...script });
  const warnings: string[] = [];
  const proxy = await startProxy({
    gatekeeper,
    addresses: { [target.protocol]: { host: "127.0.0.1", port: 0 } },
    tls,
    targets: [target],
    limits: { ...listenSchema.parse({}).limits, ...limits },
    maskKey: new Uint8Array(32),
    log: (level, message, fields) => {
      if (level === "warn" || level === "error") warnings.push(`${message} ${JSON.stringify(fields ?? {})}`);
    },
  });
  return {
    port: proxy.addresses[target.protocol]?.port ?? 0,
    proxy,
    gatekeeper,
    warnings,
    close: () => proxy.close(0),
  };
}

/** The target's entry for a server of tests/support. */
export function targetOf(
  server: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  },
  protocol: string,
  over: Partial<Target> = {},
): Target {
  return {
    name: "demo",
    protocol,
    host: server.host,
    port: server.port,
    database: server.database,
    environment: "test",
    groups: ["engineers"],
    tls: { mode: "disable" },
    account: { user: server.user, password: server.password },
    ...over,
  };
}
