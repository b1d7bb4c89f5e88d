/** Ephemeral roles: CREATE ROLE … IN ROLE …, and all that it takes to drop one again. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { TargetAccounts } from "../../policy/account_ports.ts";
import { PosternError } from "../../policy/errors.ts";
import { verifiersOf } from "../../policy/identity/verifiers.ts";
import type { Target } from "../../policy/types.ts";
import { terminate } from "./encode.ts";
import { runOn } from "./query.ts";
import { connectTarget } from "./target.ts";

/** NAMEDATALEN - 1. */
const nameBytesMax = 63;
const timeoutMs = 10_000;
const statementTimeoutMs = 60_000;
/** How often it is looked whether terminated backends are gone, and how many times. */
const goneEveryMs = 100;
const goneTries = 50;

type Rows = (string | null)[][];
type Run = (sql: string) => Promise<Rows>;

export const accounts: TargetAccounts = {
  nameFor: (_target, person, session) => Promise.resolve(nameOf(person, session)),

  async create(target, { name, validUntil }) {
    const password = randomBytes(24).toString("base64url");
    const { salt, iterations, storedKey, serverKey } = verifiersOf(password).scram;
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const verifier = `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
    const roles = (target.account.ephemeral?.roles ?? []).map(identifier).join(", ");
    await asAdmin(target, target.database, (run) =>
      run(
        `CREATE ROLE ${identifier(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION INHERIT ` +
          `CONNECTION LIMIT 1 PASSWORD ${literal(verifier)} ` +
          `VALID UNTIL ${literal(new Date(validUntil).toISOString())}${
            roles === "" ? "" : ` IN ROLE ${roles}`
          }`,
      ));
    return { user: name, password };
  },

  async drop(target, name) {
    const role = identifier(name);
    await asAdmin(target, target.database, async (run) => {
      const [found] = await run(`SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ${literal(name)}`);
      if (found === undefined) return;
      await run(`ALTER ROLE ${role} NOLOGIN`);
      // Being a member is what lets an account that is no superuser end its backends and give away what it owns.
      await run(`GRANT ${role} TO CURRENT_USER`);
      await endBackends(run, name);
      for (const database of await databasesOf(run, found[0] ?? "0")) {
        await asAdmin(target, database, (there) => disown(there, target, role));
      }
      await run(`DROP ROLE IF EXISTS ${role}`);
    });
  },

  async list(target) {
    const rows = await asAdmin(
      target,
      target.database,
      (run) => run("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname ~ '#[0-9a-z]{16}$'"),
    );
    return rows.map(([name]) => name ?? "");
  },
};

/** `devin@example.com#0123456789abcdef`, cut before the `#` where it is too long. */
function nameOf(person: string, session: string): string {
  // deno-lint-ignore no-control-regex -- NUL and line breaks would spoil logs and statements
  const plain = person.replace(/[\x00-\x1f\x7f"'\\#]/g, "_");
  const bytes = new TextEncoder().encode(plain).subarray(0, nameBytesMax - session.length - 1);
  // A character that was cut in two is left out.
  return `${new TextDecoder().decode(bytes).replace(/\ufffd+$/, "")}#${session}`;
}

function identifier(name: string): string {
  if (name === "" || name.includes("\0")) throw new PosternError("Internal", "A role's name is no name");
  return `"${name.replaceAll('"', '""')}"`;
}

/** Read the same with standard_conforming_strings on or off. */
function literal(text: string): string {
  if (text.includes("\0")) throw new PosternError("Internal", "A text for SQL holds a NUL");
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

async function endBackends(run: Run, name: string): Promise<void> {
  const theirs = `FROM pg_catalog.pg_stat_activity WHERE usename = ${literal(name)}`;
  for (let tries = 0; tries < goneTries; tries++) {
    const left = await run(`SELECT pg_catalog.pg_terminate_backend(pid) ${theirs}`);
    if (left.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, goneEveryMs));
  }
  throw new PosternError("TargetUnavailable", "Connections of an ephemeral role do not end");
}

/** Where it owns something, or was granted something. */
async function databasesOf(run: Run, oid: string): Promise<string[]> {
  const rows = await run(
    `SELECT DISTINCT d.datname FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = ${
      Number(oid)
    } AND d.datallowconn`,
  );
  return rows.map(([name]) => name ?? "");
}

async function disown(run: Run, target: Target, role: string): Promise<void> {
  const { onDrop, reassignTo } = target.account.ephemeral!;
  if (onDrop === "reassign") {
    await run(
      `REASSIGN OWNED BY ${role} TO ${reassignTo === undefined ? "CURRENT_USER" : identifier(reassignTo)}`,
    );
  }
  // What is left then are the rights that it was given, and with `drop` its objects, too.
  await run(`DROP OWNED BY ${role}`);
}

/** One connection as the account that makes others. */
async function asAdmin<T>(target: Target, database: string, work: (run: Run) => Promise<T>): Promise<T> {
  const account = target.account.ephemeral?.admin ?? target.account;
  const link = await connectTarget({ ...target, account }, database, {
    timeoutMs,
    frameBytesMax: 1024 * 1024,
    parameters: {
      application_name: "postern accounts",
      client_encoding: "UTF8",
      options: `-c statement_timeout=${statementTimeoutMs} -c search_path=pg_catalog`,
    },
  });
  try {
    const result = await work((sql) => runOn(link, target, sql));
    link.stream.end(terminate);
    return result;
  } finally {
    link.reader.release();
    link.stream.destroySoon();
  }
}
