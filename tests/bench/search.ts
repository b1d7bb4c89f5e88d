/**
 * How long searches take in a record of many statements: `deno run -A tests/bench/search.ts [STATEMENTS] [URL]`,
 * a million and the embedded store unless told otherwise. Prints a line per search.
 */
import { statementJudged } from "../../policy/audit/events.ts";
import { emptyChain } from "../../policy/audit/chain.ts";
import type { StatementSearch } from "../../policy/ports.ts";
import { openEmbedded } from "../../policy/store/embedded_database.ts";
import { migrate } from "../../policy/store/migrations.ts";
import { encode, seal, statementsFor } from "../../policy/store/projection.ts";
import { searchStatements } from "../../policy/store/search.ts";
import { indexNext } from "../../policy/store/search_index.ts";
import { openUrl } from "../../policy/store/url_database.ts";
import { run as sample } from "../unit/audit/samples.ts";

const count = Number(Deno.args[0] ?? 1_000_000);
const url = Deno.args[1];
const folder = await Deno.makeTempDir({ prefix: "postern-bench-search-" });
const db = url === undefined ? await openEmbedded(folder) : await openUrl(url);
await migrate(db);

const tables = ["orders", "customers", "payments", "items", "addresses", "audit_notes"];
const people = Array.from({ length: 40 }, (_, i) => `person${i}@example.com`);

function eventAt(i: number) {
  const table = tables[i % tables.length]!;
  const rare = i % 50_000 === 7;
  const verdict = rare ? "deny" as const : i % 97 === 0 ? "approve" as const : "allow" as const;
  const text = rare
    ? `DELETE FROM ${table}`
    : `SELECT id, status, note FROM ${table} WHERE id = ${i} AND name = 'customer${i % 5000}' -- job ${
      i % 300
    }`;
  const one = sample.judgement.statements[0]!;
  const facts = {
    ...one.facts,
    kind: "read" as const,
    tables: [{ schema: "public", name: table, access: "read" as const }],
  };
  const judgement = { ...sample.judgement, verdict, statements: [{ ...one, facts, verdict }] };
  const about = { person: people[i % people.length]!, session: `session-${i >> 8}`, target: `shop-${i % 7}` };
  return encode(
    statementJudged(about, {
      id: `s-${i}`,
      run: { ...sample, parameters: [], text, judgement },
      policy: "p",
    }),
    1_750_000_000_000 + i * 100,
  );
}

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
let began = performance.now();
let head = emptyChain;
for (let i = 0; i < count; i += 1000) {
  const sealed = seal(head, Array.from({ length: Math.min(1000, count - i) }, (_, j) => eventAt(i + j)));
  await db.transaction([], () => statementsFor(sealed, "bench"));
  head = sealed.head;
  if (i % 50_000 === 0) await db.upkeep();
}
console.log(`${count} statements recorded in ${seconds(began)} s`);
began = performance.now();
for (let done = 0; await indexNext(db, 256) > 0;) if ((done += 256) % 51_200 === 0) await db.upkeep();
console.log(`indexed in ${seconds(began)} s`);
if (db.exclusive) await db.upkeep();
else await db.script(["ANALYZE statements", "ANALYZE events"]);

const middle = 1_750_000_000_000 + count * 50;
const searches: Record<string, Omit<StatementSearch, "limit">> = {
  "the newest": {},
  "one person": { person: "person7@example.com" },
  "one target and person": { target: "shop-3", person: "person7@example.com" },
  "one table": { table: "public.payments" },
  "refusals": { verdict: "deny" },
  "held, of one table": { verdict: "approve", table: "orders" },
  "a rare word": { text: `${Math.trunc(count / 2)}` },
  "a common word": { text: "status" },
  "two words that meet seldom": { text: "customer4321 payments" },
  "two words that never meet": { text: "customer1 customer2" },
  "a beginning of a word": { text: "customer43*" },
  "a passage": { text: "\"name = 'customer4321'\"" },
  "a passage of common words that is nowhere": { text: '"status id note"' },
  "a template": { template: "delete from customers" },
  "a common template": { template: "select id, status, note from orders where id = 1 and name = 'x'" },
  "an hour in the middle": { from: middle, to: middle + 3_600_000 },
  "an hour, a person, a word": {
    from: middle,
    to: middle + 3_600_000,
    person: "person7@example.com",
    text: "status",
  },
  "a person who is not there": { person: "nobody@example.com" },
  "a word that is not there": { text: "zebra" },
};
for (const [name, search] of Object.entries(searches)) {
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    found = (await searchStatements(db, { ...search, limit: 50 })).hits.length;
    times.push(performance.now() - start);
  }
  console.log(
    `${name.padEnd(44)} ${String(found).padStart(3)} hits  ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`,
  );
}
await db.close();
await Deno.remove(folder, { recursive: true });
