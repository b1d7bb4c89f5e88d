/**
 * Tries a compiled binary in an empty folder, with nothing of the checkout beside it: it starts, serves the
 * dashboard, lets psql through without TLS to a real PostgreSQL after a real sign-in, records what ran, stops
 * on a signal, and starts again on its data.
 *
 *   deno run -A tests/e2e/binary_smoke.ts dist/postern
 */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { Daemon, run } from "../support/daemons.ts";
import { DashboardUser, devin, targetYaml } from "../support/gateway.ts";
import { signInByHttp, startIssuer } from "../support/issuer.ts";
import { freePort, waitForPort } from "../support/ports.ts";
import { type Postgresql, startPostgresql } from "../support/postgresql.ts";
import { startPsql } from "../support/psql.ts";

const say = (what: string) => console.log(`  ${what}`);

interface Place {
  readonly binary: string;
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly port: number;
  readonly dashboard: string;
}

const configOf = (place: Place, issuer: string, target: Postgresql): string =>
  `listen:
  postgresql: 127.0.0.1:${place.port}
dashboard: { listen: "${new URL(place.dashboard).host}", url: "${place.dashboard}" }
data: ./data
identity: { issuer: "${issuer}", clientId: postern, clientSecret: { env: CLIENT_SECRET }, groupsClaim: groups }
roles: { approver: [db-approvers], auditor: [engineers] }
targets:
${targetYaml("orders", "postgresql", target)}
masks:
  - columns: ["public.people.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

async function start(place: Place): Promise<Daemon> {
  const began = performance.now();
  const command = [place.binary, "serve", "--config", "postern.yaml"];
  const daemon = new Daemon(command, `${place.folder}/log`, place.env, place.folder);
  const dashboardPort = Number(new URL(place.dashboard).port);
  for (const port of [dashboardPort, place.port]) {
    await waitForPort(port, 60_000, () => daemon.obituary());
  }
  say(`up after ${Math.round(performance.now() - began)} ms`);
  return daemon;
}

async function tryDashboard(place: Place): Promise<void> {
  const page = await fetch(`${place.dashboard}/`, { redirect: "manual" });
  const text = await page.text();
  const shell = page.status < 300 ? text : await (await fetch(`${place.dashboard}/auth/login`)).text();
  assert.ok(page.headers.get("content-security-policy"), `no policy at / (${page.status})`);
  assert.ok(shell.length > 200, "the dashboard answers with a page");
}

/** Through the gate with psql: sign in by its link, read with a mask, be refused. */
async function tryPsql(place: Place): Promise<DashboardUser> {
  const psql = startPsql({
    connection: `host=127.0.0.1 port=${place.port} user=devin dbname=orders sslmode=disable`,
  });
  try {
    const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
    const { browser } = await signInByHttp(`${place.dashboard}/auth/login?next=/`, devin.email);
    const person = new DashboardUser(browser, place.dashboard);
    const confirmed = await person.confirm(link);
    assert.equal(confirmed.status, 200, confirmed.text);
    await psql.expect("orders=>");
    await psql.send("SELECT name, ssn FROM people;");
    await psql.expect(/Boris \|.*1120\n/);
    // Long enough for the Worker, which a binary must have in it.
    const lines = Array.from({ length: 4 }, () => "-- ".padEnd(3_000, "x"));
    await psql.send(`SELECT ssn\n${lines.join("\n")}\nFROM people;`);
    await psql.expect(/ \*{3}-\*{2}-1120\n\(1 row/);
    await psql.send("DROP TABLE people;");
    await psql.expect(/ERROR:/);
    assert.ok(!psql.transcript.includes("900-11-1120"), "the masked value is nowhere in the terminal");
    return person;
  } catch (error) {
    console.error(psql.transcript);
    throw error;
  } finally {
    await psql.close();
  }
}

async function tryRecord(place: Place): Promise<void> {
  const command = ["audit", "export", "--config", "postern.yaml"];
  const options = { cwd: place.folder, env: place.env };
  const exported = await run([place.binary, ...command], options);
  assert.equal(exported.code, 0, exported.stderr);
  assert.ok(exported.stdout.includes("DROP TABLE people"), "the refused statement is in the record");
  await Deno.writeTextFile(`${place.folder}/audit.jsonl`, exported.stdout);
  const verified = await run([place.binary, "audit", "verify", "audit.jsonl"], options);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
}

/** As systemd is told; the runtime's rights to send there are the binary's own. */
async function told(manager: Deno.DatagramConn, state: string): Promise<void> {
  const heard: string[] = [];
  for await (const [datagram] of manager) {
    heard.push(new TextDecoder().decode(datagram).split("\n")[0] ?? "");
    if (heard.at(-1) === state) return;
    assert.ok(heard.length < 20, `${state} among ${heard.join(", ")}`);
  }
}

async function main(binary: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-binary-" });
  const dashboard = `http://127.0.0.1:${freePort()}`;
  const issuer = await startIssuer({
    people: [devin],
    clients: [{ id: "postern", secret: "test-client-secret", redirectUris: [`${dashboard}/auth/callback`] }],
  });
  const target = await startPostgresql({
    sql: "CREATE TABLE people (name text, ssn text); INSERT INTO people VALUES ('Boris', '900-11-1120')",
  });
  const notify = `${folder}/notify`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path: notify });
  const secrets = { CLIENT_SECRET: "test-client-secret", TARGET_PASSWORD: target.password };
  const env = { ...secrets, HOME: folder, NOTIFY_SOCKET: notify };
  const place = { binary: resolve(binary), folder, env, port: freePort(), dashboard };
  let daemon: Daemon | null = null;
  try {
    say(`${(await Deno.stat(place.binary)).size >> 20} MB`);
    await Deno.writeTextFile(`${folder}/postern.yaml`, configOf(place, issuer.url, target));
    const checked = await run([place.binary, "check", "postern.yaml"], { cwd: folder, env });
    assert.deepEqual([checked.code, checked.stderr], [0, ""], checked.stdout + checked.stderr);
    say("takes its config, and says nothing else");
    daemon = await start(place);
    await told(manager, "READY=1");
    await tryDashboard(place);
    say("serves the dashboard");
    await tryPsql(place);
    say("lets psql through, masks and refuses");
    await daemon.stop("SIGTERM");
    await told(manager, "STOPPING=1");
    say("stops on SIGTERM, and tells the service manager of start and stop");
    await tryRecord(place);
    say("has recorded it in a chain that verifies");
    daemon = await start(place);
    await tryPsql(place);
    say("goes on after a restart");
  } catch (error) {
    console.error(await Deno.readTextFile(`${folder}/log`).catch(() => "no log"));
    throw error;
  } finally {
    await daemon?.stop("SIGKILL");
    manager.close();
    await target.close();
    await issuer.close();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [binary] = Deno.args;
  if (binary === undefined) {
    console.error("Which binary? deno run -A tests/e2e/binary_smoke.ts dist/postern");
    Deno.exit(2);
  }
  await main(binary);
  console.log("the binary works");
  Deno.exit(0);
}
