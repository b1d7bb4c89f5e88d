/**
 * Two databases of MariaDB or MySQL that differ only in their secrets, and Postern's own judgement in front of them: what a
 * client would get of each must be the same, byte by byte.
 */
import { type Connection, createConnection } from "mariadb";
import { compileRules, decide } from "../../policy/decide.ts";
import type { Analyst, Catalog, MaskLookup } from "../../policy/sql/dialect.ts";
import { CatalogModel } from "../../policy/sql/mysql/catalog_data.ts";
import { parseCatalogData } from "../../policy/sql/mysql/catalog_read.ts";
import { rootScope } from "../../policy/sql/mysql/judged.ts";
import { Lexer } from "../../policy/sql/mysql/lexer.ts";
import { walkQuery } from "../../policy/sql/mysql/lineage_query.ts";
import { mysqlDialect } from "../../policy/sql/mysql/mod.ts";
import { modeOf } from "../../policy/sql/mysql/mode.ts";
import { parseQuery } from "../../policy/sql/mysql/parse_query.ts";
import { Reader } from "../../policy/sql/mysql/reader.ts";
import { Taints } from "../../policy/sql/mysql/taints.ts";
import { Walk } from "../../policy/sql/mysql/walk.ts";
import type { Judgement, MaskKind, SqlState, Target } from "../../policy/types.ts";
import { defaultRules } from "./postgresql_lab.ts";
import { patient, startMariadb } from "./mariadb.ts";
import { startMysql } from "./mysql.ts";
import { again, seen } from "./mysql_view.ts";

const vectors = new URL("../vectors/corpora/", import.meta.url);

export interface MysqlCase {
  readonly id: string;
  readonly category: string;
  readonly sql: string;
  readonly steps?: readonly string[];
  readonly why: string;
  readonly expect: "allow" | "approve" | "mask" | "deny";
  readonly also_ok?: readonly string[];
  readonly server: Readonly<Record<string, { readonly leak: string }>> | null;
}

/** The judged statements for MySQL and MariaDB; what is about the protocol is tested elsewhere. */
export function mysqlCorpus(): MysqlCase[] {
  return Deno.readTextFileSync(new URL("statements.jsonl", vectors)).trim().split("\n")
    .map((line) => JSON.parse(line) as MysqlCase & { readonly dialect: string })
    .filter(({ dialect, category }) => dialect === "mysql" && category !== "protocol");
}

export interface MysqlSecrets {
  readonly ssns: readonly [string, string, string];
  readonly cards: readonly [string, string, string];
  readonly base: number;
  readonly step: number;
  readonly salaries: readonly [number, number, number];
  readonly born: readonly [string, string, string];
}

/** They sort the other way round, and agree in their last four digits: a mask may leave those. */
export const twoSecrets: readonly [MysqlSecrets, MysqlSecrets] = [
  {
    ssns: ["078-05-1120", "219-09-9999", "457-55-5462"],
    cards: ["4111111111111111", "5500000000000004", "3400000000000009"],
    base: 100,
    step: 2,
    salaries: [5000, 7000, 9000],
    born: ["1980-01-02", "1990-03-04", "1970-05-06"],
  },
  {
    ssns: ["987-65-1120", "533-44-9999", "042-10-5462"],
    cards: ["6011000000001111", "3566000020000004", "4000056655660009"],
    base: 900,
    step: -2,
    salaries: [9100, 100, 4000],
    born: ["1971-11-12", "2000-01-31", "1999-09-09"],
  },
];

