/** An account for each session, seen in the targets' own catalogs while it runs and gone after it, crash or not. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { alex, devin, startTestGateway, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { createConnection } from "mysql2/promise";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { waitForPort } from "../support/ports.ts";
import { type Postgresql, postgresql18Here, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, startPsql } from "../support/psql.ts";

const rules = `rules:
  - { name: all, what: { kinds: [read, write, ddl, session, transaction, call, copy] }, then: allow }
`;

const targetOf = (
  protocol: string,
  at: { port: number; database: string; user: string },
  ephemeral: string,
) =>
  `  demo:
    protocol: ${protocol}
    host: 127.0.0.1
    port: ${at.port}
    database: ${at.database}
    groups: [engineers]
    tls: { mode: disable }
    account:
      user: ${at.user}
      password: { env: TARGET_PASSWORD }
      ephemeral: ${ephemeral}
`;

async function until<T>(what: string, ask: () => Promise<T | null | false>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const found = await ask();
    if (found !== null && found !== false) return found as T;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to this: ${what}`);
}

const superuserSql = `
  CREATE ROLE keeper LOGIN CREATEROLE PASSWORD 'keeper-secret';
  CREATE ROLE app_rw;
  GRANT app_rw TO keeper WITH ADMIN OPTION;
  GRANT CREATE, USAGE ON SCHEMA public TO app_rw;
`;

const ephemeralRoles = (target: Postgresql): Promise<string[]> =>
  target.query("SELECT rolname FROM pg_roles WHERE rolname LIKE '%#%'", { superuser: true })
    .then((rows) => rows.map(({ rolname }) => String(rolname)));

async function connect(gateway: TestGateway, port: number): Promise<PsqlSession> {
  const psql = startPsql({ connection: `host=127.0.0.1 port=${port} user=devin dbname=demo` });
  const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
  assert.equal((await (await gateway.signIn(devin)).confirm(link)).status, 200);
  await psql.expect(/demo=[>#]/, 60_000);
  return psql;
}

/** Postern as a process of its own, on the config of a gateway that has stopped. */
async function serve(gateway: TestGateway, env: Record<string, string>): Promise<Deno.ChildProcess> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, "serve", "--config", gateway.configFile],
    env: { ...env, CLIENT_SECRET: "test-client-secret" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  // The dashboard comes last.
  for (const port of [gateway.ports.postgresql!, Number(new URL(gateway.dashboard).port)]) {
    await waitForPort(port, 120_000, () => null);
  }
  return child;
}

