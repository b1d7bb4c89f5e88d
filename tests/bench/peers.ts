/** The peers that Postern is measured beside: the target itself, and what else stands before it. */
import { join } from "node:path";
import { asUser, Daemon } from "../support/daemons.ts";
import { freePort, waitForPort } from "../support/ports.ts";
import type { Postgresql } from "../support/postgresql.ts";
import { required } from "../support/programs.ts";

export interface Peer {
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

/** PgBouncer with session pooling and no TLS, as `app`. It does not run as root, so it runs as nobody. */
export async function startPgbouncer(target: Postgresql, clientsMax: number): Promise<Peer> {
  const port = freePort();
  const prefix = await asUser(["postgres"]);
  const folder = await Deno.makeTempDir({ prefix: "postern-bench-" });
  await Deno.chmod(folder, 0o777);
  const users = join(folder, "users.txt");
  await Deno.writeTextFile(users, `"${target.user}" "${target.password}"\n`);
  const ini = join(folder, "pgbouncer.ini");
  await Deno.writeTextFile(
    ini,
    `[databases]
${target.database} = host=${target.host} port=${target.port} dbname=${target.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
max_client_conn = ${clientsMax * 2}
default_pool_size = ${clientsMax}
log_connections = 0
log_disconnections = 0
`,
  );
  return await started(folder, [...prefix, required("pgbouncer"), ini], port);
}

/** A relay of this runtime that only copies bytes, in a process of its own: what no Postern can be faster than. */
export async function startRelay(target: { readonly port: number }): Promise<Peer> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "postern-bench-" });
  const program = new URL("relay.ts", import.meta.url).pathname;
  return await started(
    folder,
    [Deno.execPath(), "run", "-A", "--no-check", program, `${port}`, `${target.port}`],
    port,
  );
}

/** A peer that listens on `port`; its `folder` goes with it. */
export async function started(folder: string, command: readonly string[], port: number): Promise<Peer> {
  const daemon = new Daemon([...command], join(folder, "log"));
  await waitForPort(port, 10_000, () => daemon.obituary());
  return {
    port,
    pid: daemon.pid,
    async close() {
      await daemon.stop("SIGTERM");
      await Deno.remove(folder, { recursive: true });
    },
  };
}
