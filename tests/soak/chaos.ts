/**
 * `deno run -A tests/soak/chaos.ts [--rounds 20] [--spell 10]`: clients of both protocols go on, whatever breaks, while
 * targets, issuer and the store's Worker are killed, the network path is cut, the disk fills up, the clock jumps and
 * file descriptors run out. Afterwards what the targets logged is compared with the record. As root on Linux.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { openJournal } from "../../policy/store/journal.ts";
import { type CutRelay, startCutRelay } from "../support/cut_relay.ts";
import type { Daemon } from "../support/daemons.ts";
import { ada, DashboardUser, devin } from "../support/gateway.ts";
import { signInByHttp } from "../support/http_browser.ts";
import { type Issuer, startIssuer } from "../support/issuer.ts";
import { storeFolder } from "../support/journals.ts";
import {
  compared,
  eventually,
  type Lab,
  loggedMarks,
  mysqlClient,
  postgresClient,
  recordedMarks,
  startPostern,
  withLab,
} from "../support/marked_load.ts";
import { growth } from "./main.ts";

export interface ChaosOptions {
  readonly rounds: number;
  /** How long a fault lasts. */
  readonly spellMs: number;
  readonly report: (line: string) => void;
  /** A part of the faults' names; all where left out. */
  readonly only?: RegExp;
}

export interface ChaosResult {
  readonly answered: number;
  /** Statements that were held, approved, and answered. */
  readonly passed: number;
  /** Holds that the record never ends. */
  readonly forgotten: readonly string[];
  /** After warming up, and after each fault. */
  readonly memory: readonly Memory[];
}

/** In MB. */
export interface Memory {
  readonly resident: number;
  /** On all heaps, in buffers and in the embedded database, after a collection: by thread, and in all. */
  readonly live: number;
  readonly threads: Readonly<Record<string, number>>;
}

interface Fault {
  readonly name: string;
  readonly begin: () => unknown;
  readonly end: () => unknown;
}

const kinds = ["pg", "my"] as const;
const clientsOfEach = 3;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const rules = `  - name: held
    what: { kinds: [write], verbs: [DELETE] }
    then: approve
    approvers: { groups: [db-approvers] }
    deadline: 10s`;

async function sh(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Clients that connect again whenever they are cut off, and send one statement after another. */
class Crowd {
  readonly answered = { pg: 0, my: 0 };
  /** Statements that were answered with an error, and connections that were lost or not had. */
  refused = 0;
  lost = 0;
  /** A statement of each kind is held by each, now and then. */
  held = 0;
  /** Holds that the approver let pass, and whose statement was answered then. */
  approved = 0;
  passed = 0;
  /** What errors said since somebody asked. */
  readonly said = new Set<string>();
  #over = false;
  readonly #all: Promise<unknown>;

  constructor(
    private readonly lab: Lab,
    public user: DashboardUser,
    private approver: DashboardUser,
  ) {
    const each = Array.from({ length: clientsOfEach }, (_, at) => at);
    this.#all = Promise.all(kinds.flatMap((kind) => each.map((at) => this.#goOn(kind, at))));
    for (const kind of kinds) void this.#hold(kind);
    void this.#approve();
    void this.#staySignedIn();
  }

  /** Those that wait for approval are left waiting. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#all;
  }

  #connect(kind: "pg" | "my") {
    return kind === "pg" ? postgresClient(this.lab, this.user) : mysqlClient(this.lab, this.user);
  }

  async #goOn(kind: "pg" | "my", at: number): Promise<void> {
    for (let life = 0; !this.#over; life++) {
      try {
        const run = await this.#connect(kind);
        let wrong = 0;
        for (let i = 0; !this.#over && wrong < 3; i++) {
          const mark = `mark-${kind}-${at}-${life}-${i}`;
          const text = i % 3 === 0
            ? `INSERT INTO marks (mark) VALUES ('${mark}')`
            : `SELECT count(*), '${mark}' FROM marks WHERE mark = 'x'`;
          await within(run(text), 10_000).then(() => {
            this.answered[kind]++;
            wrong = 0;
          }, (error) => {
            this.said.add(wordsOf(error));
            this.refused++;
            wrong++;
          });
          await pause(10);
        }
      } catch (error) {
        this.said.add(wordsOf(error));
        await pause(200);
      }
      this.lost++;
    }
  }

  /** Sign-ins end in time, sooner where the clock jumps: whoever is signed out signs in again. */
  async #staySignedIn(): Promise<void> {
    while (!this.#over) {
      await pause(1_000);
      try {
        this.user = await signedIn(this.lab, devin.email, this.user);
        this.approver = await signedIn(this.lab, ada.email, this.approver);
      } catch {
        // The issuer or the dashboard is out of reach.
      }
    }
  }

  /** Every other request, whatever is broken just now. */
  async #approve(): Promise<void> {
    const seen = new Set<string>();
    while (!this.#over) {
      await pause(200);
      try {
        const { requests } = await this.approver.json<{ requests: { id: string }[] }>("/api/requests");
        for (const { id } of requests.filter(({ id }) => !seen.has(id))) {
          seen.add(id);
          if (seen.size % 2 === 0) continue;
          const { status } = await this.approver.decide(id, true, "seen");
          if (status === 200) this.approved++;
        }
      } catch {
        // The dashboard is out of reach, too.
      }
    }
  }

  /** Holds a statement until it passes, or is refused by its deadline, or by whatever breaks. */
  async #hold(kind: "pg" | "my"): Promise<void> {
    for (let life = 0; !this.#over; life++) {
      try {
        const run = await this.#connect(kind);
        this.held++;
        await within(run(`DELETE FROM marks WHERE mark = 'held-${kind}-${life}'`), 15_000);
        this.passed++;
      } catch {
        await pause(500);
      }
    }
  }
}

