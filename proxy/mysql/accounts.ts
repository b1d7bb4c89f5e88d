/** Ephemeral users: CREATE USER with roles, and dropped with their threads. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { TargetAccounts } from "../../policy/account_ports.ts";
import { PosternError } from "../../policy/errors.ts";
import { verifiersOf } from "../../policy/identity/verifiers.ts";
import type { Target } from "../../policy/types.ts";
import { simpleQuery, type TextRows } from "./simple_query.ts";
import { connectTarget, ownOptions } from "./target_link.ts";

const timeoutMs = 10_000;
/** MySQL's limit, and MariaDB's. */
const nameLengthMax = { mysql: 32, mariadb: 80 } as const;

type Flavour = keyof typeof nameLengthMax;
type Run = (sql: string) => Promise<TextRows>;

/** By address: a target does not change its kind under way. */
const flavours = new Map<string, Flavour>();

export const accounts: TargetAccounts = {
  async nameFor(target, person, session) {
    const key = `${target.host}:${target.port}`;
    const flavour = flavours.get(key) ?? await asAdmin(target, (_run, found) => Promise.resolve(found));
    flavours.set(key, flavour);
    // Nothing that any sql_mode could read as the end of a string.
    const plain = person.replace(/[^A-Za-z0-9@._+-]/g, "_");
    return `${plain.slice(0, nameLengthMax[flavour] - session.length - 1)}#${session}`;
  },

  async create(target, { name }) {
    const password = randomBytes(24).toString("base64url");
    const user = `${quoted(name)}@'%'`;
    const roles = (target.account.ephemeral?.roles ?? []).map(quoted);
    await asAdmin(target, async (run, flavour) => {
      // MariaDB takes a verifier; MySQL 9 has no plugin left that does, and keeps the password out of its logs.
      const secret = flavour === "mariadb"
        ? `IDENTIFIED BY PASSWORD '*${
          Buffer.from(verifiersOf(password).doubleSha1).toString("hex").toUpperCase()
        }'`
        : `IDENTIFIED BY ${quoted(password)}`;
      // The shortest that either knows is a day: a net below the drop.
      await run(`CREATE USER ${user} ${secret} WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 1 DAY`);
      for (const role of roles) await run(`GRANT ${role} TO ${user}`);
      if (flavour === "mysql" && roles.length > 0) await run(`SET DEFAULT ROLE ALL TO ${user}`);
      else if (roles.length > 0) await run(`SET DEFAULT ROLE ${roles[0]} FOR ${user}`);
    });
    return { user: name, password };
  },

  async drop(target, name) {
    const user = `${quoted(name)}@'%'`;
    await asAdmin(target, async (run) => {
      const [found] = await run(`SELECT 1 FROM mysql.user WHERE user = ${quoted(name)}`);
      if (found === undefined) return;
      await run(`ALTER USER ${user} ACCOUNT LOCK`);
      const threads = await run(`SELECT id FROM information_schema.processlist WHERE user = ${quoted(name)}`);
      for (const [id] of threads) await run(`KILL CONNECTION ${Number(id)}`).catch(unlessGone);
      await disown(run, target, name);
      await run(`DROP USER IF EXISTS ${user}`);
    });
  },

  async list(target) {
    const rows = await asAdmin(
      target,
      (run) => run("SELECT user FROM mysql.user WHERE user REGEXP '#[0-9a-z]{16}$'"),
    );
    return rows.map(([name]) => name ?? "");
  },
};

/**
 * What names the user as its definer would fail for everybody once the user is gone, and no statement gives it to
 * somebody else as it is: it is dropped where the config says so. Else the user stays, locked, which leaves it
 * as it was, until somebody has given it another definer. (MySQL manual, "Stored Object Access Control".)
 */
async function disown(run: Run, target: Target, name: string): Promise<void> {
  const theirs = `definer = CONCAT(${quoted(name)}, '@%')`;
  const rows = await run(
    `SELECT 'VIEW', table_schema, table_name FROM information_schema.views WHERE ${theirs}
     UNION ALL SELECT routine_type, routine_schema, routine_name FROM information_schema.routines WHERE ${theirs}
     UNION ALL SELECT 'TRIGGER', trigger_schema, trigger_name FROM information_schema.triggers WHERE ${theirs}
     UNION ALL SELECT 'EVENT', event_schema, event_name FROM information_schema.events WHERE ${theirs}`,
  );
  const objects = rows.map(([kind, schema, object]) => `${kind} ${identifier(schema)}.${identifier(object)}`);
  if (objects.length === 0) return;
  if (target.account.ephemeral?.onDrop === "drop") {
    for (const object of objects) await run(`DROP ${object}`);
    return;
  }
  const some = objects.slice(0, 3).join(", ");
  const more = objects.length > 3 ? ` and ${objects.length - 3} more` : "";
  throw new PosternError("TargetUnavailable", `It is the definer of ${some}${more}, so it stays, locked`, {
    hint: "Give them another DEFINER, or drop them; the next sweep then drops the account",
  });
}

const identifier = (name: string | null | undefined) => `\`${(name ?? "").replaceAll("`", "``")}\``;

/** A thread that ended by itself meanwhile (1094). */
function unlessGone(error: unknown): TextRows {
  if (error instanceof PosternError && String(error.cause).includes("1094")) return [];
  throw error;
}

/** A string literal in every sql_mode; names that would need an escape are none of ours. */
function quoted(text: string): string {
  if (!/^[A-Za-z0-9@._+#-]+$/.test(text)) {
    throw new PosternError("Internal", "A user's or role's name holds what no name of Postern's does", {
      hint: "Roles under account.ephemeral.roles are of letters, digits and @._+-",
    });
  }
  return `'${text}'`;
}

async function asAdmin<T>(target: Target, work: (run: Run, flavour: Flavour) => Promise<T>): Promise<T> {
  const account = target.account.ephemeral?.admin ?? target.account;
  const link = await connectTarget({ ...target, account }, "", ownOptions(timeoutMs, "postern-accounts"));
  const timer = setTimeout(() => link.channel.close(), 6 * timeoutMs);
  try {
    const run: Run = (sql) => simpleQuery(link.channel, link.capabilities, sql);
    return await work(run, link.greeting.mariadb ? "mariadb" : "mysql");
  } finally {
    clearTimeout(timer);
    link.channel.close();
  }
}
