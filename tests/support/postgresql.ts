/** A real PostgreSQL in a temporary folder, on a free port of loopback. */
import postgres from "postgres";
import { type Certificate, type CertificateAuthority, createAuthority } from "./certificates.ts";
import { asUser, Daemon, ownFolder, removeFolder, run, runWell, template } from "./daemons.ts";
import { freePort, waitForPort } from "./ports.ts";
import { type Need, program } from "./programs.ts";
import { embeddedPostgresql } from "./embedded_postgresql.ts";

export interface PostgresqlOptions {
  /** 15 (or what the system has) unless told. 18 comes from a npm package, see embedded_postgresql.ts. */
  readonly version?: 15 | 18;
  /** `required` turns away clients without TLS. Default false. */
  readonly tls?: boolean | "required";
  /** How clients prove who they are. `cert` wants TLS. Default `scram-sha-256`. */
  readonly auth?: "scram-sha-256" | "md5" | "password" | "trust" | "cert";
  /** Run as the account `app` in the database `app`; may be several statements. */
  readonly sql?: string;
  /** The same, as the superuser, before `sql`. */
  readonly superuserSql?: string;
  /** Lines for postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Write every statement to the log. */
  readonly logStatements?: boolean;
}

export interface Postgresql {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** An ordinary role that owns `database`. */
  readonly user: "app";
  readonly password: string;
  readonly database: "app";
  readonly superuser: { readonly user: "postgres"; readonly password: string };
  /** PEM of the CA of its certificate and of a client certificate for `app`; null without TLS. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string } | null;
  /** Path of its log. */
  readonly log: string;
  readLog(): Promise<string>;
  /** As `app`, or as the superuser; rows as objects. Directly, not through Postern. */
  query(
    sql: string,
    options?: { superuser?: boolean; database?: string },
  ): Promise<Record<string, unknown>[]>;
  /** Immediate shutdown, as if it crashed. */
  crash(): Promise<void>;
  /** Again on the same port and data, after `crash`. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const passwords = { app: "app-secret-9f", postgres: "postgres-secret-4c" };

interface Binaries {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly label: string;
}

async function binariesOf(version: 15 | 18 | undefined): Promise<Binaries | null> {
  if (version === 18) return await embeddedPostgresql();
  const initdb = program("initdb");
  if (initdb === null) return null;
  const folder = initdb.replace(/\/initdb$/, "");
  const found = await runWell([`${folder}/postgres`, "--version"]);
  return { folder, env: {}, label: `postgresql-${found.match(/[\d.]+/)?.[0] ?? "x"}` };
}

/** What a test names in `testNeeding` when it starts one. */
export const postgresqlHere: Need = {
  missing: () => program("initdb") === null ? "PostgreSQL is not installed" : null,
};

const makeTemplate = (binaries: Binaries, prefix: readonly string[]) =>
  template(`${binaries.label}-template`, prefix, async (folder) => {
    const data = `${folder}/data`;
    const { env } = binaries;
    const passwordFile = `${folder}/password`;
    await runWell([...prefix, "/bin/sh", "-c", 'cat >"$0"', passwordFile], { stdin: passwords.postgres });
    const initdb = [`${binaries.folder}/initdb`, "-D", data, "-U", "postgres", "-A", "scram-sha-256"];
    const choices = [`--pwfile=${passwordFile}`, "-E", "UTF8", "--locale=C", "--no-sync"];
    await runWell([...prefix, ...initdb, ...choices], { env });
    await single(binaries, prefix, data, [
      `CREATE ROLE app LOGIN PASSWORD '${passwords.app}'`,
      "CREATE DATABASE app OWNER app",
    ]);
  });

/** Statements in single-user mode, for what must be true before it listens. */
async function single(
  { folder, env }: Binaries,
  prefix: readonly string[],
  data: string,
  statements: readonly string[],
): Promise<void> {
  const command = [...prefix, `${folder}/postgres`, "--single", "-F", "-D", data, "postgres"];
  const { code, stderr } = await run(command, { stdin: statements.join("\n") + "\n", env });
  if (code !== 0 || /ERROR|FATAL/.test(stderr)) throw new Error(`single-user PostgreSQL: ${stderr}`);
}

function hbaOf(options: PostgresqlOptions): string {
  const method = options.auth ?? "scram-sha-256";
  const type = options.tls === "required" || method === "cert" ? "hostssl" : "host";
  return [
    "host all postgres 127.0.0.1/32 scram-sha-256",
    `${type} all all 127.0.0.1/32 ${method}`,
    `${type} replication all 127.0.0.1/32 ${method}`,
  ].join("\n") + "\n";
}

function configOf(options: PostgresqlOptions, port: number, tls: boolean): string {
  const settings: Record<string, string> = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "32MB",
    max_connections: "100",
    log_line_prefix: "%m [%p] %u@%d %a ",
    ...(options.logStatements ? { log_statement: "all", log_connections: "on" } : {}),
    ...(tls ? { ssl: "on", ssl_cert_file: "tls.crt", ssl_key_file: "tls.key", ssl_ca_file: "ca.crt" } : {}),
    ...options.settings,
  };
  return Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join(
    "",
  );
}

