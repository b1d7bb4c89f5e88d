/** Which statements count as the like of one that was approved. */
import assert from "node:assert/strict";
import { modeOf } from "../../../policy/sql/mysql/mode.ts";
import { templateOf as mysqlTemplate } from "../../../policy/sql/mysql/template.ts";
import { loadParser } from "../../../policy/sql/postgresql/parser.ts";
import { templateOf } from "../../../policy/sql/postgresql/template.ts";

await loadParser();
const mode = modeOf({
  sql_mode: "",
  character_set_client: "utf8mb4",
  version: "8.4.0",
  flavour: "mysql",
  schema: "app",
});
const mysql = (text: string) => mysqlTemplate(text, mode);

const like: readonly [string, string][] = [
  ["UPDATE t SET a = 'x' WHERE id = 1", "update  t set a='y' -- note\n WHERE id = 22"],
  ["DELETE FROM t WHERE id IN (1, 2)", "DELETE FROM t WHERE id IN (3, 4)"],
];
const unlike: readonly [string, string][] = [
  ["UPDATE t SET a = 'x' WHERE id = 1", "UPDATE t SET a = 'x' WHERE id > 1"],
  ["UPDATE t SET a = 'x' WHERE id = 1", "UPDATE t SET b = 'x' WHERE id = 1"],
  ["UPDATE t SET a = 'x' WHERE id = 1", "UPDATE t SET a = 'x' WHERE id = 1 OR id = 2"],
  ["UPDATE t SET a = 1 WHERE id = 1", "UPDATE t SET a = NULL WHERE id = 1"],
  ["UPDATE t SET a = 1 WHERE id = 1", "UPDATE t SET a = 1 WHERE id = id"],
  ["UPDATE t SET a = 1 WHERE id = 1", "UPDATE u SET a = 1 WHERE id = 1"],
  ["UPDATE t SET a = 1 WHERE id = 1", "UPDATE t SET a = 1 WHERE id = 1; DELETE FROM t WHERE id = 1"],
  ["DELETE FROM t WHERE id IN (1, 2)", "DELETE FROM t WHERE id IN (1, 2, 3)"],
];

for (const [name, digest] of [["PostgreSQL", templateOf], ["MySQL", mysql]] as const) {
  Deno.test(`${name}: statements that differ in their values only have one template, others another`, () => {
    for (const [one, other] of like) assert.equal(digest(one), digest(other), other);
    for (const [one, other] of unlike) assert.notEqual(digest(one), digest(other), other);
  });
}

Deno.test("a text that is not understood has no template", () => {
  assert.equal(templateOf("UPDATE SET"), null);
  assert.throws(() => mysql("SELECT 'open"));
});
