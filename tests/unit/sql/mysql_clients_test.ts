/** What drivers and tools ask at start-up is allowed, and told apart from what people ask. */
import assert from "node:assert/strict";
import { factsOf, mariadb, mysql, verdictOf } from "./mysql_fixture.ts";

const both: Readonly<Record<string, readonly string[]>> = {
  "mariadb and mysql, the command line": [
    "select @@version_comment limit 1",
    "SELECT DATABASE()",
    "select USER()",
    "show databases",
    "show tables",
    "SELECT CURRENT_USER()",
    "HELP 'contents'",
    "SHOW /*!50002 GLOBAL */ STATUS LIKE 'Uptime'",
  ],
  "Connector/J": [
    "/* mysql-connector-j-8.3.0 (Revision: 8fe3bd0e3e9b7e0a) */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_results AS character_set_results, @@collation_server AS collation_server, @@init_connect AS init_connect, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@transaction_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout",
    "/* mysql-connector-java-5.1.49 ( Revision: ad86f36e ) */SHOW VARIABLES WHERE Variable_name ='language' OR Variable_name = 'net_write_timeout' OR Variable_name = 'sql_mode'",
    "SET NAMES utf8mb4",
    "SET character_set_results = NULL",
    "SET autocommit=1",
    "SET sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SELECT @@session.transaction_read_only",
    "select @@session.tx_read_only",
    "SELECT @@session.transaction_isolation",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SQL_SELECT_LIMIT=200",
    "SET SQL_SELECT_LIMIT=DEFAULT",
    "SHOW WARNINGS",
    "/* ping */ SELECT 1",
    "SHOW FULL TABLES FROM `ev` LIKE '%'",
    "SHOW FULL COLUMNS FROM `orders` FROM `ev` LIKE '%'",
    "SHOW INDEX FROM `orders` FROM `ev`",
    "SHOW CREATE TABLE `ev`.`orders`",
    "SELECT TABLE_SCHEMA AS TABLE_CAT, NULL AS TABLE_SCHEM, TABLE_NAME, CASE WHEN TABLE_TYPE='BASE TABLE' THEN CASE WHEN TABLE_SCHEMA = 'mysql' OR TABLE_SCHEMA = 'performance_schema' THEN 'SYSTEM TABLE' ELSE 'TABLE' END WHEN TABLE_TYPE='TEMPORARY' THEN 'LOCAL_TEMPORARY' ELSE TABLE_TYPE END AS TABLE_TYPE, TABLE_COMMENT AS REMARKS FROM INFORMATION_SCHEMA.TABLES HAVING TABLE_TYPE IN ('TABLE','VIEW',null,null,null) ORDER BY TABLE_TYPE, TABLE_SCHEMA, TABLE_NAME",
    "SELECT A.TABLE_SCHEMA AS PKTABLE_CAT FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE A JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS B USING (CONSTRAINT_NAME, TABLE_NAME) WHERE A.TABLE_SCHEMA = 'ev'",
  ],
  "DBeaver": [
    "SHOW SESSION VARIABLES LIKE 'lower_case_table_names'",
    "SHOW VARIABLES LIKE 'aurora\\_version'",
    "SELECT * FROM information_schema.SCHEMATA",
    "SHOW ENGINES",
    "SHOW CHARSET",
    "SHOW COLLATION",
    "SHOW PLUGINS",
    "SELECT @@GLOBAL.character_set_server,@@GLOBAL.collation_server",
    "SHOW TABLE STATUS FROM `ev` LIKE 'orders'",
    "SHOW PROCEDURE STATUS WHERE Db='ev'",
    "SHOW STATUS",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SELECT cc.TABLE_NAME FROM (SELECT TABLE_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'ev' ORDER BY COLUMN_NAME) cc, (SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = 'ev') tc WHERE cc.TABLE_NAME = tc.TABLE_NAME",
  ],
  "Workbench": [
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SHOW SESSION VARIABLES LIKE 'sql_mode'",
    "SET CHARACTER SET utf8",
    "SET SQL_SAFE_UPDATES=1",
    "SELECT CONNECTION_ID()",
    "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
    "set autocommit=1",
  ],
  "npm's mariadb and mysql2, PyMySQL, SQLAlchemy": [
    "SELECT @@max_allowed_packet,@@system_time_zone,@@time_zone,@@auto_increment_increment",
    "SET AUTOCOMMIT = 0",
    "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci'",
    "SELECT CAST('test plain returns' AS CHAR(60)) AS anon_1",
    "SELECT VERSION()",
    "SELECT @@lower_case_table_names",
    "START TRANSACTION",
    "ROLLBACK",
    "DESCRIBE `ev`.`orders`",
  ],
  "MariaDB Connector/J": [
    "set autocommit=1, sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')",
    "select @@max_allowed_packet",
  ],
};

for (const [client, texts] of Object.entries(both)) {
  Deno.test(`${client}: what it asks at start-up is allowed, and quiet`, () => {
    for (const text of texts) {
      for (const state of [mariadb, mysql]) {
        assert.equal(verdictOf(text, state), "allow", text);
        const { kind, catalogOnly } = factsOf(text, state);
        assert.ok(catalogOnly || kind === "session" || kind === "transaction", text);
      }
    }
  });
}

Deno.test("what people ask is not quiet", () => {
  for (
    const text of [
      "SELECT * FROM orders",
      "SELECT name FROM users",
      "SELECT t.TABLE_NAME FROM information_schema.TABLES t, orders",
    ]
  ) {
    assert.equal(factsOf(text).catalogOnly, false, text);
  }
});