async function writeFiles(
  folder: string,
  prefix: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await runWell([...prefix, "/bin/sh", "-c", 'umask 077; cat >"$0"', `${folder}/${name}`], { stdin: text });
  }
}

type Secrets = { readonly authority: CertificateAuthority; readonly client: Certificate } | null;

function secretsOf(options: PostgresqlOptions): Secrets {
  if (!options.tls && options.auth !== "cert") return null;
  const authority = createAuthority();
  return { authority, client: authority.issue({ commonName: "app", hosts: [] }) };
}

/** A data folder as the options want it, ready to start. */
async function prepare(
  options: PostgresqlOptions,
  binaries: Binaries,
  prefix: readonly string[],
  secrets: Secrets,
  port: number,
): Promise<string> {
  const source = await makeTemplate(binaries, prefix);
  const folder = await ownFolder(prefix, "pg");
  const data = `${folder}/data`;
  await runWell([...prefix, "cp", "-a", "--reflink=auto", `${source}/data`, folder]);
  const own = secrets?.authority.issue();
  await writeFiles(data, prefix, {
    "../log": "",
    "postgresql.auto.conf": configOf(options, port, secrets !== null),
    "pg_hba.conf": hbaOf(options),
    ...(secrets && own
      ? { "ca.crt": secrets.authority.certificate, "tls.crt": own.certificate, "tls.key": own.key }
      : {}),
  });
  if (options.auth === "md5") {
    await single(binaries, prefix, data, [
      "SET password_encryption = 'md5'",
      `ALTER ROLE app PASSWORD '${passwords.app}'`,
    ]);
  }
  return folder;
}

const queryOn =
  (port: number, secrets: Secrets): Postgresql["query"] =>
  async (sql, { superuser = false, database = "app" } = {}) => {
    const connection = postgres({
      host: "127.0.0.1",
      port,
      database,
      username: superuser ? "postgres" : "app",
      password: superuser ? passwords.postgres : passwords.app,
      ssl: secrets
        ? { ca: secrets.authority.certificate, cert: secrets.client.certificate, key: secrets.client.key }
        : false,
      max: 1,
      onnotice: () => {},
    });
    try {
      return [...await connection.unsafe(sql)] as unknown as Record<string, unknown>[];
    } finally {
      await connection.end({ timeout: 2 });
    }
  };

/** Rejects where it is not installed: ask `postgresqlHere` first. */
export async function startPostgresql(options: PostgresqlOptions = {}): Promise<Postgresql> {
  const binaries = await binariesOf(options.version);
  if (binaries === null) throw new Error("this PostgreSQL is not here; ask with testNeeding first");
  const prefix = await asUser(["postgres"]);
  const secrets = secretsOf(options);
  const port = freePort();
  const folder = await prepare(options, binaries, prefix, secrets, port);
  const query = queryOn(port, secrets);
  const log = `${folder}/log`;
  let daemon: Daemon | null = null;
  const start = async () => {
    daemon = new Daemon(
      [...prefix, `${binaries.folder}/postgres`, "-D", `${folder}/data`],
      log,
      binaries.env,
    );
    await waitForPort(port, 30_000, () => daemon?.obituary() ?? null);
    await ready(() => query("SELECT 1", { superuser: true }));
  };
  const crash = async () => await daemon?.stop("SIGQUIT");
  const close = async () => {
    await crash();
    await removeFolder(folder);
  };
  try {
    await start();
    if (options.superuserSql) await query(options.superuserSql, { superuser: true });
    if (options.sql) await query(options.sql);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host: "127.0.0.1",
    port,
    user: "app",
    password: passwords.app,
    database: "app",
    superuser: { user: "postgres", password: passwords.postgres },
    tls: secrets && { ca: secrets.authority.certificate, ...secrets.client },
    log,
    readLog: () => Deno.readTextFile(log),
    query,
    crash,
    start,
    close,
  };
}

/** It listens before it has recovered: ask until it answers. */
async function ready(ask: () => Promise<unknown>): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== "57P03" || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
export { postgresql18Here } from "./embedded_postgresql.ts";
