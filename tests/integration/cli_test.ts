/** `postern login`, `targets`, `connect` and `logout`, as a person types them, against a real issuer and with the stock clients. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { runWithDevice } from "../support/device_prompt.ts";
import { alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { HttpBrowser } from "../support/http_browser.ts";
import { LocalPort, Machine } from "../support/machine.ts";
import { startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { cancelRequest, fieldsOf, RawPostgres, say } from "../support/raw_postgres.ts";
import { runPsql } from "../support/psql.ts";
import { testNeeding } from "../support/programs.ts";

const cli = { id: "postern-cli", redirectUris: ["http://127.0.0.1/callback"] };

testNeeding(
  [postgresqlHere, "psql", "mariadbd", "mariadb"],
  "login, targets, connect and logout from a terminal",
  async (t) => {
    const [postgresql, mariadb] = await Promise.all([
      startPostgresql({ sql: "CREATE TABLE t(a int)" }),
      startMariadb(),
    ]);
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", postgresql) +
        targetYaml("shop", "mysql", mariadb).replace("TARGET_PASSWORD", "SHOP_PASSWORD") +
        "    access: [{ name: at-once, then: grant, durationMax: 2h }]\n",
      env: { TARGET_PASSWORD: postgresql.password, SHOP_PASSWORD: mariadb.password },
      clients: [cli],
      identity: "  cliClientId: postern-cli",
    });
    const machine = new Machine();
    const { dashboard } = gateway;
    const secrets: string[] = [];
    const keep = () =>
      secrets.push(...Object.values(machine.saved().tokens).filter((one) => typeof one === "string"));
    try {
      await t.step("without a sign-in each command says how to get one", async () => {
        for (const args of [["targets"], ["connect", "demo"], ["logout"]]) {
          const { code, stderr } = await machine.postern(...args);
          assert.equal(code, 1);
          assert.match(stderr, /You are not signed in\n {2}Run `postern login/);
        }
      });
      await t.step("an address that is none, not https, or nobody's", async () => {
        const cases: [string, RegExp][] = [
          ["http://postern.example.com", /is not https/],
          ["https://x/y", /no address of a dashboard/],
          ["http://127.0.0.1:1", /cannot be reached at http:\/\/127.0.0.1:1/],
          [gateway.issuer.url, /answers with HTTP 404|does not answer as a Postern/],
        ];
        for (const [url, reason] of cases) {
          const { code, stderr } = await machine.postern("login", url);
          assert.equal(code, 1, url);
          assert.match(stderr, reason);
        }
      });
      await t.step("login by a device code keeps the tokens where nobody else reads them", async () => {
        const { code, stdout, stderr } = await runWithDevice(
          machine.command("login", dashboard),
          devin.email,
          machine.env(),
        );
        assert.equal(code, 0, stderr);
        assert.equal(stdout, `You are signed in at ${dashboard} as ${devin.email}\n`);
        assert.equal(Deno.statSync(machine.file).mode! & 0o777, 0o600);
        keep();
        assert.ok(!secrets.some((secret) => (stdout + stderr).includes(secret)));
      });
      await t.step("targets", async () => {
        const { stdout, stderr } = await machine.postern("targets");
        assert.match(stdout, /^TARGET {2}DATABASE +ENVIRONMENT\ndemo +\S+ +test\nshop +\S+ +test\n$/, stderr);
      });
      await t.step("access asks for a target that opens for a time", async () => {
        const list = await machine.postern("access");
        assert.match(list.stdout, /^demo +test +open to you\nshop +test +ask for it\n$/, list.stderr);
        const bare = await machine.postern("access", "shop");
        assert.match(bare.stderr, /Say why: --reason/);
        const early = await machine.postern("connect", "shop", "--", "-N", "-e", "SELECT 1");
        assert.match(early.stderr, /you have no access to shop now: ask for it at http/);
        const asked = await machine.postern("access", "shop", "--reason", "ticket 4711", "--for", "8h");
        assert.match(
          asked.stdout,
          /^You have access to shop until \d{4}-\S+ \S+ UTC \(rule at-once\)/,
          asked.stderr,
        );
        assert.match((await machine.postern("access")).stdout, /shop +test +open until/);
        const later = await machine.postern("access", "shop", "--reason", "tonight", "--from", "3h");
        assert.match(
          later.stdout,
          /You have access to shop from \S+ \S+ UTC until \S+ \S+ UTC/,
          later.stderr,
        );
        const never = await machine.postern("access", "shop", "--reason", "tonight", "--from", "soon");
        assert.match(never.stderr, /"soon" is no moment, as in 2026-01-31T08:00Z, or 2h from now/);
      });
      await t.step("connect starts psql and mariadb, signed in, with arguments of one's own", async () => {
        const psql = await machine.postern("connect", "demo", "--", "-X", "-Atc", "SELECT 'in'");
        assert.deepEqual([psql.code, psql.stdout], [0, "in\n"], psql.stderr);
        const other = await machine.postern("connect", "shop", "--", "-N", "-e", "SELECT 'in'");
        assert.deepEqual([other.code, other.stdout], [0, "in\n"], other.stderr);
        const failing = await machine.postern("connect", "demo", "--", "-X", "-c", "SELECT nothing");
        assert.equal(failing.code, 1, "the client's own exit code");
        assert.match(failing.stderr, /column "nothing" does not exist/);
      });
      await t.step(
        "proxy keeps a port open: psql, a burst of a pool, mariadb, Ctrl-C of a statement, and its own end",
        async () => {
          const demo = await LocalPort.open(machine, "demo");
          const at = `host=127.0.0.1 port=${demo.port} dbname=demo user=whoever`;
          const psql = (sql: string) => runPsql({ connection: at, args: ["-Atc", sql] });
          const first = await psql("SELECT 'in'");
          assert.equal(first.stdout, "in\n", first.stderr);
          const pool = await Promise.all(Array.from({ length: 5 }, (_, n) => psql(`SELECT ${n}`)));
          assert.deepEqual(pool.map(({ stdout }) => stdout), ["0\n", "1\n", "2\n", "3\n", "4\n"]);
          const raw = await RawPostgres.ready(demo.port, { user: "gui", database: "gui" });
          await raw.send(say.query("SELECT count(*) FROM generate_series(1, 100000000000)"));
          const cancel = await RawPostgres.open(demo.port);
          const [answer] = await Promise.all([
            raw.until("Z"),
            cancel.send(cancelRequest(raw.pid, raw.secret)).then(() => cancel.rest()),
          ]);
          assert.equal(fieldsOf(answer.find(({ type }) => type === "E")!).C, "57014", "cancelled");
          raw.close();
          const shop = await LocalPort.open(machine, "shop");
          const mariadbClient = [
            "mariadb",
            "-h",
            "127.0.0.1",
            "-P",
            String(shop.port),
            "-u",
            "me",
            "--skip-ssl",
            "-N",
          ];
          for (const more of [[], ["-pwhatever"], ["-D", "shop"]]) {
            const { stdout, stderr } = await run([...mariadbClient, ...more, "-e", "SELECT 'in'"], {
              env: machine.env(),
            });
            assert.equal(stdout, "in\n", stderr);
          }
          const wrong = await runPsql({
            connection: at.replace("dbname=demo", "dbname=nothing"),
            args: ["-c", "SELECT 1"],
          });
          assert.match(wrong.stderr, /does not offer the database "nothing"/);
          for (const one of [demo, shop]) assert.equal(await one.end(), 0);
          const refused = await machine.postern("proxy", "other");
          assert.match(refused.stderr, /There is no target "other" that you may reach/);
        },
      );
      await t.step("a target that is none is refused in words", async () => {
        const { code, stderr } = await machine.postern("connect", "other");
        assert.equal(code, 1);
        assert.match(stderr, /There is no target "other" that you may reach/);
      });
      await t.step("tokens that are about to end are renewed, and the new ones kept", async () => {
        const { tokens } = machine.saved();
        const aged = Deno.readTextFileSync(machine.file).replace(
          String(tokens.expiresAt),
          String(Date.now()),
        );
        Deno.writeTextFileSync(machine.file, aged);
        // Two at once: only one of them may use the refresh token.
        const both = await Promise.all([machine.postern("targets"), machine.postern("targets")]);
        for (const { code, stderr } of both) assert.equal(code, 0, stderr);
        keep();
        assert.notEqual(machine.saved().tokens.refreshToken, tokens.refreshToken);
        assert.ok((machine.saved().tokens.expiresAt as number) > Date.now());
        assert.equal(Deno.statSync(machine.file).mode! & 0o777, 0o600);
      });
      await t.step("a file that others may read, or that is damaged, is not used", async () => {
        const whole = Deno.readTextFileSync(machine.file);
        Deno.chmodSync(machine.file, 0o644);
        assert.match((await machine.postern("targets")).stderr, /others on this machine may read it\n.*rm /s);
        Deno.chmodSync(machine.file, 0o600);
        Deno.writeTextFileSync(machine.file, whole.slice(0, 50));
        const { stderr } = await machine.postern("targets");
        assert.match(stderr, /it is damaged/);
        assert.ok(!secrets.some((secret) => stderr.includes(secret)));
        Deno.writeTextFileSync(machine.file, whole);
      });
      await t.step("logout removes the tokens, and the issuer forgets them", async () => {
        const { tokens } = machine.saved();
        const { stdout, stderr } = await machine.postern("logout");
        assert.equal(stdout, `You are signed out of ${dashboard}\n`, stderr);
        assert.ok(!Deno.readTextFileSync(machine.file).includes(String(tokens.bearer)));
        const again = await fetch(`${gateway.issuer.url}/token`, {
          method: "POST",
          body: new URLSearchParams({
            grant_type: "refresh_token",
            client_id: cli.id,
            refresh_token: String(tokens.refreshToken),
          }),
        });
        assert.equal((await again.json()).error, "invalid_grant");
      });
      await t.step("login in a browser on this machine, by a redirect to loopback", async () => {
        const [program = "", ...args] = machine.command("login", dashboard, "--browser");
        const child = new Deno.Command(program, {
          args,
          env: machine.env(),
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const stdout = new Response(child.stdout).text();
        let stderr = "";
        for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
          stderr += chunk;
          const link = /open (http\S+)\n/.exec(stderr)?.[1];
          if (link === undefined) continue;
          const browser = new HttpBrowser();
          const list = await browser.get(link);
          const page = await browser.post(list.url, { person: devin.email });
          assert.match(page.text, /Go back to your terminal/);
          break;
        }
        assert.equal((await child.status).code, 0);
        assert.match(await stdout, /You are signed in/);
        keep();
      });
      await t.step("Ctrl-C during a login ends it, and keeps nothing", async () => {
        const other = new Machine();
        const [program = "", ...args] = other.command("login", dashboard);
        const child = new Deno.Command(program, { args, env: other.env(), stdout: "null", stderr: "piped" })
          .spawn();
        let stderr = "";
        for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
          stderr += chunk;
          if (/enter the code/.test(stderr) && !/Stopped/.test(stderr)) child.kill("SIGINT");
        }
        assert.equal((await child.status).code, 1);
        assert.match(stderr, /Stopped; nothing was kept/);
        assert.throws(() => Deno.statSync(other.file), Deno.errors.NotFound);
      });
      await t.step("no token and no password is in the record", async () => {
        const { text } = await (await gateway.signIn(alex)).api("/api/audit/export");
        assert.ok(text.includes("password.issued"));
        assert.ok(secrets.length >= 6 && !secrets.some((secret) => text.includes(secret)));
      });
    } finally {
      await gateway.close();
      await Promise.all([postgresql.close(), mariadb.close()]);
      await Deno.remove(machine.home, { recursive: true });
    }
  },
);
