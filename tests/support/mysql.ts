/**
 * A real MySQL, which Debian has only in its unstable suite: its packages are unpacked into a folder of their
 * own, with an apt state of their own, and the daemon runs there by chroot as an ordinary user. That needs root
 * and some 60 MB from Debian's mirror, so it happens only when asked for:
 *
 *     deno run -A tests/support/mysql.ts
 *
 * Tests that need it are skipped until then.
 */
import { existsSync } from "node:fs";
import { cacheFolder, Daemon, removeFolder, runWell } from "./daemons.ts";
import { unpackUnstable } from "./debian_unstable.ts";
import { freePort, waitForPort } from "./ports.ts";
import type { Need } from "./programs.ts";

const rootName = "mysql-root";
const nobody = 65534;
const userspec = `--userspec=${nobody}:${nobody}`;
const password = "app-secret-7d";

export const mysqlHere: Need = {
  missing: () =>
    Deno.uid() === 0 && existsSync(`/tmp/postern-tests-0/${rootName}/template`)
      ? null
      : "MySQL is not prepared: deno run -A tests/support/mysql.ts, as root",
};

export interface Mysql {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: "app";
  /** PEM of the authority that the target made for itself. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  close(): Promise<void>;
}

/** The command of MySQL's own client, or another program beside it, which runs in the same folder. */
export async function mysqlProgram(name: string): Promise<readonly string[]> {
  return ["chroot", userspec, `${await cacheFolder()}/${rootName}`, `/usr/bin/${name}`];
}

/** `sql` runs as root at the start, one statement a line. The accounts `app` and `late` have caching_sha2_password. */
export async function startMysql(sql = ""): Promise<Mysql> {
  const root = `${await cacheFolder()}/${rootName}`;
  const name = `data-${crypto.randomUUID()}`;
  const folder = `${root}/${name}`;
  await runWell(["cp", "-a", "--reflink=auto", `${root}/template`, folder]);
  const init = [
    "CREATE DATABASE app;",
    `CREATE USER app@'%' IDENTIFIED WITH caching_sha2_password BY '${password}';`,
    `CREATE USER late@'%' IDENTIFIED WITH caching_sha2_password BY '${password}';`,
    "GRANT ALL ON app.* TO app@'%', late@'%';",
    "USE app;",
    sql,
  ];
  await Deno.writeTextFile(`${folder}/init.sql`, init.join("\n") + "\n");
  const port = freePort();
  const settings = [
    "--no-defaults",
    `--datadir=/${name}`,
    `--init-file=/${name}/init.sql`,
    `--socket=/${name}/s`,
    `--pid-file=/${name}/pid`,
    "--bind-address=127.0.0.1",
    `--port=${port}`,
    "--mysqlx=OFF",
    "--secure-file-priv=NULL",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=2",
    "--performance-schema=OFF",
  ];
  const log = `${folder}/log`;
  await Deno.writeTextFile(log, "");
  const daemon = new Daemon(["chroot", userspec, root, "/usr/sbin/mysqld", ...settings], log);
  const close = async () => {
    await daemon.stop("SIGKILL");
    await removeFolder(folder);
  };
  try {
    await waitForPort(port, 60_000, () => daemon.obituary());
  } catch (error) {
    await close();
    throw error;
  }
  const pem = (file: string) => Deno.readTextFileSync(`${folder}/${file}.pem`);
  const tls = { ca: pem("ca"), certificate: pem("client-cert"), key: pem("client-key") };
  return { host: "127.0.0.1", port, user: "app", password, database: "app", tls, close };
}

async function prepare(): Promise<void> {
  const root = `${await cacheFolder()}/${rootName}`;
  if (existsSync(`${root}/template`)) return console.log(`${root} is there already`);
  await unpackUnstable(root, ["mysql-server-core", "mysql-client-core"]);
  await Deno.mkdir(`${root}/initial`, { recursive: true });
  await runWell(["chown", `${nobody}:${nobody}`, `${root}/initial`]);
  const initialize = ["--no-defaults", "--initialize-insecure", "--datadir=/initial"];
  await runWell(["chroot", userspec, root, "/usr/sbin/mysqld", ...initialize], {
    timeoutMs: 600_000,
  });
  await Deno.rename(`${root}/initial`, `${root}/template`);
  console.log(`MySQL is ready in ${root}`);
}

if (import.meta.main) await prepare();
