/** Masks chosen by tags in comments of columns: `postern:pii`. */
import assert from "node:assert/strict";
import { compileMasks } from "../../policy/masking.ts";
import { dialectOf } from "../../policy/sql/mod.ts";
import type { Analyst } from "../../policy/sql/dialect.ts";
import { catalogOf } from "../support/catalogs.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const masksFor = compileMasks([
  { tags: ["secret"], mask: { kind: "null" } },
  { tags: ["PII*"], mask: { kind: "fixed", text: "****" }, except: { groups: ["privacy"] } },
]);

async function analystOf(
  protocol: string,
  server: Parameters<typeof catalogOf>[1],
  groups: readonly string[] = [],
): Promise<Analyst> {
  const read = await catalogOf(protocol, server);
  // What is kept in a file judges alike.
  const { key, lookup } = masksFor(groups, "demo");
  return dialectOf(protocol)!.catalogFromJson(read.json).analyst(key, lookup);
}

/** For each column of the result the mask's kind, or `-`. */
function shown(analyst: Analyst, text: string, state = {}): string {
  const answer = analyst.analyse(text, state);
  if ("refused" in answer) return answer.refused.reason;
  const { result } = answer[0]!;
  return result.kind !== "columns"
    ? result.kind
    : result.masks.map((mask) => mask?.mask.kind ?? "-").join(" ");
}

testNeeding(
  [postgresqlHere],
  "PostgreSQL: columns are masked by the tags in their comments, through views",
  async () => {
    const server = await startPostgresql({
      sql: `CREATE TABLE people (id int, name text, ssn text, pin text);
      COMMENT ON COLUMN people.name IS 'as on the passport; postern:pii-name';
      COMMENT ON COLUMN people.ssn IS 'postern:PII postern:secret';
      COMMENT ON COLUMN people.pin IS 'not a tag: mypostern:pii';
      CREATE VIEW shown AS SELECT id, upper(ssn) AS s, name FROM people;`,
    });
    try {
      const analyst = await analystOf("postgresql", server);
      assert.equal(shown(analyst, "SELECT id, name, ssn, pin FROM people"), "- fixed null -");
      assert.equal(shown(analyst, "SELECT * FROM shown"), "- null fixed");
      assert.match(
        JSON.stringify(analyst.analyse("SELECT id FROM people WHERE ssn = '1'", {})),
        /masked-in-predicate/,
      );
      const seeing = await analystOf("postgresql", server, ["privacy"]);
      assert.equal(shown(seeing, "SELECT id, name, ssn, pin FROM people"), "- - null -");
    } finally {
      await server.close();
    }
  },
);

testNeeding(
  [mariadbHere],
  "MariaDB: columns are masked by the tags in their comments, through views",
  async () => {
    const server = await startMariadb({
      sql:
        `CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9) COMMENT 'postern:pii', ssn VARCHAR(9) COMMENT 'x postern:secret');
      CREATE VIEW shown AS SELECT id, UPPER(ssn) AS s, name FROM people;`,
    });
    try {
      const analyst = await analystOf("mysql", server);
      const state = { schema: "app" };
      assert.equal(shown(analyst, "SELECT id, name, ssn FROM people", state), "- fixed null");
      assert.equal(shown(analyst, "SELECT * FROM shown", state), "- null fixed");
    } finally {
      await server.close();
    }
  },
);