/** The same one while it is signed in. */
async function signedIn({ ports }: Lab, email: string, now?: DashboardUser): Promise<DashboardUser> {
  const base = `http://127.0.0.1:${ports.dashboard}`;
  if (now !== undefined && (await now.browser.get(`${base}/api/me`)).status !== 401) return now;
  const { browser } = await signInByHttp(`${base}/auth/login?next=/`, email);
  return new DashboardUser(browser, base);
}

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").slice(0, 70);

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return Promise.race([
    promise,
    pause(ms).then(() => {
      throw new Error("no answer");
    }),
  ]);
}

const residentMb = (pid: number) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) / 1024);

/** Has the process say what it has in use (fault_points.ts). */
async function memoryOf({ lab: { folder }, postern }: World): Promise<Memory> {
  const path = `${folder}/memory`;
  await Deno.remove(path).catch(() => {});
  await Deno.writeTextFile(`${folder}/fault`, "memory");
  Deno.kill(postern.pid, "SIGUSR2");
  let text = "";
  await eventually(() => {
    try {
      text = Deno.readTextFileSync(path);
    } catch {
      assert.ok(postern.running, `Postern ended: ${postern.obituary()}`);
    }
    return text !== "";
  }, "what Postern has in use");
  const threads = Object.entries(JSON.parse(text) as Record<string, number>)
    .map(([name, bytes]) => [name, Math.round(bytes / 1_048_576)] as const);
  const live = threads.reduce((sum, [, mb]) => sum + mb, 0);
  return { resident: residentMb(postern.pid), live, threads: Object.fromEntries(threads) };
}

interface World {
  readonly lab: Lab;
  readonly postern: Daemon;
  readonly relays: readonly CutRelay[];
  /** A folder on the disk of the record. */
  readonly disk: string;
  issuer: Issuer;
}