for (const version of [15, 18] as const) {
  testNeeding(
    ["psql", "script", version === 15 ? postgresqlHere : postgresql18Here],
    `a role for each session on PostgreSQL ${version}: there during, gone after${
      version === 15 ? ", also after kill -9" : ""
    }`,
    async (t) => {
      const target = await startPostgresql({ version, superuserSql, logStatements: true });
      const gateway = await startTestGateway({
        targets: targetOf(
          "postgresql",
          target,
          "{ admin: { user: keeper, password: { env: KEEPER } }, roles: [app_rw], onDrop: reassign }",
        ),
        sections: rules,
        env: { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" },
      });
      const env = { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" };
      let child: Deno.ChildProcess | null = null;
      try {
        await t.step(
          "the person shows in pg_stat_activity and the log; the password is no clear text",
          async () => {
            const psql = await connect(gateway, gateway.ports.postgresql!);
            const [row] = await target.query(
              `SELECT usename, application_name FROM pg_stat_activity WHERE usename LIKE '%#%'`,
              { superuser: true },
            );
            assert.match(String(row?.usename), /^devin@example\.test#[0-9a-z]{16}$/);
            const session = String(row?.usename).split("#")[1];
            assert.equal(row?.application_name, `psql devin@example.test ${session}`);
            const [role] = await target.query(
              `SELECT rolcanlogin, rolconnlimit, rolvaliduntil > now() AS valid,
               pg_has_role(rolname, 'app_rw', 'member') AS member,
               (SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid a WHERE a.oid = r.oid) AS scram
             FROM pg_roles r WHERE rolname LIKE '%#%'`,
              { superuser: true },
            );
            assert.deepEqual(role, {
              rolcanlogin: true,
              rolconnlimit: 1,
              valid: true,
              member: true,
              scram: true,
            });
            await psql.send("CREATE TABLE made_here (id int);");
            await psql.expect(/CREATE TABLE/);
            await psql.close();
            await until("the role is gone", async () => (await ephemeralRoles(target)).length === 0);
            const [owned] = await target.query(
              "SELECT tableowner FROM pg_tables WHERE tablename = 'made_here'",
            );
            assert.equal(owned?.tableowner, "keeper", "what it owned was given to the admin");
            const log = await target.readLog();
            assert.match(log, /CREATE ROLE "devin@example\.test#/);
            assert.doesNotMatch(log, /CREATE ROLE "devin[^\n]*PASSWORD E'(?!SCRAM)/);
          },
        );

        if (version === 15) {
          await t.step("after kill -9 it is swept by the next start", async () => {
            await gateway.gateway.close();
            child = await serve(gateway, env);
            const psql = await connect(gateway, gateway.ports.postgresql!);
            const [left] = await ephemeralRoles(target);
            assert.ok(left !== undefined);
            child.kill("SIGKILL");
            await child.status;
            await psql.close();
            assert.deepEqual(await ephemeralRoles(target), [left], "nobody is there to drop it");
            // One that no session of this record had is somebody else's.
            await target.query(`CREATE ROLE "eve#0000000000000000"`, { superuser: true });
            child = await serve(gateway, env);
            await until("the role is swept", async () => {
              const roles = await ephemeralRoles(target);
              return roles.length === 1 && roles[0] === "eve#0000000000000000";
            });
            const auditor = await gateway.signIn(alex);
            const record = await until("the record has it", async () => {
              const { text } = await auditor.api("/api/audit/export");
              return text.includes('"swept":true') ? text : null;
            });
            assert.match(record, new RegExp(`"account":"${left}","swept":true`));
          });
        }
      } finally {
        (child as Deno.ChildProcess | null)?.kill("SIGTERM");
        await (child as Deno.ChildProcess | null)?.status;
        await gateway.issuer.close();
        await target.close();
        await Deno.remove(gateway.folder, { recursive: true }).catch(() => {});
      }
    },
  );
}

testNeeding(
  ["psql", "script", postgresqlHere],
  "onDrop: drop takes what a session's role owned with it, in every database, and leaves the rest",
  async () => {
    const target = await startPostgresql({ superuserSql, sql: "CREATE TABLE kept (id int)" });
    const gateway = await startTestGateway({
      targets: targetOf(
        "postgresql",
        target,
        "{ admin: { user: keeper, password: { env: KEEPER } }, roles: [app_rw], onDrop: drop }",
      ),
      sections: rules,
      env: { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" },
    });
    const tables = async () =>
      (await target.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"))
        .map(({ tablename }) => tablename);
    try {
      const psql = await connect(gateway, gateway.ports.postgresql!);
      await psql.send("CREATE TABLE made_here (id int);");
      await psql.expect(/CREATE TABLE/);
      assert.deepEqual(await tables(), ["kept", "made_here"]);
      await psql.close();
      await until("the role is gone", async () => (await ephemeralRoles(target)).length === 0);
      assert.deepEqual(await tables(), ["kept"]);
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);

testNeeding(
  [mariadbHere, "mariadb"],
  "a user for each session on MariaDB, with its role, and gone after, also after kill -9",
  async () => {
    const target = await startMariadb({
      rootSql: `CREATE USER keeper IDENTIFIED BY 'keeper-secret';
      GRANT ALL ON *.* TO keeper WITH GRANT OPTION;
      CREATE ROLE app_read WITH ADMIN keeper;
      GRANT SELECT ON app.* TO app_read;`,
      sql: "CREATE TABLE notes(id INT PRIMARY KEY); INSERT INTO notes VALUES (1);",
      logStatements: true,
    });
    const env = { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" };
    const gateway = await startTestGateway({
      targets: targetOf(
        "mysql",
        target,
        "{ admin: { user: keeper, password: { env: KEEPER } }, roles: [app_read] }",
      ),
      sections: rules,
      env,
    });
    let child: Deno.ChildProcess | null = null as Deno.ChildProcess | null;
    const users = async () =>
      (await target.query("SELECT user AS user FROM mysql.user WHERE user LIKE '%#%'", {
        root: true,
        database: "mysql",
      }) as {
        user: string;
      }[]).map(({ user }) => user);
    try {
      const person = await gateway.signIn(devin);
      const { user } = await passwordOf(person);
      const statement = "SELECT CURRENT_USER(), CURRENT_ROLE(), (SELECT count(*) FROM notes)";
      const { stdout, stderr } = await run(
        ["mariadb", "-h127.0.0.1", `-P${gateway.ports.mysql}`, `-u${user.user}`, "-Ddemo", "-Ne", statement],
        { env: { MYSQL_PWD: user.password } },
      );
      assert.match(stdout, /^devin@example\.test#[0-9a-z]{16}@%\tapp_read\t1/, stderr);
      await until("the user is gone", async () => (await users()).length === 0);
      const denied = await passwordOf(person);
      const write = await run(
        [
          "mariadb",
          "-h127.0.0.1",
          `-P${gateway.ports.mysql}`,
          `-u${denied.user.user}`,
          "-Ddemo",
          "-Ne",
          "INSERT INTO notes VALUES (2)",
        ],
        { env: { MYSQL_PWD: denied.user.password } },
      );
      assert.match(write.stderr, /INSERT command denied/, "the role's rights are all that it has");
      await until("that one, too", async () => (await users()).length === 0);

      await gateway.gateway.close();
      child = await serve(gateway, env);
      const again = await passwordOf(await gateway.signIn(devin));
      // Its standard input stays open: it waits for a statement.
      const waiting = new Deno.Command("mariadb", {
        args: ["-h127.0.0.1", `-P${gateway.ports.mysql}`, `-u${again.user.user}`, "-Ddemo"],
        env: { MYSQL_PWD: again.user.password },
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const [left] = await until("its user is there", async () => {
        const found = await users();
        return found.length === 1 ? found : null;
      });
      child.kill("SIGKILL");
      await child.status;
      await waiting.stdin.close();
      await waiting.status;
      assert.deepEqual(await users(), [left], "nobody is there to drop it");
      child = await serve(gateway, env);
      await until("the user is swept", async () => (await users()).length === 0);
    } finally {
      child?.kill("SIGTERM");
      await child?.status;
      await gateway.close();
      await target.close();
    }
  },
);

for (const onDrop of ["reassign", "drop"] as const) {
  testNeeding(
    [mariadbHere, "mariadb"],
    `what a MariaDB session's user defined, onDrop: ${onDrop}`,
    async () => {
      const target = await startMariadb({
        rootSql: `CREATE USER keeper IDENTIFIED BY 'keeper-secret';
        GRANT ALL ON *.* TO keeper WITH GRANT OPTION;
        CREATE ROLE app_views WITH ADMIN keeper;
        GRANT SELECT, CREATE VIEW ON app.* TO app_views;`,
        sql: "CREATE TABLE notes(id INT PRIMARY KEY); INSERT INTO notes VALUES (1);",
      });
      const gateway = await startTestGateway({
        targets: targetOf(
          "mysql",
          target,
          `{ admin: { user: keeper, password: { env: KEEPER } }, roles: [app_views], onDrop: ${onDrop} }`,
        ),
        sections: rules,
        env: { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" },
        log: () => {},
      });
      const asRoot = (sql: string) => target.query(sql, { root: true, database: "app" }) as Promise<object[]>;
      const users = () => asRoot("SELECT user AS user FROM mysql.user WHERE user LIKE '%#%'");
      const views = () =>
        asRoot("SELECT table_name FROM information_schema.views WHERE table_schema = 'app'");
      try {
        const { user } = await passwordOf(await gateway.signIn(devin));
        const made = await run(
          [
            "mariadb",
            "-h127.0.0.1",
            `-P${gateway.ports.mysql}`,
            `-u${user.user}`,
            "-Ddemo",
            "-e",
            "CREATE VIEW seen AS SELECT id FROM notes",
          ],
          { env: { MYSQL_PWD: user.password } },
        );
        assert.equal(made.code, 0, made.stderr);
        if (onDrop === "drop") {
          await until("the user is gone", async () => (await users()).length === 0);
          assert.deepEqual(await views(), []);
          return;
        }
        const auditor = await gateway.signIn(alex);
        const { text } = await until("the record says why it stays", async () => {
          const page = await auditor.api("/api/audit/export");
          return page.text.includes("account.stuck") ? page : null;
        });
        assert.match(text, /It is the definer of VIEW `app`\.`seen`, so it stays, locked/);
        assert.equal((await users()).length, 1);
        assert.equal((await views()).length, 1, "what it defined is left as it is");
        const [row] = await users() as { user: string }[];
        const locked = await asRoot(
          `SELECT JSON_VALUE(priv, '$.account_locked') AS locked FROM mysql.global_priv WHERE user = '${
            row!.user
          }'`,
        ) as { locked: string }[];
        assert.match(String(locked[0]?.locked), /^(1|true)$/);
        await asRoot("DROP VIEW seen");
        await gateway.restart();
        await until("the next sweep drops it", async () => (await users()).length === 0);
      } finally {
        await gateway.close();
        await target.close();
      }
    },
  );
}

testNeeding(
  [mysqlHere, "mariadb"],
  "a user for each session on MySQL, named within its 32 characters",
  async () => {
    const target = await startMysql(`CREATE TABLE notes(id INT PRIMARY KEY);
INSERT INTO notes VALUES (1);
CREATE USER keeper IDENTIFIED BY 'keeper-secret';
GRANT CREATE USER, RELOAD, PROCESS, CONNECTION_ADMIN, ROLE_ADMIN ON *.* TO keeper;
GRANT SELECT ON mysql.* TO keeper;
CREATE ROLE app_read;
GRANT SELECT ON app.* TO app_read;
GRANT app_read TO keeper WITH ADMIN OPTION;`);
    const gateway = await startTestGateway({
      targets: targetOf(
        "mysql",
        target,
        "{ admin: { user: keeper, password: { env: KEEPER } }, roles: [app_read] }",
      ).replace("mode: disable", "mode: require"),
      sections: rules,
      env: { TARGET_PASSWORD: target.password, KEEPER: "keeper-secret" },
    });
    const keeper = await createConnection({
      host: "127.0.0.1",
      port: target.port,
      user: "keeper",
      password: "keeper-secret",
      ssl: { rejectUnauthorized: false },
    });
    try {
      const { user } = await passwordOf(await gateway.signIn(devin));
      const { stdout, stderr } = await run(
        [
          "mariadb",
          "-h127.0.0.1",
          `-P${gateway.ports.mysql}`,
          `-u${user.user}`,
          "-Ddemo",
          "-Ne",
          "SELECT CURRENT_USER(), CURRENT_ROLE(), (SELECT count(*) FROM notes)",
        ],
        { env: { MYSQL_PWD: user.password } },
      );
      assert.match(stdout, /^devin@example\.t#[0-9a-z]{16}@%\t`app_read`@`%`\t1/, stderr);
      await until("the user is gone", async () => {
        const [rows] = await keeper.query("SELECT user AS user FROM mysql.user WHERE user LIKE '%#%'");
        return (rows as unknown[]).length === 0;
      });
    } finally {
      await keeper.end();
      await gateway.close();
      await target.close();
    }
  },
);

async function passwordOf(
  person: { post(path: string, body: unknown): Promise<{ text: string; status: number }> },
) {
  const page = await person.post("/api/targets/demo/password", {});
  assert.equal(page.status, 200, page.text);
  const { user, lines } = JSON.parse(page.text) as { user: string; lines: { line: string }[] };
  const password = /MYSQL_PWD='?([^' ]+)/.exec(lines.map(({ line }) => line).join("\n"))?.[1] ?? "";
  return { user: { user, password } };
}
