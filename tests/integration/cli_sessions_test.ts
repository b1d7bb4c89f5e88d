/**
 * Sessions of `postern connect` and `postern proxy`: they outlast the token that they were opened with, and end when
 * their person is disabled at the issuer or loses a group, though every token of theirs is still good.
 */
import assert from "node:assert/strict";
import type { Tokens } from "../../policy/identity/public_client.ts";
import { proofOf } from "../../ui/cli/dashboard.ts";
import { runWithDevice } from "../support/device_prompt.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import type { Person } from "../support/issuer.ts";
import { LocalPort, Machine } from "../support/machine.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { eventually } from "../support/news.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, startPsql } from "../support/psql.ts";

const cli = { id: "postern-cli", redirectUris: ["http://127.0.0.1/callback"] };
const personOf = (name: string): Person => ({
  email: `${name}@example.test`,
  name,
  groups: ["engineers", "on-call"],
});

/** The target's client as `postern connect` starts it, fed and read line by line. */
class Connected {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #errors: Promise<string>;
  #shown = "";

  constructor(machine: Machine, target = "demo", quiet = ["-X", "-At"]) {
    const [program = "", ...args] = machine.command("connect", target, "--", ...quiet);
    this.#child = new Deno.Command(program, {
      args,
      env: machine.env(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#errors = new Response(this.#child.stderr).text();
    void this.#read();
  }

  async #read(): Promise<void> {
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.#shown += chunk;
  }

  async ask(sql: string, answer: string): Promise<void> {
    await this.send(sql);
    await eventually(() => Promise.resolve(this.#shown.includes(answer)), `the client to show ${answer}`);
  }

  async send(sql: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${sql}\n`)).catch(() => {});
  }

  /** What it wrote to stderr, when it has ended. */
  async end(): Promise<string> {
    await this.#input.close().catch(() => {});
    await this.#child.status;
    return await this.#errors;
  }
}

const headersOf = (machine: Machine) => proofOf(machine.saved().tokens as unknown as Tokens);

testNeeding(
  [postgresqlHere, mariadbHere, "psql", "mariadb", "script"],
  "sessions of postern connect and proxy outlast their token, and end with their person",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const shop = await startMariadb();
    const [lou, mia, noa] = ["lou", "mia", "noa"].map(personOf) as [Person, Person, Person];
    const people = [devin, lou, mia, noa];
    const gateway = await startTestGateway({
      targets: `${targetYaml("demo", "postgresql", database)}
${targetYaml("shop", "mysql", shop).replace("TARGET_PASSWORD", "SHOP_PASSWORD")}`,
      env: { TARGET_PASSWORD: database.password, SHOP_PASSWORD: shop.password },
      people,
      clients: [cli],
      idTokenSeconds: 40,
      // Nobody who cannot be asked about again gets in: what gets in here can be.
      identity: "  cliClientId: postern-cli\n  recheck: 1s\n  unchecked: 0s\n  scopes: [email, groups]",
    });
    const { dashboard } = gateway;
    const machineOf = async (person: Person): Promise<Machine> => {
      const machine = new Machine();
      const { code, stderr } = await runWithDevice(
        machine.command("login", dashboard),
        person.email,
        machine.env(),
      );
      assert.equal(code, 0, stderr);
      return machine;
    };
    const renew = async (machine: Machine, users: string[]): Promise<number> => {
      const response = await fetch(`${dashboard}/api/sessions/renew`, {
        method: "POST",
        headers: { ...headersOf(machine), "content-type": "application/json" },
        body: JSON.stringify({ users }),
      });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return JSON.parse(text).sessions;
    };
    try {
      await t.step("a session goes on when the token that opened it has ended", async () => {
        const machine = await machineOf(devin);
        const connected = new Connected(machine);
        await connected.ask("SELECT 'opened';", "opened");
        const shopping = new Connected(machine, "shop", ["-nNB"]);
        await shopping.ask("SELECT 'opened', 'too';", "opened\ttoo");
        const port = await LocalPort.open(machine, "demo");
        const through = startPsql({
          connection: `host=127.0.0.1 port=${port.port} dbname=demo user=any sslmode=disable`,
        });
        await through.expect(/=[>#] /);
        const endsAt = Number(machine.saved().tokens.expiresAt);
        await eventually(() => Promise.resolve(Date.now() > endsAt + 2000), "the tokens of then to end");
        await connected.ask("SELECT 'still ' || 'here';", "still here");
        await shopping.ask("SELECT concat('still ', 'shopping');", "still shopping");
        await through.send("SELECT 'through ' || 'still';");
        await through.expect(/through still/);
        await through.close();
        assert.equal(await port.end(), 0);
        assert.equal(await connected.end(), "");
        assert.equal(await shopping.end(), "");
      });
      await t.step("nobody prolongs another's session, and nobody by less than they came with", async () => {
        const [hers, his] = [await machineOf(mia), await machineOf(noa)];
        const connected = new Connected(hers);
        await connected.ask("SELECT 'opened';", "opened");
        const sessions = await (await gateway.signIn(devin)).json<{ sessions: unknown[] }>("/api/live");
        assert.deepEqual(sessions.sessions, [], "an engineer sees their own alone");
        const mine = await (await gateway.signIn(mia)).json<
          { sessions: { client: { user: string }; target: string }[] }
        >("/api/live");
        const users = mine.sessions.map(({ client }) => client.user);
        assert.equal(users.length, 1);
        assert.equal(await renew(his, users), 0);
        assert.equal(await renew(hers, ["mia-22222222"]), 0);
        assert.equal(await renew(hers, users), 1);
        assert.equal(await connected.end(), "");
      });
      await t.step("disabled at the issuer: it ends, though its token is good", async () => {
        const machine = await machineOf(lou);
        const connected = new Connected(machine);
        await connected.ask("SELECT 'opened';", "opened");
        const headers = headersOf(machine);
        people.splice(people.indexOf(lou), 1);
        await eventually(
          async () => {
            const response = await fetch(`${dashboard}/api/me`, { headers });
            return (await response.text()).includes("no longer knows the sign-in of lou@example.test");
          },
          "Postern to hear of it",
        );
        await connected.send("SELECT 'after';");
        assert.match(await connected.end(), /no longer knows the sign-in of lou@example.test/);
        assert.match((await machine.postern("targets")).stderr, /no longer knows|cannot be renewed/);
      });
      await t.step("without a group: so does one of the proxy", async () => {
        const machine = await machineOf(noa);
        const port = await LocalPort.open(machine, "demo");
        const through = startPsql({
          connection: `host=127.0.0.1 port=${port.port} dbname=demo user=any sslmode=disable`,
        });
        await through.expect(/=[>#] /);
        people[people.indexOf(noa)] = { ...noa, groups: ["engineers"] };
        await endedWith(through, /no longer a member of on-call/);
        await through.close();
        assert.equal(await port.end(), 0);
      });
    } finally {
      await gateway.close();
      await Promise.all([database.close(), shop.close()]);
    }
  },
);

/** The session hears of its end with a statement at the latest. */
async function endedWith(psql: PsqlSession, reason: RegExp): Promise<void> {
  await eventually(async () => {
    await psql.send("SELECT 1;");
    return await psql.expect(reason, 1000).then(() => true, () => false);
  }, `psql to hear ${reason}`);
}
