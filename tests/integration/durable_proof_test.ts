/**
 * No statement runs without its event: Postern is killed (kill -9) under load, again and again, and afterwards what
 * the targets logged is compared with what the record holds; the same with a disk that is full.
 *
 *   PROOF_KILLS=200 deno test -A --no-check tests/integration/durable_proof_test.ts
 */
import assert from "node:assert/strict";
import { storeFolder } from "../support/journals.ts";
import { mariadbHere } from "../support/mariadb.ts";
import {
  clientsEach,
  compared,
  eventually,
  type Lab,
  loggedMarks,
  recordedMarks,
  startLoad,
  startPostern,
  withLab,
} from "../support/marked_load.ts";
import { storeUrl } from "../support/nodes.ts";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

/** More by environment, for the proof in full. */
const kills = Number(Deno.env.get("PROOF_KILLS") ?? 3);
/** When within its life Postern is killed: at most so long after the first answers. */
const killMs = Number(Deno.env.get("PROOF_KILL_MS") ?? 700);
testNeeding(
  [postgresqlHere, mariadbHere],
  "kill -9 under load: what the targets logged is in the record, every time",
  async () => {
    const { folder: data, remove } = await storeFolder();
    try {
      await withLab(data, (lab) => killedAgainAndAgain(lab, () => recordedMarks(data)));
    } finally {
      await remove();
    }
  },
);

testNeeding(
  [postgresqlHere, mariadbHere],
  "kill -9 under load, the record in PostgreSQL, which crashes as well: what the targets logged is in the record",
  async () => {
    const { folder: data, remove } = await storeFolder();
    const store = await startPostgresql();
    const url = storeUrl(store);
    const options = { sections: "store: { url: { env: STORE_URL } }", env: { STORE_URL: url } };
    try {
      await withLab(data, (lab) => killedAgainAndAgain(lab, () => recordedMarks(data, url), store), options);
    } finally {
      await store.close();
      await remove();
    }
  },
);

/** In every other life `store`, where one is given, crashes before Postern is killed. */
async function killedAgainAndAgain(
  lab: Lab,
  record: () => Promise<Set<string>>,
  store: Pick<Postgresql, "crash" | "start"> | null = null,
): Promise<void> {
  let answered = 0;
  for (let life = 0; life < kills; life++) {
    const postern = await startPostern(lab);
    const load = await startLoad(lab, life, () => false);
    await load.begun;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * killMs));
    const crashes = store !== null && life % 2 === 0;
    if (crashes) {
      await store.crash();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * killMs));
    }
    // Its ports may answer for a moment longer than its clients are connected.
    await Promise.all([postern.stop("SIGKILL"), load.over]);
    if (crashes) await store.start();
    answered += load.answered;
  }
  const ran = await loggedMarks(lab);
  const recorded = await record();
  console.log(`    kills: ${kills}, clients: ${2 * clientsEach}, statements answered: ${answered}`);
  assert.ok(answered > 0 && ran.size >= answered, "the targets' logs hold what was answered");
  compared(ran, recorded);
}

const smallDiskHere = {
  missing: () => Deno.uid() === 0 ? null : "mounting a small disk needs root",
};

async function sh(...command: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
}

testNeeding(
  [postgresqlHere, mariadbHere, smallDiskHere, "mount"],
  "a full disk under load: statements are refused, none runs unrecorded, and it goes on when there is room",
  async () => {
    const disk = await Deno.makeTempDir({ prefix: "postern-proof-disk-" });
    await sh("mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", disk);
    try {
      const { folder: data } = await storeFolder(disk);
      await withLab(data, async (lab) => {
        const postern = await startPostern(lab);
        let stop = false;
        const load = await startLoad(lab, 0, () => stop);
        await load.begun;
        // All of the room but a little, in the middle of the work.
        await sh("sh", "-c", `dd if=/dev/zero of=${disk}/ballast bs=1M 2>/dev/null || true`);
        await eventually(() => load.refused >= 20, "refusals");
        const refused = load.refused;
        const before = load.answered;
        await Deno.remove(`${disk}/ballast`);
        await eventually(() => load.answered > before + 20, "statements to run again");
        stop = true;
        await load.over;
        Deno.kill(postern.pid, "SIGKILL");
        const ran = await loggedMarks(lab);
        console.log(`    refused while the disk was full: ${refused}, answered: ${load.answered}`);
        compared(ran, await recordedMarks(data));
      });
    } finally {
      await sh("umount", "-l", disk);
      await Deno.remove(disk);
    }
  },
);