/** The corpora's fixture, then what it lacks: numbers and dates, composite and expression indexes, layers of views. */
export function fixtureSql(secrets: MysqlSecrets, flavour: "mariadb" | "mysql"): string {
  const variables = [
    ...secrets.ssns.map((ssn, at) => `@ssn${at + 1} = '${ssn}'`),
    ...secrets.cards.map((card, at) => `@card${at + 1} = '${card}'`),
    `@base = ${secrets.base}`,
    `@step = ${secrets.step}`,
  ];
  const corpora = Deno.readTextFileSync(new URL("mysql_fixture.sql", vectors))
    .replace(/^--.*$/gm, "")
    // The delimiter is the client's own; the driver sends the block as it is.
    .replace(/DELIMITER \/\/\n([\s\S]*?)\/\/\nDELIMITER ;\n/, "$1;\n");
  const [p1, p2, p3] = secrets.salaries;
  const [d1, d2, d3] = secrets.born;
  const [s1, s2] = secrets.ssns;
  return `SET ${variables.join(", ")};
    ${corpora}
    CREATE TABLE staff(id INT PRIMARY KEY, name VARCHAR(20), salary INT, born DATE, doc JSON, boss INT, grade CHAR(1),
      KEY by_grade(grade, salary), hidden INT DEFAULT 3 INVISIBLE);
    INSERT INTO staff(id, name, salary, born, doc, boss, grade) VALUES (1, 'eve', ${p1}, '${d1}', '{"pay": ${p1}}', NULL, 'a'),
      (2, 'fay', ${p2}, '${d2}', '{"pay": ${p2}}', 1, 'a'), (3, 'gus', ${p3}, '${d3}', 'null', 1, 'b');
    CREATE TABLE derived(id INT PRIMARY KEY, ssn VARCHAR(40), copy VARCHAR(60) DEFAULT (CONCAT('=', ssn)),
      twice VARCHAR(90) AS (CONCAT(copy, copy)) VIRTUAL);
    INSERT INTO derived(id, ssn) VALUES (1, '${s1}'), (2, '${s2}');
    CREATE VIEW v_nested AS SELECT v.id, v.tax_no AS t, o.note FROM v_users v LEFT JOIN orders o ON o.user_id = v.id;
    CREATE VIEW v_union AS SELECT id, name AS what FROM users UNION ALL SELECT id, ssn FROM users;
    CREATE VIEW v_clean AS SELECT id, name FROM users WHERE id < 50;
    CREATE VIEW v_expression AS SELECT id, UPPER(ssn) AS u, CONCAT(name, ':', RIGHT(card, 4)) AS c FROM users;
    CREATE VIEW v_compares AS SELECT id FROM users WHERE ssn LIKE '0%';
    CREATE VIEW v_star AS SELECT * FROM users;
    CREATE PROCEDURE p_read() SELECT ssn FROM users;
    CREATE PROCEDURE p_clean() SELECT note FROM orders;
    ${
    flavour === "mariadb"
      ? "CREATE PROCEDURE p_dynamic(t TEXT) EXECUTE IMMEDIATE t; CREATE SEQUENCE seq1;"
      : ""
  }
    ANALYZE TABLE users, orders, staff, derived;`;
}

const hidden: Readonly<Record<string, readonly string[]>> = {
  users: ["ssn", "card"],
  staff: ["salary", "born", "doc"],
  derived: ["ssn"],
};

/** `partial` shows that rows in a masked column's order tell of it; `fixed` that nothing else does. */
export const maskStyles = ["fixed", "partial"] as const;
export type MaskStyle = typeof maskStyles[number];

export function masksOf(style: MaskStyle): MaskLookup {
  return (_schema, table, column): MaskKind | null => {
    if (!hidden[table]?.includes(column)) return null;
    if (column === "ssn" && style === "partial") return { kind: "partial", keepFirst: 0, keepLast: 4 };
    return column === "card" || column === "ssn" ? { kind: "fixed", text: "****" } : { kind: "null" };
  };
}

const who = {
  subject: "1",
  issuer: "https://issuer.test",
  name: "ann@example.com",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 1,
  method: "browser",
};
const where = { target: "t", database: "d", environment: "test", clientAddress: "127.0.0.1" };
const rules = compileRules(defaultRules);

export function judge(analyst: Analyst, text: string, state: SqlState): Judgement {
  return decide(analyst.analyse(text, state), who, where, 0, rules);
}

/** `mask` where it is allowed and something is masked, as the corpora say it. */
export function verdictOf(judgement: Judgement): MysqlCase["expect"] {
  const masked = judgement.statements.some(({ result }) => result.kind === "columns");
  return judgement.verdict === "allow" && masked ? "mask" : judgement.verdict;
}

export const strictness: readonly MysqlCase["expect"][] = ["allow", "mask", "approve", "deny"];

/** The strictest verdict over a session's messages, each judged in the state that the ones before left. */
export function verdictOfSteps(
  analyst: Analyst,
  steps: readonly string[],
  start: SqlState,
): MysqlCase["expect"] {
  let state = start;
  let strictest = 0;
  for (const step of steps) {
    strictest = Math.max(strictest, strictness.indexOf(verdictOf(judge(analyst, step, state))));
    state = analyst.after?.(step, state) ?? state;
  }
  return strictness[strictest] ?? "deny";
}

