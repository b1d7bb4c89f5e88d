/** A small catalog, and the shortest ways to judge a text by it. */
import assert from "node:assert/strict";
import { mysqlDialect } from "../../../policy/sql/mysql/mod.ts";
import type { CatalogData, TableData } from "../../../policy/sql/mysql/catalog_data.ts";
import type { Analyst, Understood } from "../../../policy/sql/dialect.ts";
import type { MaskKind, SqlState, StatementFacts } from "../../../policy/types.ts";

interface Shape {
  readonly kind?: TableData["kind"];
  /** `name`, `name!` for NOT NULL, `name-` for invisible, `name#` for a number. */
  readonly columns: string;
  readonly expressions?: Readonly<Record<string, string>>;
  /** `+name: a b` for a unique one. */
  readonly indexes?: readonly string[];
  readonly definition?: string;
}

function table(schema: string, name: string, shape: Shape): TableData {
  const { kind = "table", columns, expressions = {}, indexes = ["+PRIMARY: id"], definition = "" } = shape;
  return {
    schema,
    name,
    kind,
    columns: columns.split(" ").map((text) => {
      const plain = text.replace(/[!#-]/g, "");
      return {
        name: plain,
        notNull: text.includes("!"),
        invisible: text.includes("-"),
        numeric: text.includes("#"),
        expression: expressions[plain] ?? "",
      };
    }),
    indexes: kind === "table"
      ? indexes.map((text) => {
        const [label = "", list = ""] = text.split(": ");
        return { name: label.replace("+", ""), unique: label.startsWith("+"), columns: list.split(" ") };
      })
      : [],
    definition,
  };
}

const view = (name: string, columns: string, definition: string) =>
  table("ev", name, { kind: "view", columns, definition });
const system = (name: string, columns: string) =>
  table("information_schema", name, { kind: "system", columns });
const routine = (kind: "function" | "procedure", name: string, body: string | null) => ({
  schema: "ev",
  name,
  kind,
  body,
  sqlMode: "STRICT_TRANS_TABLES",
});

export const catalogData: CatalogData = {
  format: 1,
  readAt: 0,
  version: "10.11.6-MariaDB",
  schema: "ev",
  lowerCaseTableNames: 0,
  tables: [
    table("ev", "users", {
      columns: "id!# name email ssn card ssn_rev",
      expressions: { ssn_rev: "reverse(`ssn`)" },
      indexes: ["+PRIMARY: id", "+ssn: ssn"],
    }),
    table("ev", "orders", { columns: "id!# user_id# note" }),
    table("ev", "staff", {
      columns: "id!# name salary# grade hidden-",
      indexes: ["+PRIMARY: id", "by_grade: grade salary"],
    }),
    table("ev", "defaults", { columns: "id!# ssn copy", expressions: { copy: "concat('=',`ssn`)" } }),
    table("ev", "codes", {
      columns: "id!# code pin",
      indexes: ["+PRIMARY: id", "+code: code", "both: pin code"],
    }),
    table("other", "users", { columns: "id!# ssn" }),
    view(
      "v_users",
      "id name tax_no",
      "select `ev`.`users`.`id` AS `id`,`ev`.`users`.`name` AS `name`,`ev`.`users`.`ssn` AS `tax_no` from `ev`.`users`",
    ),
    view(
      "v_up",
      "id u",
      "select `v_users`.`id` AS `id`,ucase(`v_users`.`tax_no`) AS `u` from `ev`.`v_users`",
    ),
    view(
      "v_compares",
      "id",
      "select `ev`.`users`.`id` AS `id` from `ev`.`users` where `ev`.`users`.`ssn` like '0%'",
    ),
    view(
      "v_orders",
      "id note",
      "select `ev`.`orders`.`id` AS `id`,`ev`.`orders`.`note` AS `note` from `ev`.`orders`",
    ),
    view("v_side_effect", "x", "select `del_user`(1) AS `x`"),
    view("v_opaque", "id x", ""),
    view("v_odd", "id x", "select 1 frobnicate everything"),
    system("TABLES", "TABLE_SCHEMA TABLE_NAME TABLE_TYPE TABLE_COMMENT"),
    system("COLUMNS", "TABLE_SCHEMA TABLE_NAME COLUMN_NAME"),
    system("SCHEMATA", "SCHEMA_NAME"),
    system("PROCESSLIST", "ID USER INFO"),
    system("KEY_COLUMN_USAGE", "CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME"),
    system("TABLE_CONSTRAINTS", "CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME"),
  ],
  routines: [
    routine("function", "f_get", "RETURN (SELECT ssn FROM users WHERE id=i)"),
    routine("function", "f_clean", "RETURN 1"),
    routine("function", "del_user", "BEGIN DELETE FROM orders WHERE user_id=i; RETURN 1; END"),
    routine("procedure", "p_del", "DELETE FROM orders WHERE user_id=i"),
    routine("procedure", "p_read", "SELECT ssn FROM users"),
    routine("procedure", "p_view", "SELECT * FROM v_up"),
    routine("procedure", "p_calls", "CALL p_read()"),
    routine("procedure", "p_dynamic", "EXECUTE IMMEDIATE t"),
    routine("procedure", "p_opaque", null),
  ],
};

export const last4: MaskKind = { kind: "partial", keepFirst: 0, keepLast: 4 };

export function analystOf(data: Partial<CatalogData> = {}): Analyst {
  const catalog = mysqlDialect.catalogFromJson(JSON.stringify({ ...catalogData, ...data }));
  return catalog.analyst("test", (schema, name, column) => {
    if (schema !== "ev") return null;
    if ((name === "users" || name === "defaults") && column === "ssn") return last4;
    if (column === "card" || column === "code" || column === "pin") return { kind: "fixed", text: "****" };
    return name === "staff" && column === "salary" ? { kind: "null" } : null;
  });
}

export const mariadb: SqlState = {
  sql_mode: "STRICT_TRANS_TABLES",
  character_set_client: "utf8mb4",
  version: "10.11.6-MariaDB",
  schema: "ev",
};
export const mysql: SqlState = { ...mariadb, version: "9.7.4" };
export const inMode = (sql_mode: string, state = mariadb): SqlState => ({ ...state, sql_mode });

const analyst = analystOf();

/** Fails where the text is refused as not understood, or holds another number of statements than one. */
export function understand(text: string, state = mariadb): Understood {
  const result = analyst.analyse(text, state);
  assert.ok(!("refused" in result), `${text}: ${JSON.stringify(result)}`);
  assert.equal(result.length, 1, text);
  return result[0]!;
}

export const factsOf = (text: string, state = mariadb): StatementFacts => understand(text, state).facts;

export function codesOf(text: string, state = mariadb): string[] {
  const result = analyst.analyse(text, state);
  if ("refused" in result) return [result.refused.code];
  return result.flatMap(({ facts }) => facts.unsafe.map(({ code }) => code));
}

/** The origin of each masked column, null for a clean one; the word `clean` where nothing is. */
export function masksOf(text: string, state = mariadb): readonly (string | null)[] | "clean" {
  const { facts, result } = understand(text, state);
  assert.deepEqual(facts.unsafe.map(({ code }) => code), [], text);
  return result.kind !== "columns" ? "clean" : result.masks.map((mask) => mask?.column ?? null);
}

export type Verdict = "allow" | "approve" | "deny";

/** By the policy that the corpora assume: reads are free, writes need approval, what is unsafe is refused. */
export function verdictOf(text: string, state = mariadb, by = analyst): Verdict {
  const result = by.analyse(text, state);
  if ("refused" in result) return "deny";
  const verdicts = result.map(({ facts }): Verdict => {
    if (facts.unsafe.length > 0 || facts.missingWhere) return "deny";
    if (["read", "session", "transaction"].includes(facts.kind)) return "allow";
    return ["write", "call", "copy"].includes(facts.kind) ? "approve" : "deny";
  });
  return verdicts.includes("deny") ? "deny" : verdicts.includes("approve") ? "approve" : "allow";
}
