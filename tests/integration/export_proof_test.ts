/**
 * What an auditor is handed: exports of a running Postern by every filter, each verified by the program itself without a
 * network, with the public key alone; and ways to change such a file, each found. Prints both as tables.
 */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { canonical } from "../../policy/audit/canonical.ts";
import { contentOf, digestOf, linkOf } from "../../policy/audit/chain.ts";
import { newPrivateKey, signer } from "../../policy/audit/heads.ts";
import type { AuditEvent } from "../../policy/types.ts";
import { run } from "../support/daemons.ts";
import { ada, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const program = new URL("../../main.ts", import.meta.url).pathname;
const schema = "CREATE TABLE orders (id INT PRIMARY KEY, n INT); CREATE TABLE items (id INT PRIMARY KEY);" +
  "INSERT INTO orders VALUES (1, 0), (2, 0)";
const erin = { email: "erin@example.test", name: "Erin", groups: ["engineers"] };

/** Reads, a refusal, and a write that waits: by two people, at two targets. Gives the time in the middle. */
async function use(gateway: TestGateway): Promise<number> {
  const approver = await gateway.signIn(ada);
  const approving = async (statement: Promise<unknown>, text: string) => {
    await approver.decide((await approver.pending(text)).id, true);
    await statement;
  };
  const user = await gateway.signIn(devin);
  const client = new pg.Client({ connectionString: await user.url("orders") });
  await client.connect();
  for (let i = 0; i < 30; i++) await client.query("SELECT n FROM orders WHERE id = $1", [i]);
  await client.query("SELECT id FROM items");
  await assert.rejects(client.query("DROP TABLE items"));
  const write = "UPDATE orders SET n = 5 WHERE id = 1";
  await approving(client.query(write), write);
  await client.end();
  const middle = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const other = await gateway.signIn(erin);
  const login = await other.oneTimePassword("shop");
  const shop = await createConnection({
    host: "127.0.0.1",
    port: gateway.ports.mysql!,
    database: "shop",
    ...login,
  });
  for (let i = 0; i < 30; i++) await shop.query(`SELECT n FROM orders WHERE id = ${i}`);
  const change = "UPDATE orders SET n = 7 WHERE id = 2";
  await approving(shop.query(change), change);
  await shop.end();
  return middle;
}

interface Line extends AuditEvent {
  readonly data: AuditEvent["data"] & {
    readonly kind?: string;
    readonly verdict?: string;
    readonly tables?: readonly { readonly name: string }[];
  };
}

const eventsOf = (text: string): Line[] =>
  text.split("\n").filter((line) => line.includes('"sequence":')).map((line) => JSON.parse(line))
    .filter((line) => "type" in line);

/** A filter's arguments, and which statements it lets through. */
const filtersOf = (middle: number, session: string): Record<string, [string[], (event: Line) => boolean]> => {
  const at = new Date(middle).toISOString();
  return {
    "all of it": [[], () => true],
    "a person": [["--person", erin.email], ({ person }) => person === erin.email],
    "a target": [["--target", "orders"], ({ target }) => target === "orders"],
    "a session": [["--session", session], (event) => event.session === session],
    "from a time on": [["--from", at], (event) => event.at >= middle],
    "up to a time": [["--to", at], (event) => event.at <= middle],
    "a kind": [["--kind", "write"], ({ data }) => data.kind === "write"],
    "a table": [
      ["--table", "items"],
      ({ data }) => data.tables?.some(({ name }) => name === "items") ?? false,
    ],
    "verdict deny": [["--verdict", "deny"], ({ data }) => data.verdict === "deny"],
    "verdict approve": [["--verdict", "approve"], ({ data }) => data.verdict === "approve"],
    "two types": [
      ["--type", "statement.judged,session.started"],
      ({ type }) => type === "statement.judged" || type === "session.started",
    ],
    "several at once": [
      ["--person", erin.email, "--target", "shop", "--kind", "write", "--from", at],
      ({ person, data }) => person === erin.email && data.kind === "write",
    ],
  };
};

/** Ways to change a file; each gives its lines anew. */
const tamperings: Record<string, (lines: readonly string[]) => readonly string[]> = {
  "one letter of a text": (lines) =>
    lines.with(at(lines, 3), lines[at(lines, 3)]!.replace("SELECT n", "SELECT m")),
  "another person": (lines) => lines.with(at(lines, 3), lines[at(lines, 3)]!.replace(devin.email, ada.email)),
  "an event removed": (lines) => lines.toSpliced(at(lines, 3), 1),
  "an event twice": (lines) => lines.toSpliced(at(lines, 3), 0, lines[at(lines, 3)]!),
  "two events in each other's place": (lines) =>
    lines.with(at(lines, 3), lines[at(lines, 4)]!).with(at(lines, 4), lines[at(lines, 3)]!),
  "the last events removed": (lines) => lines.toSpliced(-4, 3),
  "cut off": (lines) => lines.slice(0, at(lines, 3)),
  "a text changed and all hashes after it made anew": (lines) => rehashed(lines),
  "the same, and signed with another key": (lines) => resigned(rehashed(lines)),
  "another filter in its header": (lines) =>
    lines.with(0, canonical({ ...JSON.parse(lines[0]!), filter: { person: "x" } })),
};

/** The line of the nth read. */
function at(lines: readonly string[], n: number): number {
  const reads = lines.flatMap((line, i) => line.includes("SELECT n FROM orders") ? [i] : []);
  return reads[n]!;
}

function rehashed(lines: readonly string[]): string[] {
  const from = at(lines, 3);
  let previous: string | null = null;
  return lines.map((line, i) => {
    const event = JSON.parse(line);
    if (i < from || !("type" in event)) return line;
    if (i === from) event.data.text = "SELECT 1";
    const link: string = previous ?? event.previous;
    previous = linkOf(event.sequence, link, digestOf(contentOf(event)));
    return canonical({ ...event, previous: link, hash: previous });
  });
}

function resigned(lines: readonly string[]): string[] {
  const intruder = signer(newPrivateKey());
  let hash = "";
  const out: string[] = [];
  for (const line of lines) {
    const value = JSON.parse(line);
    if ("postern" in value) out.push(canonical({ ...value, keys: intruder.publicPem }));
    else if ("head" in value || "end" in value) {
      const name = "head" in value ? "head" : "end";
      const { signature: _, key: __, ...rest } = value[name];
      const header = name === "end" ? { header: digestOf(out[0]!) } : {};
      out.push(canonical({ [name]: intruder.sign({ ...rest, hash, ...header }) }));
    } else out.push(line);
    if ("sequence" in value) hash = value.hash;
  }
  return out;
}

testNeeding(
  [postgresqlHere, mariadbHere],
  "an export by each filter verifies offline with the public key alone, and each way to change it is found",
  async (t) => {
    const [orders, shop] = await Promise.all([
      startPostgresql({ sql: schema }),
      startMariadb({ sql: schema }),
    ]);
    const gateway = await startTestGateway({
      targets: targetYaml("orders", "postgresql", orders) +
        targetYaml("shop", "mysql", shop).replace("TARGET_PASSWORD", "SHOP_PASSWORD"),
      env: { TARGET_PASSWORD: orders.password, SHOP_PASSWORD: shop.password },
      people: [devin, erin, ada],
    });
    const hand = await Deno.makeTempDir({ prefix: "postern-auditor-" });
    const env = { CLIENT_SECRET: "x", TARGET_PASSWORD: "x", SHOP_PASSWORD: "x" };
    const exported = async (...filter: string[]) => {
      const args = [program, "audit", "export", "--config", gateway.configFile, ...filter];
      const { code, stdout, stderr } = await run([Deno.execPath(), "run", "-A", "--no-check", ...args], {
        env,
      });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    /** In another folder, without a network and without writing. */
    const verdict = async (text: string) => {
      await Deno.writeTextFile(`${hand}/export.jsonl`, text);
      const { code, stdout, stderr } = await run([
        ...[Deno.execPath(), "run", "-A", "--deny-net", "--deny-write", "--deny-run", "--no-check", program],
        ...["audit", "verify", `${hand}/export.jsonl`, "--public-key", `${hand}/key.pem`],
      ]);
      return { code, text: (stdout + stderr).trim() };
    };
    const table: string[] = [];
    try {
      const middle = await use(gateway);
      await Deno.copyFile(`${gateway.folder}/store/audit-key.pub.pem`, `${hand}/key.pem`);
      const whole = eventsOf(await exported());
      const session = whole.find(({ type }) => type === "session.started")!.session!;
      let text = "";
      for (const [name, [args, fits]] of Object.entries(filtersOf(middle, session))) {
        await t.step(`exported by ${name}`, async () => {
          const part = await exported(...args);
          if (args.length === 0) text = part;
          const judged = (events: Line[]) =>
            events.filter(({ type }) => type === "statement.judged").map(({ sequence }) => sequence);
          const expected = judged(whole.filter(fits));
          const found = eventsOf(part);
          assert.ok(expected.length > 0, "there are some");
          assert.deepEqual(judged(found), expected);
          const { code, text: said } = await verdict(part);
          assert.equal(code, 0, said);
          assert.match(said, /^OK: /);
          table.push(`${name.padEnd(16)} ${args.join(" ")}: ${found.length} events; ${said}`);
        });
      }
      const lines = text.trimEnd().split("\n");
      for (const [how, change] of Object.entries(tamperings)) {
        await t.step(`changed: ${how}`, async () => {
          const { code, text: said } = await verdict(change(lines).join("\n") + "\n");
          assert.equal(code, 1, said);
          assert.match(said, /^BAD: line \d+/);
          table.push(`${how.padEnd(50)} ${said}`);
        });
      }
      console.log(table.join("\n"));
    } finally {
      await gateway.close();
      await Promise.all([orders.close(), shop.close()]);
      await Deno.remove(hand, { recursive: true });
    }
  },
);
