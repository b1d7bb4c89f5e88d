/** A real issuer over TLS whose certificate is from a private authority: refused, trusted, and trusted anew by a reload. */
import assert from "node:assert/strict";
import { createAuthority } from "../support/certificates.ts";
import { run } from "../support/daemons.ts";
import { runWithDevice } from "../support/device_prompt.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { createStore } from "../support/journals.ts";

Deno.test("identity.ca: an issuer with a certificate of a private authority, changed by a reload", async (t) => {
  const [stranger, authority] = [createAuthority(), createAuthority()];
  const folder = await Deno.makeTempDir({ prefix: "postern-ca-" });
  await createStore(`${folder}/store`);
  const trust = (ca: typeof authority) => Deno.writeTextFile(`${folder}/issuer-ca.pem`, ca.certificate);
  await trust(stranger);
  const gateway = await startTestGateway({
    folder,
    targets: targetYaml("demo", "postgresql", { host: "127.0.0.1", port: 1, database: "demo", user: "app" }),
    env: { TARGET_PASSWORD: "none" },
    issuerTls: { ...authority.issue(), ca: authority.certificate },
    clients: [{ id: "postern-cli", redirectUris: ["http://127.0.0.1/callback"] }],
    identity: "  ca: { file: issuer-ca.pem }\n  cliClientId: postern-cli",
  });
  const { issuer, dashboard } = gateway;
  const reload = async () =>
    await gateway.gateway.reload({
      text: await Deno.readTextFile(gateway.configFile),
      file: gateway.configFile,
      env: (name) => ({ CLIENT_SECRET: "test-client-secret", TARGET_PASSWORD: "none" })[name],
    }, "test");
  const me = async () => {
    const token = issuer.signToken(issuer.claimsOf(devin.email, "postern"));
    const response = await fetch(`${dashboard}/api/me`, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, text: await response.text() };
  };
  try {
    assert.match(issuer.url, /^https:/);
    await t.step("another authority's: nobody gets in, and is told which setting it is", async () => {
      const { status, text } = await me();
      assert.equal(status, 401, text);
      assert.match(
        text,
        /cannot be reached at https:\S+: its TLS certificate is not accepted \(identity\.ca\b/,
      );
      assert.equal(issuer.requests.size, 0, "the issuer was asked nothing");
    });
    await t.step("the file is read anew by a reload, and counts at once", async () => {
      await trust(authority);
      assert.match(await reload(), /in force now: identity\.ca/);
      // After a failure the issuer is asked again a second later at the earliest.
      let answer = await me();
      for (let tries = 0; answer.status !== 200 && tries < 600; tries++) {
        await new Promise((wake) => setTimeout(wake, 100));
        answer = await me();
      }
      assert.equal(answer.status, 200, answer.text);
    });
    await t.step("the whole of a sign-in by browser: discovery, code, keys", async () => {
      const user = await gateway.signIn(devin);
      assert.equal((await user.json<{ name: string }>("/api/me")).name, devin.email);
    });
    await t.step("postern login from a machine that does not trust it, and does with --ca", async () => {
      const env = { ...Deno.env.toObject(), POSTERN_HOME: `${folder}/home`, NO_COLOR: "1" };
      const program = new URL("../../main.ts", import.meta.url).pathname;
      const command = (...args: string[]) => [Deno.execPath(), "run", "-A", "--no-check", program, ...args];
      const distrusted = await run(command("login", dashboard), { env });
      assert.equal(distrusted.code, 1);
      assert.match(distrusted.stderr, /its TLS certificate is not accepted \(.*postern login --ca\)/);
      await Deno.writeTextFile(`${folder}/none.pem`, "no certificate");
      for (const file of ["none.pem", "missing.pem"]) {
        const { code, stderr } = await run(command("login", dashboard, "--ca", `${folder}/${file}`), { env });
        assert.ok(code !== 0 && /--ca: \S+ (holds no certificate|cannot be read)/.test(stderr), stderr);
      }
      const ca = ["--ca", `${folder}/issuer-ca.pem`];
      const trusted = await runWithDevice(
        command("login", dashboard, ...ca),
        devin.email,
        env,
        authority.certificate,
      );
      assert.equal(trusted.stdout, `You are signed in at ${dashboard} as ${devin.email}\n`, trusted.stderr);
      // Renewal and revocation ask the issuer again, without --ca.
      const file = `${folder}/home/credentials.json`;
      const saved = JSON.parse(await Deno.readTextFile(file));
      saved.signIns[dashboard].tokens.expiresAt = Date.now();
      await Deno.writeTextFile(file, JSON.stringify(saved), { mode: 0o600 });
      const targets = await run(command("targets"), { env });
      assert.match(targets.stdout, /^demo /m, targets.stderr);
      const left = await run(command("logout"), { env });
      assert.equal(left.stdout, `You are signed out of ${dashboard}\n`, left.stderr);
    });
  } finally {
    await gateway.close();
    await Deno.remove(folder, { recursive: true });
  }
});
