/** A real server's catalog, read as the gateway reads it. */
import type { Catalog } from "../../policy/sql/dialect.ts";
import { dialectOf } from "../../policy/sql/mod.ts";
import type { Target } from "../../policy/types.ts";
import { targetQuery } from "../../proxy/mod.ts";

/** Where a real server is reached. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The catalog of `server.database`, of a target named `demo`. */
export async function catalogOf(protocol: string, server: Server): Promise<Catalog> {
  const dialect = dialectOf(protocol)!;
  await dialect.ready();
  const target: Target = {
    name: "demo",
    protocol,
    ...server,
    environment: "",
    groups: [],
    tls: { mode: "disable" },
    account: { user: server.user, password: server.password },
  };
  return await dialect.readCatalog(target, server.database, targetQuery);
}
