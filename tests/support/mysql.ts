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
import { cacheFolder, Daemon, removeFolder, run, runWell } from "./daemons.ts";
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
  if (Deno.uid() !== 0) throw new Error("this needs root: the daemon is started by chroot");
  const root = `${await cacheFolder()}/${rootName}`;
  if (existsSync(`${root}/template`)) return console.log(`${root} is there already`);
  const apt = `${root}/apt`;
  for (const folder of ["lists/partial", "cache/archives/partial"]) {
    await Deno.mkdir(`${apt}/${folder}`, { recursive: true });
  }
  await Deno.writeTextFile(`${apt}/status`, "");
  await Deno.writeTextFile(`${apt}/sources.list`, "deb http://deb.debian.org/debian unstable main\n");
  const options = [
    `Dir::State=${apt}`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::State::status=${apt}/status`,
    `Dir::Cache=${apt}/cache`,
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    "APT::Install-Recommends=false",
    "Acquire::Languages=none",
    "Debug::NoLocking=true",
  ].flatMap((option) => ["-o", option]);
  const timeoutMs = 600_000;
  await runWell(["apt-get", ...options, "update"], { timeoutMs });
  await runWell([
    "apt-get",
    ...options,
    "-y",
    "--download-only",
    "install",
    "mysql-server-core",
    "mysql-client-core",
  ], {
    timeoutMs,
  });
  for (const { name } of Deno.readDirSync(`${apt}/cache/archives`)) {
    if (name.endsWith(".deb")) await runWell(["dpkg-deb", "-x", `${apt}/cache/archives/${name}`, root]);
  }
  // What base-files and udev would bring.
  for (const link of ["bin", "sbin", "lib", "lib64"]) {
    await runWell(["ln", "-sfn", `usr/${link}`, `${root}/${link}`]);
  }
  await runWell(["mkdir", "-p", `${root}/dev`, `${root}/tmp`, `${root}/initial`]);
  await runWell(["chmod", "1777", `${root}/tmp`]);
  for (const [device, minor] of [["null", "3"], ["urandom", "9"], ["random", "8"]] as const) {
    await run(["mknod", "-m", "666", `${root}/dev/${device}`, "c", "1", minor]);
  }
  await runWell(["chown", `${nobody}:${nobody}`, `${root}/initial`]);
  const initialize = ["--no-defaults", "--initialize-insecure", "--datadir=/initial"];
  await runWell(["chroot", userspec, root, "/usr/sbin/mysqld", ...initialize], { timeoutMs });
  await removeFolder(apt);
  await Deno.rename(`${root}/initial`, `${root}/template`);
  console.log(`MySQL is ready in ${root}`);
}

if (import.meta.main) await prepare();
