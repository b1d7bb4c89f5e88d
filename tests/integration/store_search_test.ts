/** Searching the record, on each database that the store runs on. */
import assert from "node:assert/strict";
import { statementJudged } from "../../policy/audit/events.ts";
import { openJournal } from "../../policy/store/journal.ts";
import type { EvidenceJournal, StatementSearch } from "../../policy/ports.ts";
import type { StatementRun } from "../../policy/types.ts";
import { run as sample } from "../unit/audit/samples.ts";
import { smallEvent, withJournal } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

interface Ran {
  readonly text: string;
  readonly verdict?: "allow" | "approve" | "deny";
  readonly table?: string;
  readonly person?: string;
  readonly target?: string;
  readonly parameter?: string;
}

function eventOf(
  { text, verdict = "allow", table = "orders", person = "mia", target = "shop", parameter }: Ran,
  id: string,
) {
  const facts = {
    ...sample.judgement.statements[0]!.facts,
    kind: "read" as const,
    tables: [{ schema: "public", name: table, access: "read" as const }],
  };
  const judged = { ...sample.judgement.statements[0]!, facts, verdict };
  const run: StatementRun = {
    ...sample,
    text,
    parameters: parameter === undefined ? [] : [{ text: parameter, type: "text", bytes: 1 }],
    judgement: { ...sample.judgement, verdict, statements: [judged] },
  };
  return statementJudged({ person, session: `of-${person}`, target }, { id, run, policy: "p" });
}

const ran: readonly Ran[] = [
  { text: "SELECT * FROM orders WHERE id = 1" },
  { text: "SELECT * FROM orders WHERE id = 2", person: "noor" },
  { text: "SELECT name FROM customers WHERE email = 'boris@example.com'", table: "customers" },
  { text: "SELECT name FROM customers WHERE email = $1", table: "customers", parameter: "ola@example.com" },
  { text: "DELETE FROM orders", verdict: "deny", target: "shop-prod" },
  { text: "UPDATE orders SET note = 'com example boris'", verdict: "approve", person: "noor" },
  { text: `SELECT 'a quote '' and a \\ and \u202e "names"' FROM "Odd Table"`, table: "Odd 'Table" },
];

async function fill(journal: EvidenceJournal): Promise<number[]> {
  const sequences: number[] = [];
  for (const [i, one] of ran.entries()) {
    await journal.append(smallEvent("between"));
    sequences.push((await journal.append(eventOf(one, `s-${i}`))).sequence);
  }
  return sequences;
}

/** What each search finds: positions in `ran`, newest first. */
const searches: readonly (readonly [Omit<StatementSearch, "limit">, readonly number[]])[] = [
  [{}, [6, 5, 4, 3, 2, 1, 0]],
  [{ person: "noor" }, [5, 1]],
  [{ target: "shop-prod" }, [4]],
  [{ session: "of-mia", table: "orders" }, [4, 0]],
  [{ table: "public.customers" }, [3, 2]],
  [{ table: "customers" }, [3, 2]],
  [{ table: "Odd 'Table" }, [6]],
  [{ table: "secret.customers" }, []],
  [{ verdict: "deny" }, [4]],
  [{ verdict: "approve", person: "noor" }, [5]],
  [{ kind: "ddl" }, []],
  [{ text: "boris" }, [5, 2]],
  [{ text: "BORIS example" }, [5, 2]],
  [{ text: '"boris@example.com"' }, [2]],
  [{ text: "ola" }, [3]],
  [{ text: "cust*" }, [3, 2]],
  [{ text: "cust" }, []],
  [{ text: `"quote '' and a \\ and"` }, [6]],
  [{ text: "' | 'x':* & !!" }, []],
  [{ template: "select * from orders where id = 77" }, [1, 0]],
  [{ template: "select * from orders where id = 77", person: "mia" }, [0]],
  [{ person: "'; DROP TABLE statements; --" }, []],
];

