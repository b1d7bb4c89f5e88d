/** File descriptors that run short: who comes is told so, who is there goes on, and nothing ends. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { DashboardUser, devin } from "../support/gateway.ts";
import { signInByHttp } from "../support/http_browser.ts";
import { storeFolder } from "../support/journals.ts";
import { mariadbHere } from "../support/mariadb.ts";
import { mysqlClient, postgresClient, startPostern, withLab } from "../support/marked_load.ts";
import { freePort } from "../support/ports.ts";
import { postgresqlHere } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

/** Of each door; together more than there is room for. */
const crowd = 50;
const room = 100;
const rounds = Number(Deno.env.get("DESCRIPTOR_ROUNDS") ?? 2);

interface Knock {
  readonly door: string;
  readonly conn: Deno.TcpConn;
  said: string;
}

function knockAt(door: string, port: number): Promise<Knock> {
  return Deno.connect({ hostname: "127.0.0.1", port }).then((conn) => {
    const knock: Knock = { door, conn, said: "" };
    const listen = async () => {
      if (door === "dashboard") await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
      for await (const chunk of conn.readable) knock.said += new TextDecoder().decode(chunk);
    };
    listen().catch(() => {});
    return knock;
  });
}

const told = (knocks: readonly Knock[], at: string): boolean =>
  knocks.some(({ door, said }) => door === at && said.includes("limits.descriptors"));

const closeQuietly = ({ conn }: Knock): void => {
  try {
    conn.close();
  } catch {
    // Its reader closed it at the end.
  }
};

testNeeding(
  [postgresqlHere, mariadbHere, "prlimit"],
  "where file descriptors run short, newcomers at every door are told, sessions go on, and newcomers get in again",
  async () => {
    const { folder: data, remove } = await storeFolder();
    const metrics = freePort();
    const sections = `metrics: { listen: "127.0.0.1:${metrics}" }`;
    try {
      await withLab(data, async (lab) => {
        const postern = await startPostern(lab);
        try {
          const base = `http://127.0.0.1:${lab.ports.dashboard}`;
          const { browser } = await signInByHttp(`${base}/auth/login?next=/`, devin.email);
          const user = new DashboardUser(browser, base);
          const sessions = [await postgresClient(lab, user), await mysqlClient(lab, user)];
          for (let round = 0; round < rounds; round++) {
            const open = [...Deno.readDirSync(`/proc/${postern.pid}/fd`)].length;
            const limited = await run(["prlimit", `--pid=${postern.pid}`, `--nofile=${open + room}:`]);
            assert.equal(limited.code, 0, limited.stderr);
            const doors = Object.entries(lab.ports);
            const knocks: Knock[] = [];
            for (let at = 0; at < crowd; at++) {
              knocks.push(...await Promise.all(doors.map(([door, port]) => knockAt(door, port))));
            }
            for (const [door, port] of doors) {
              // In the thick of it some are cut without a word: words would take the last descriptors.
              for (let tries = 0; !told(knocks, door); tries++) {
                assert.ok(tries < 600, `nobody is told why at ${door}`);
                knocks.push(await knockAt(door, port));
                await new Promise((resolve) => setTimeout(resolve, 200));
              }
            }
            for (const session of sessions) await session("SELECT count(*) FROM marks");
            knocks.forEach(closeQuietly);
            for (const connect of [postgresClient, mysqlClient]) {
              let got: unknown = null;
              for (let tries = 0; got === null && tries < 600; tries++) {
                got = await connect(lab, user).then((session) => session("SELECT 1")).catch(() => null);
                if (got === null) await new Promise((resolve) => setTimeout(resolve, 100));
              }
              assert.ok(got !== null, "nobody is let in any more");
            }
            assert.ok(postern.running, postern.obituary() ?? "");
            const counted = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
            assert.match(counted, /postern_limits_reached_total\{limit="limits\.descriptors"\} [1-9]/);
          }
          // A crowd that comes within one turn of the event loop may take the last ones before anybody is cut: what
          // the runtime ends then is opened anew.
          assert.doesNotMatch(await Deno.readTextFile(postern.log), /panicked|Uncaught/);
        } finally {
          await postern.stop("SIGKILL");
        }
      }, { sections });
    } finally {
      await remove();
    }
  },
);

testNeeding(
  ["prlimit"],
  "a server of HTTP whose last file descriptor was taken goes on when there are some again",
  async () => {
    const script = new URL("../support/scripts/served_without_descriptors.ts", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "-A", "--no-check", script];
    const { code, stdout, stderr } = await run(["prlimit", "--nofile=64:64", ...deno], {
      env: { HOME: Deno.env.get("HOME") ?? "" },
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /serves again/);
  },
);
