/** `postern init` and the config's own description, by the command line. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";

const main = new URL("../../main.ts", import.meta.url).pathname;
const postern = (cwd: string, ...args: string[]) =>
  run([Deno.execPath(), "run", "-A", main, ...args], { cwd, timeoutMs: 120_000 });

const flags = [
  ...["--url", "http://127.0.0.1:8480", "--issuer", "http://127.0.0.1:8481"],
  ...["--target", "orders-prod=postgresql://postern@db.example.com:5433/orders", "--group", "engineers"],
];

Deno.test("init writes a config that check takes as soon as its secrets are there, and nothing over another", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-init-" });
  try {
    const { code, stdout, stderr } = await postern(folder, "init", ...flags);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /redirect URI http:\/\/127\.0\.0\.1:8480\/auth\/callback/);
    const missing = await postern(folder, "check", "postern.yaml");
    assert.match(missing.stderr, /secrets\/client-secret does not exist/);
    await Deno.mkdir(`${folder}/secrets`);
    await Deno.writeTextFile(`${folder}/secrets/client-secret`, "one");
    await Deno.writeTextFile(`${folder}/secrets/orders-prod`, "two");
    const good = await postern(folder, "check", "postern.yaml");
    assert.deepEqual([good.code, good.stderr], [0, ""]);
    assert.match(good.stdout, /good, 1 targets/);
    assert.match((await postern(folder, "init", ...flags)).stderr, /postern\.yaml is there already/);
    const bad = await postern(
      folder,
      "init",
      "--out",
      "b.yaml",
      "--target",
      "x=oracle://a@b/c",
      ...flags.slice(0, 4),
    );
    assert.match(bad.stderr, /where PROTOCOL is postgresql or mysql/);
    const unasked = await postern(folder, "init", "--out", "b.yaml");
    assert.match(unasked.stderr, /Say --url/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a secret comes from the operator's own program, and what goes wrong with it is said", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-secret-" });
  const program = async (body: string) => {
    await Deno.mkdir(`${folder}/bin`, { recursive: true });
    await Deno.writeTextFile(`${folder}/bin/postern-secret`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  };
  const check = async (path = `${folder}/bin:/usr/bin:/bin`) => {
    const { code, stdout, stderr } = await run(
      [Deno.execPath(), "run", "-A", main, "check", "postern.yaml"],
      {
        cwd: folder,
        env: { PATH: path },
        timeoutMs: 120_000,
      },
    );
    return { code, said: stdout + stderr };
  };
  try {
    await postern(folder, "init", ...flags);
    await Deno.mkdir(`${folder}/secrets`);
    await Deno.writeTextFile(`${folder}/secrets/client-secret`, "one");
    const config = await Deno.readTextFile(`${folder}/postern.yaml`);
    const named = "{ command: orders-prod }";
    await Deno.writeTextFile(
      `${folder}/postern.yaml`,
      config.replace("{ file: secrets/orders-prod }", named),
    );
    assert.match(
      (await check("/usr/bin:/bin")).said,
      /password: the program postern-secret is not on the PATH/,
    );
    await program('[ "$1" = orders-prod ] && echo planted-secret-93');
    const good = await check();
    assert.deepEqual([good.code, /planted/.test(good.said)], [0, false], good.said);
    await program("echo 'the vault is sealed' >&2; exit 3");
    assert.match((await check()).said, /postern-secret orders-prod ended with 3: the vault is sealed/);
    await program("exec sleep 30");
    assert.match((await check()).said, /took longer than 5 s/);
    await program("true");
    assert.match((await check()).said, /printed nothing/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the reference has every key with its default as it is written, and the schema is JSON Schema", async () => {
  const reference = (await postern("/", "config", "reference")).stdout;
  assert.match(reference, /^listen\.limits\.startup\n {4}duration, 1s to 5m; default 15s/m);
  assert.match(
    reference,
    /^targets\.NAME\.account\.password\n {4}secret: \{ env: NAME \}, \{ file: PATH \} or/m,
  );
  assert.match(reference, /^identity\.issuer\n {4}text; required/m);
  const schema = JSON.parse((await postern("/", "config", "schema")).stdout);
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.properties.listen.properties.limits.properties.statement.default, "16MB");
});