async function contract(journal: EvidenceJournal): Promise<void> {
  const sequences = await fill(journal);
  const positions = async (search: Omit<StatementSearch, "limit">, limit = 50) => {
    const { hits } = await journal.search({ ...search, limit });
    return hits.map((hit) => sequences.indexOf(hit.sequence));
  };
  for (const [search, expected] of searches) {
    assert.deepEqual(await positions(search), expected, JSON.stringify(search));
  }
  const { hits, indexedTo, recordedTo } = await journal.search({ limit: 1 });
  assert.equal(indexedTo, recordedTo, "what was recorded before the search is found by it");
  assert.deepEqual([hits[0]?.text, hits[0]?.verdict], [ran[6]!.text, "allow"]);
  const [first] = (await journal.search({ text: "boris", verdict: "allow", limit: 1 })).hits;
  assert.equal(first?.templateText, "select name from customers where email = ?");
  assert.deepEqual(first?.tables, [{ schema: "public", name: "customers", access: "read" }]);
  assert.deepEqual(await positions({ template: first!.template }), [3, 2], "a parameter is like a literal");

  const paged: number[] = [];
  for (let before: number | undefined, rounds = 0;; rounds++) {
    assert.ok(rounds < 20);
    const page = await journal.search({ limit: 2, ...(before === undefined ? {} : { before }) });
    paged.push(...page.hits.map((hit) => sequences.indexOf(hit.sequence)));
    if (page.next === null) break;
    before = page.next;
  }
  assert.deepEqual(paged, [6, 5, 4, 3, 2, 1, 0]);

  const [early] = await journal.events({ after: sequences[1]! - 1, limit: 1 });
  const times = await positions({ from: early!.at, to: early!.at });
  assert.ok(times.includes(1));
  assert.deepEqual(await positions({ to: 1 }), []);
  assert.deepEqual(await positions({ from: 9e15 }), []);
}

Deno.test("search on the embedded database", () => withJournal(contract));

Deno.test("a refused statement without any word in its record holds up the search of no other", () =>
  withJournal(async (journal) => {
    const run: StatementRun = {
      ...sample,
      text: "",
      parameters: [],
      judgement: { ...sample.judgement, verdict: "deny", statements: [] },
    };
    const about = { person: "mia", session: "of-mia", target: "shop" };
    await journal.append(statementJudged(about, { id: "empty", run, policy: "p" }));
    // Indexed by itself: a list of one empty text.
    assert.equal((await journal.search({ limit: 5 })).hits.length, 1);
    await journal.append(eventOf(ran[0]!, "next"));
    const { hits } = await journal.search({ text: "orders", limit: 5 });
    assert.deepEqual(hits.map(({ text }) => text), [ran[0]!.text]);
    const all = await journal.search({ limit: 5 });
    assert.deepEqual([all.hits.length, all.indexedTo], [2, all.recordedTo]);
  }));

testNeeding([postgresqlHere], "search on a PostgreSQL by URL, indexed by two nodes at once", async () => {
  const database = await startPostgresql();
  const folder = await Deno.makeTempDir({ prefix: "postern-search-" });
  try {
    const { user, password, host, port, database: name } = database;
    const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
    const nodes = [
      await openJournal({ folder: `${folder}/a`, url }),
      await openJournal({ folder: `${folder}/b`, url }),
    ];
    try {
      await contract(nodes[0]!);
      const [one, other] = await Promise.all(nodes.map((node) => node.search({ limit: 50 })));
      assert.deepEqual(one!.hits, other!.hits);
      assert.equal(one!.hits.length, ran.length, "none twice");
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
    }
  } finally {
    await database.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a record of the schema before search is indexed when it is opened", () =>
  withJournal(async (journal, folder) => {
    await fill(journal);
    await journal.close();
    const { openEmbedded } = await import("../../policy/store/embedded_database.ts");
    const db = await openEmbedded(`${folder}/store`);
    await db.script(["DELETE FROM statements", "UPDATE cursors SET sequence = 0 WHERE name = 'search'"]);
    await db.close();
    const again = await openJournal({ folder });
    try {
      assert.equal((await again.search({ limit: 50 })).hits.length, ran.length);
    } finally {
      await again.close();
    }
  }));