export function stateOf(version: string, schema = "app"): SqlState {
  return { sql_mode: "STRICT_TRANS_TABLES", character_set_client: "utf8mb4", version, schema };
}

/** Reads a catalog as the data path would: all values as text. */
export async function catalogOf(connection: Connection, database: string): Promise<Catalog> {
  return await mysqlDialect.readCatalog({} as Target, database, async (_, __, sql) => {
    return await connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() });
  });
}

export interface MysqlLab {
  readonly catalog: Catalog;
  readonly state: SqlState;
  analyst(style: MaskStyle): Analyst;
  /**
   * What a client would see of each database; for a refusal, that. Writes are rolled back. MariaDB sorts rows of
   * equal rank by where they lie in memory: what differs is asked again over new connections, and only what keeps
   * differing is told apart.
   */
  observe(text: string, style: MaskStyle): Promise<readonly [string, string]>;
  /** Names of the columns of a result, from the first database. */
  columnsOf(text: string): Promise<string[]>;
  /** The same as the analyst has them; null where it does not understand the query. */
  namesOf(text: string): string[] | null;
  /** Over the first database's connection; several statements give an array of results. */
  query(text: string): Promise<unknown>;
  close(): Promise<void>;
}

interface Running {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  close(): Promise<void>;
}

const started: Readonly<Record<"mariadb" | "mysql", () => Promise<Running>>> = {
  mariadb: () =>
    startMariadb({
      settings: { "log-bin-trust-function-creators": "1" },
      rootSql: "CREATE DATABASE other CHARACTER SET utf8mb4; GRANT ALL ON other.* TO app@'%'",
    }),
  mysql: () =>
    startMysql(
      "CREATE DATABASE other;\nGRANT ALL ON other.* TO app@'%';\nGRANT SHOW_ROUTINE ON *.* TO app@'%';",
    ),
};

export async function startMysqlLab(flavour: "mariadb" | "mysql" = "mariadb"): Promise<MysqlLab> {
  const server = await started[flavour]();
  const { host, port, user, password } = server;
  const limit = flavour === "mariadb" ? "max_statement_time = 5" : "max_execution_time = 5000";
  const connect = async (database: string) => {
    const own = { multipleStatements: true, allowPublicKeyRetrieval: true, ...patient };
    const connection = await createConnection({ host, port, user, password, database, ...own });
    await connection.query(`SET SESSION ${limit}`);
    return connection;
  };
  const [first, second] = [await connect("app"), await connect("other")];
  await first.query(fixtureSql(twoSecrets[0], flavour));
  await second.query(fixtureSql(twoSecrets[1], flavour));
  const catalog = await catalogOf(first, "app");
  const state = stateOf(flavour === "mariadb" ? "10.11.19-MariaDB" : "9.7.4");
  const analyst = (style: MaskStyle) => catalog.analyst(style, masksOf(style));
  return {
    catalog,
    state,
    analyst,
    observe: async (text, style) => {
      const judgement = judge(analyst(style), text, state);
      const pair = [await seen(first, text, judgement), await seen(second, text, judgement)] as const;
      if (pair[0] === pair[1]) return pair;
      return await again(connect, text, judgement) ?? pair;
    },
    columnsOf: async (text) => {
      const result = await first.query({ sql: text, rowsAsArray: true });
      return (result.meta as { name(): string }[]).map((column) => column.name());
    },
    namesOf: (text) => namesOf(catalog.json, text, state),
    query: (text) => first.query({ sql: text, rowsAsArray: true }),
    close: async () => {
      await Promise.all([first.end(), second.end()]);
      await server.close();
    },
  };
}

function namesOf(json: string, text: string, state: SqlState): string[] | null {
  const model = new CatalogModel(parseCatalogData(json));
  const mode = modeOf(state);
  try {
    const reader = new Reader(new Lexer(text, 0, mode).statement().tokens, mode);
    const query = parseQuery(reader);
    if (!reader.done) return null;
    const walk = new Walk(model, new Taints(model, () => null), mode);
    return walkQuery(walk, query, rootScope(), null, "result").outputs.map(({ name }) => name);
  } catch {
    return null;
  }
}
