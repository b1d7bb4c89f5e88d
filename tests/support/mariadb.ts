/** A real MariaDB in a temporary folder, on a free port of loopback. */
import { createConnection } from "mariadb";
import { createAuthority } from "./certificates.ts";
import { asUser, Daemon, ownFolder, removeFolder, run, runWell, template } from "./daemons.ts";
import { freePort, waitForPort } from "./ports.ts";
import { type Need, program, required } from "./programs.ts";

/** For the driver `mariadb`, which else gives up after a second: a busy machine takes longer to connect. */
export const patient = { connectTimeout: 60_000 };

export interface MariadbOptions {
  /** `required` turns away clients without TLS. Default false. */
  readonly tls?: boolean | "required";
  /** How the account `app` proves who it is. Default mysql_native_password. */
  readonly auth?: "mysql_native_password" | "ed25519";
  /** Run as `app` in the database `app`; may be several statements. */
  readonly sql?: string;
  /** The same, as root, before `sql`. */
  readonly rootSql?: string;
  /** Options of mariadbd without the dashes: `{ "sql-mode": "ANSI" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Write every statement to `generalLog`. */
  readonly logStatements?: boolean;
}

export interface Mariadb {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly user: "app";
  readonly password: string;
  readonly database: "app";
  readonly root: { readonly user: "root"; readonly password: string };
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string } | null;
  /** Paths. */
  readonly log: string;
  readonly generalLog: string;
  /** As `app`, or as root. Directly, not through Postern. */
  query(sql: string, options?: { root?: boolean; database?: string }): Promise<unknown>;
  crash(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

const passwords = { app: "app-secret-7d", root: "root-secret-2b" };

/** What a test names in `testNeeding` when it starts one. */
export const mariadbHere: Need = {
  missing: () =>
    program("mariadbd") === null || program("mariadb-install-db") === null
      ? "MariaDB is not installed"
      : null,
};

const makeTemplate = async (prefix: readonly string[]) => {
  const found = (await run([required("mariadbd"), "--version"])).stdout.match(/Ver ([\d.]+)/)?.[1];
  return template(`mariadb-${found}-template`, prefix, async (folder) => {
    const choices = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"];
    const install = [required("mariadb-install-db"), ...choices, `--datadir=${folder}/data`];
    await runWell([...prefix, ...install, "--innodb-log-file-size=8M"], { timeoutMs: 120_000 });
  });
};

/** Run at each start, so that accounts exist before it listens; one statement a line. */
function initialSql(options: MariadbOptions): string {
  const via = options.auth ?? "mysql_native_password";
  const requireTls = options.tls === "required" ? " REQUIRE SSL" : "";
  return [
    `CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '${passwords.root}';`,
    "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;",

    `CREATE USER IF NOT EXISTS app@'%' IDENTIFIED VIA ${via} USING PASSWORD('${passwords.app}')${requireTls};`,
    "CREATE DATABASE IF NOT EXISTS app CHARACTER SET utf8mb4;",
    "GRANT ALL ON app.* TO app@'%';",
  ].join("\n") + "\n";
}

function argumentsOf(options: MariadbOptions, folder: string, port: number): string[] {
  const tls = options.tls
    ? [`--ssl-cert=${folder}/tls.crt`, `--ssl-key=${folder}/tls.key`, `--ssl-ca=${folder}/ca.crt`]
    : [];
  const log = options.logStatements ? ["--general-log=1", `--general-log-file=${folder}/general.log`] : [];
  return [
    "--no-defaults",
    `--datadir=${folder}/data`,
    // A server that starts removes all temporary tables in this folder, those of others that run, too.
    `--tmpdir=${folder}/tmp`,
    `--socket=${folder}/s`,
    `--pid-file=${folder}/pid`,
    `--init-file=${folder}/init.sql`,
    "--bind-address=127.0.0.1",
    `--port=${port}`,
    "--skip-name-resolve",
    "--plugin-load-add=auth_ed25519",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--performance-schema=off",
    ...tls,
    ...log,
    ...Object.entries(options.settings ?? {}).map(([name, value]) => `--${name}=${value}`),
  ];
}

async function write(prefix: readonly string[], path: string, text: string): Promise<void> {
  await runWell([...prefix, "/bin/sh", "-c", 'umask 077; cat >"$0"', path], { stdin: text });
}

/** Rejects where it is not installed: ask `mariadbHere` first. */
export async function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  const prefix = await asUser(["mysql"]);
  const source = await makeTemplate(prefix);
  const folder = await ownFolder(prefix, "mariadb");
  await runWell([...prefix, "cp", "-a", "--reflink=auto", `${source}/data`, folder]);
  await runWell([...prefix, "mkdir", `${folder}/tmp`]);
  const port = freePort();
  const authority = options.tls ? createAuthority() : null;
  const own = authority?.issue();
  await write(prefix, `${folder}/init.sql`, initialSql(options));
  if (authority && own) {
    await write(prefix, `${folder}/ca.crt`, authority.certificate);
    await write(prefix, `${folder}/tls.crt`, own.certificate);
    await write(prefix, `${folder}/tls.key`, own.key);
  }
  const log = `${folder}/log`;
  await write(prefix, log, "");
  let daemon: Daemon | null = null;
  const start = async () => {
    daemon = new Daemon([...prefix, required("mariadbd"), ...argumentsOf(options, folder, port)], log);
    await waitForPort(port, 60_000, () => daemon?.obituary() ?? null);
  };
  const query: Mariadb["query"] = async (sql, { root = false, database = "app" } = {}) => {
    const connection = await createConnection({
      host: "127.0.0.1",
      port,
      database,
      user: root ? "root" : "app",
      password: root ? passwords.root : passwords.app,
      multipleStatements: true,
      ...patient,
      ...(authority ? { ssl: { ca: authority.certificate } } : {}),
    });
    try {
      return await connection.query(sql) as unknown;
    } finally {
      await connection.end();
    }
  };
  const close = async () => {
    await daemon?.stop("SIGKILL");
    await removeFolder(folder);
  };
  try {
    await start();
    if (options.rootSql) await query(options.rootSql, { root: true });
    if (options.sql) await query(options.sql);
  } catch (error) {
    await close();
    throw error;
  }
  const issued = authority?.issue({ commonName: "app", hosts: [] });
  return {
    host: "127.0.0.1",
    port,
    user: "app",
    password: passwords.app,
    database: "app",
    root: { user: "root", password: passwords.root },
    tls: authority && issued
      ? { ca: authority.certificate, certificate: issued.certificate, key: issued.key }
      : null,
    log,
    generalLog: `${folder}/general.log`,
    query,
    crash: async () => await daemon?.stop("SIGKILL"),
    start,
    close,
  };
}
