/** As a service of systemd: told when it serves, lives, reads its config anew and stops; on a socket handed over. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { startIssuer } from "../support/issuer.ts";
import { freePort } from "../support/ports.ts";
import { testNeeding } from "../support/programs.ts";
import { RawPostgres, sslRequest } from "../support/raw_postgres.ts";
import { until } from "../support/receivers.ts";

const root = new URL("../../", import.meta.url).pathname;
/** With the permissions that the compiled binary has, and no others. */
const program = [
  ...[Deno.execPath(), "run", "--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
  ...["--deny-ffi", "--no-prompt", "--no-check", `${root}main.ts`],
];

/** systemd's stand-in with Postern under it. */
async function startService(folder: string, port: number) {
  const child = new Deno.Command("python3", {
    args: [
      `${root}tests/support/scripts/service_manager.py`,
      folder,
      String(port),
      ...program,
      "serve",
      "--config",
      `${folder}/postern.yaml`,
    ],
    env: { CLIENT_SECRET: "test-client-secret" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  const read = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  await until(() => lines.length > 0, "it started");
  return { lines, pid: Number(lines[0]!.split(" ")[0]), ended: Promise.all([read, child.status]) };
}

interface Service {
  readonly config: string;
  readonly folder: string;
  readonly port: number;
  /** What is in the config, and nobody may listen on. */
  readonly unused: number;
  readonly lines: readonly string[];
  readonly pid: number;
  /** How often it has told of that state. */
  readonly told: (state: string) => number;
}

async function withService(body: (service: Service) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-service-" });
  const [dashboard, unused, port] = [freePort(), freePort(), freePort()];
  const redirectUris = [`http://127.0.0.1:${dashboard}/auth/callback`];
  const issuer = await startIssuer({
    people: [],
    clients: [{ id: "postern", secret: "test-client-secret", redirectUris }],
  });
  const config = `${folder}/postern.yaml`;
  await Deno.writeTextFile(
    config,
    `listen: { postgresql: 127.0.0.1:${unused} }
dashboard: { listen: "127.0.0.1:${dashboard}", url: "http://127.0.0.1:${dashboard}" }
data: ${folder}/data
identity: { issuer: "${issuer.url}", clientId: postern, clientSecret: { env: CLIENT_SECRET } }
roles: { approver: [db-approvers] }
targets:
  nothing: { protocol: postgresql, host: 127.0.0.1, database: demo, groups: [engineers], account: { user: nobody, password: { env: CLIENT_SECRET } } }
`,
  );
  const { lines, pid, ended } = await startService(folder, port);
  const told = (state: string) => lines.filter((line) => line.startsWith(`${pid} ${state}`)).length;
  try {
    await body({ config, folder, port, unused, lines, pid, told });
  } finally {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
    await ended;
    await issuer.close();
    await Deno.remove(folder, { recursive: true });
  }
}

testNeeding(
  ["python3"],
  "a service manager is told of start, life, reload and stop, and its socket keeps clients waiting meanwhile",
  () =>
    withService(async ({ config, folder, port, unused, lines, pid, told }) => {
      // It came before Postern listened, and waits in the socket.
      const early = await RawPostgres.open(port);
      await early.send(sslRequest);
      await until(() => told("READY=1") === 1, "it is ready", () => lines);
      assert.equal(await early.byte(), "N");
      early.close();
      await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: unused }));
      await until(() => told("WATCHDOG=1") > 3, "signs of life", () => lines);
      Deno.kill(pid, "SIGSTOP");
      // What was on its way may still come.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const before = told("WATCHDOG=1");
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.equal(told("WATCHDOG=1"), before, "a process that hangs gives no sign of life");
      Deno.kill(pid, "SIGCONT");
      const reload = await run([...program, "reload", "--config", config], {
        env: { CLIENT_SECRET: "test-client-secret", PATH: Deno.env.get("PATH") ?? "", HOME: folder },
      });
      assert.equal(reload.code, 0, reload.stderr);
      await until(() => told("READY=1") === 2, "it is ready again", () => lines);
      assert.equal(told("RELOADING=1"), 1);
      await Deno.writeTextFile(config, "nonsense");
      Deno.kill(pid, "SIGHUP");
      await until(() => told("READY=1") === 3, "a config that is refused leaves it ready", () => lines);
      Deno.kill(pid, "SIGTERM");
      await until(() => lines.at(-1)!.startsWith("ended"), "it ended", () => lines);
      assert.equal(told("STOPPING=1"), 1);
      assert.equal(lines.at(-1), "ended 0");
    }),
);

/** No number for another file is left to the process, until `release` is called. */
async function withoutDescriptors(pid: number): Promise<() => Promise<void>> {
  const limit = async (most: string) => {
    const { code, stderr } = await run(["prlimit", `--pid=${pid}`, `--nofile=${most}:`]);
    assert.equal(code, 0, stderr);
  };
  const open = new Set(Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => Number(name)));
  let free = 0;
  while (open.has(free)) free++;
  await limit(String(free));
  return () => limit("4096");
}

testNeeding(
  ["python3", "prlimit"],
  "where the socket that was handed over accepts nobody any more, it ends with a failure, to be started anew on it",
  () =>
    withService(async ({ port, lines, pid, told }) => {
      await until(() => told("READY=1") === 1, "it is ready", () => lines);
      const over = () => lines.at(-1)!.startsWith("ended");
      // Whether the runtime meets a client while there is no number left is up to the machine: once more, then.
      for (let tries = 0; !over() && tries < 5; tries++) {
        const release = await withoutDescriptors(pid);
        const knocks = await Promise.all(Array.from({ length: 5 }, () => RawPostgres.open(port)));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        for (const knock of knocks) knock.close();
        await release();
        for (let left = 250; !over() && left > 0; left--) {
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
      assert.equal(lines.at(-1), "ended 1");
      assert.equal(told("STOPPING=1"), 1);
    }),
);

Deno.test("the runtime's own telemetry, which would carry sign-in links, is refused with what to do instead", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-service-" });
  try {
    await Deno.writeTextFile(`${folder}/postern.yaml`, "data: ./data\n");
    const deno = [...program, "serve", "--config", `${folder}/postern.yaml`];
    const home = Deno.env.get("HOME") ?? "";
    for (const value of ["true", "1"]) {
      const env = { HOME: home, OTEL_DENO: value, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
      const { code, stderr } = await run(deno, { env });
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        /OTEL_DENO is set: .*sign-in links\. Unset it, and name your collector under `traces:`/,
      );
    }
    const { stderr } = await run(deno, { env: { HOME: home, OTEL_DENO: "false" } });
    assert.doesNotMatch(stderr, /OTEL_DENO/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