function faultsOf(world: World): readonly Fault[] {
  const { lab, postern, relays, disk } = world;
  const inside = async (fault: string) => {
    await Deno.writeTextFile(`${lab.folder}/fault`, fault);
    Deno.kill(postern.pid, "SIGUSR2");
  };
  const knocks: Deno.TcpConn[] = [];
  const descriptors = (most: string) => sh("prlimit", "--pid", String(postern.pid), `--nofile=${most}`);
  const open = () => [...Deno.readDirSync(`/proc/${postern.pid}/fd`)].length;
  return [
    { name: "PostgreSQL killed", begin: () => lab.orders.crash(), end: () => lab.orders.start() },
    { name: "MariaDB killed", begin: () => lab.shop.crash(), end: () => lab.shop.start() },
    {
      name: "issuer killed",
      begin: () => world.issuer.close(),
      end: async () =>
        void (world.issuer = await startIssuer({ ...lab.issuerOptions, port: lab.issuer.port })),
    },
    { name: "store's Worker killed", begin: () => inside("worker"), end: () => {} },
    {
      name: "network path cut",
      begin: () => relays.forEach((relay) => relay.cut()),
      end: () => relays.forEach((relay) => relay.mend()),
    },
    {
      // Half-open connections: each side believes that the other is there.
      name: "network path silent",
      begin: () => relays.forEach((relay) => relay.silence()),
      end: () => relays.forEach((relay) => relay.mend()),
    },
    {
      name: "disk full",
      begin: () => sh("sh", "-c", `dd if=/dev/zero of=${disk}/ballast bs=1M 2>/dev/null || true`),
      end: () => Deno.remove(`${disk}/ballast`),
    },
    { name: "clock ten minutes ahead", begin: () => inside("600000"), end: () => inside("0") },
    {
      name: "file descriptors used up",
      // With others at the door, whom it cannot accept.
      async begin() {
        await descriptors(`${open()}:`);
        const { postgresql, mysql, dashboard } = lab.ports;
        const all = [postgresql, mysql, dashboard].flatMap((port) => Array.from({ length: 5 }, () => port));
        knocks.push(...await Promise.all(all.map((port) => Deno.connect({ hostname: "127.0.0.1", port }))));
      },
      async end() {
        for (const knock of knocks.splice(0)) knock.close();
        await descriptors("4096:");
      },
    },
  ];
}

/** Each fault for its time, and until clients of both protocols are answered again. */
async function round(
  world: World,
  crowd: Crowd,
  { spellMs, report, only = /./ }: ChaosOptions,
): Promise<Memory[]> {
  const memory: Memory[] = [];
  for (const { name, begin, end } of faultsOf(world).filter(({ name }) => only.test(name))) {
    const before = { ...crowd.answered, refused: crowd.refused, lost: crowd.lost };
    crowd.said.clear();
    await begin();
    await pause(spellMs);
    const during = crowd.answered.pg + crowd.answered.my - before.pg - before.my;
    await end();
    const { pg, my } = crowd.answered;
    await eventually(
      () => crowd.answered.pg > pg + 3 && crowd.answered.my > my + 3,
      `answers after: ${name}`,
    );
    // Those who come now are let in, too, whatever becomes of those who are there already.
    for (const connect of [postgresClient, mysqlClient]) {
      let run: unknown = null;
      for (let tries = 0; run === null; tries++) {
        // Who waited in the queue of a listener that is opened anew is told to come again.
        run = await within(connect(world.lab, crowd.user), 20_000).catch(() => null);
        assert.ok(run !== null || tries < 30, `nobody is let in any more after: ${name}`);
        if (run === null) await pause(1_000);
      }
    }
    assert.ok(world.postern.running, `Postern ended: ${world.postern.obituary()}`);
    const { resident, live } = memory[memory.push(await memoryOf(world)) - 1]!;
    const cells = [
      during,
      crowd.refused - before.refused,
      crowd.lost - before.lost,
      live,
      resident,
    ];
    report(
      `| ${name.padEnd(24)} | ${cells.map((cell) => String(cell).padStart(8)).join(" | ")} | ${
        [...crowd.said].join("; ")
      } |`,
    );
  }
  return memory;
}

/** Those that were held and ran are in the record as forwarded, each by an approval of its own. */
async function comparedHolds({ orders, shop }: Lab, data: string): Promise<void> {
  // As statements of their own: a preview explains them, too.
  const ran =
    /(?:statement: |execute [^:]*: |(?:Query|Execute)\t)DELETE FROM marks WHERE mark = '(held-\w+-\d+)'/g;
  const log = await orders.readLog() + await Deno.readTextFile(shop.generalLog);
  const passed = Array.from(log.matchAll(ran), ([, mark]) => mark);
  const journal = await openJournal({ folder: data });
  try {
    const recorded = new Set<string>();
    const approvals = new Set<string>();
    for await (const event of journal.export({ types: ["statement.judged"] })) {
      const { forwarded, text, approval } = event.data as {
        forwarded: boolean;
        text: string;
        approval?: string;
      };
      const mark = /held-\w+-\d+/.exec(text)?.[0];
      if (!forwarded || mark === undefined) continue;
      recorded.add(mark);
      approvals.add(approval ?? "");
    }
    assert.deepEqual(
      passed.filter((mark) => !recorded.has(mark ?? "")),
      [],
      "held statements ran unrecorded",
    );
    assert.equal(new Set(passed).size, passed.length, "none ran twice");
    assert.ok(!approvals.has("") && approvals.size === recorded.size, "each by its own approval");
  } finally {
    await journal.close();
  }
}

/** Requests for approval of which the record has no end. */
async function forgottenHolds(data: string): Promise<string[]> {
  const journal = await openJournal({ folder: data });
  try {
    const open = new Set<string>();
    for await (
      const { type, data } of journal.export({
        types: ["approval.requested", "approval.decided", "approval.withdrawn"],
      })
    ) {
      const { id, state } = data as { id: string; state?: string };
      if (type === "approval.requested") open.add(id);
      else if (state !== "pending") open.delete(id);
    }
    return [...open];
  } finally {
    await journal.close();
  }
}

async function under(
  lab: Lab,
  relays: readonly CutRelay[],
  disk: string,
  data: string,
  options: ChaosOptions,
): Promise<ChaosResult> {
  const postern = await startPostern(lab);
  const world: World = { lab, postern, relays, disk, issuer: lab.issuer };
  try {
    const crowd = new Crowd(lab, await signedIn(lab, devin.email), await signedIn(lab, ada.email));
    await eventually(() => crowd.answered.pg > 50 && crowd.answered.my > 50, "answers");
    const memory = [await memoryOf(world)];
    options.report(
      "| fault                    | answered |  refused |     lost |  live MB | resident | clients were told |",
    );
    for (let done = 0; done < options.rounds; done++) {
      memory.push(...await round(world, crowd, options));
    }
    await crowd.end();
    await postern.stop("SIGTERM");
    compared(await loggedMarks(lab), await recordedMarks(data));
    await comparedHolds(lab, data);
    const answered = crowd.answered.pg + crowd.answered.my;
    const { held, approved, passed } = crowd;
    options.report(
      `${answered} statements answered, ${held} held, ${approved} of them approved, ${passed} ran then`,
    );
    return { answered, passed, forgotten: await forgottenHolds(data), memory };
  } finally {
    const logTo = Deno.env.get("CHAOS_LOG");
    if (logTo !== undefined) await Deno.copyFile(`${lab.folder}/log`, logTo);
    await postern.stop("SIGKILL");
    await world.issuer.close();
  }
}

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const disk = await Deno.makeTempDir({ prefix: "postern-chaos-disk-" });
  await sh("mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk);
  const relays: CutRelay[] = [];
  try {
    const { folder: data } = await storeFolder(disk);
    let result: ChaosResult | null = null;
    await withLab(data, async (lab) => void (result = await under(lab, relays, disk, data, options)), {
      rules,
      run: ["--preload", new URL("./fault_points.ts", import.meta.url).pathname],
      async through(port) {
        const relay = await startCutRelay(port);
        relays.push(relay);
        return relay.port;
      },
    });
    return result!;
  } finally {
    for (const relay of relays) relay.close();
    await sh("umount", "-l", disk);
    await Deno.remove(disk);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      spell: { type: "string", default: "10" },
      only: { type: "string", default: "." },
    },
  });
  const rounds = Number(values.rounds);
  const { forgotten, memory } = await chaos({
    rounds,
    spellMs: Number(values.spell) * 1000,
    report: console.log,
    only: new RegExp(values.only),
  });
  const faults = (memory.length - 1) / rounds;
  const series = (of: (one: Memory) => number | undefined) =>
    memory.filter((_, at) => at % faults === 0).map(of).join(", ");
  console.log(`in use after each round, in MB: ${series(({ live }) => live)}`);
  for (const thread of Object.keys(memory[0]?.threads ?? {})) {
    console.log(`  of it in the thread "${thread}": ${series(({ threads }) => threads[thread])}`);
  }
  console.log(`resident after each round, in MB: ${series(({ resident }) => resident)}`);
  const grown = growth(memory.map(({ live }) => live));
  console.log(`growth from the second fifth to the last: ${grown} % in use`);
  console.log(`holds forgotten: ${forgotten.length}`);
  Deno.exit(forgotten.length === 0 && grown <= 10 ? 0 : 1);
}
