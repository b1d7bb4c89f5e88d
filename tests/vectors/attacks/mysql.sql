# EXTRACTVALUE's error shows the value
SELECT EXTRACTVALUE(1, CONCAT('~', ssn)) FROM users WHERE id = 1

# UPDATEXML's error shows the value
SELECT UPDATEXML(1, CONCAT('~', (SELECT ssn FROM users WHERE id = 1)), 1)

# a subtraction's warning shows the value
SELECT ssn + 0 FROM users WHERE id = 1
SHOW WARNINGS

# a cast's warning shows the value
SELECT CAST(ssn AS SIGNED) FROM users WHERE id = 1
SHOW WARNINGS

# a comparison of types warns
SELECT id FROM orders WHERE id = (SELECT ssn FROM users WHERE id = 1)

# overflow
SELECT EXP(salary) FROM staff WHERE id = 1

# overflow of a product
SELECT salary * 9223372036854775807 FROM staff WHERE id = 1

# a double query's duplicate key
SELECT COUNT(*), CONCAT((SELECT ssn FROM users WHERE id = 1), FLOOR(RAND(0) * 2)) x FROM information_schema.TABLES GROUP BY x

# NAME_CONST
SELECT NAME_CONST(ssn, 1) FROM users WHERE id = 1

# a sub-select of more than one row in a branch
SELECT IF(ssn LIKE '0%', (SELECT id FROM orders), 1) FROM users WHERE id = 1

# spatial errors
SELECT ST_GeomFromText(ssn) FROM users WHERE id = 1

# a polygon of a value
SELECT POLYGON((SELECT ssn FROM users WHERE id = 1))

# a latitude from a geohash
SELECT ST_LatFromGeoHash((SELECT ssn FROM users WHERE id = 1))

# GTID functions show values
SELECT GTID_SUBSET(ssn, 1) FROM users WHERE id = 1

# JSON errors
SELECT JSON_EXTRACT('{}', CONCAT('$', ssn)) FROM users WHERE id = 1

# JSON path by a value
SELECT JSON_KEYS(CONCAT('{"', ssn)) FROM users WHERE id = 1

# JSON types
SELECT JSON_TYPE(JSON_EXTRACT(doc, '$.pay')) FROM staff WHERE id = 1

# JSON's arrow
SELECT doc->'$.pay', doc->>'$.pay' FROM staff WHERE id = 1

# JSON_VALUE
SELECT JSON_VALUE(doc, '$.pay') FROM staff WHERE id = 1

# JSON_TABLE
SELECT jt.* FROM staff s, JSON_TABLE(s.doc, '$' COLUMNS (pay INT PATH '$.pay')) jt

# JSON_TABLE's row count
SELECT COUNT(*) FROM staff s, JSON_TABLE(CONCAT('[', s.salary, ']'), '$[*]' COLUMNS (x INT PATH '$' ERROR ON ERROR)) jt

# JSON_CONTAINS in a condition
SELECT id FROM staff WHERE JSON_CONTAINS(doc, '5000', '$.pay')

# JSON_OBJECT with the value as the key
SELECT JSON_OBJECT(ssn, 1) FROM users WHERE id = 1

# JSON_OBJECTAGG with a null key
SELECT JSON_OBJECTAGG(NULLIF(ssn, '078-05-1120'), 1) FROM users WHERE id = 1

# MEMBER OF
SELECT '5000' MEMBER OF (doc) FROM staff WHERE id = 1

# a regular expression made of the value
SELECT 'a' REGEXP CONCAT('(', ssn) FROM users WHERE id = 1

# REGEXP_LIKE
SELECT REGEXP_SUBSTR(ssn, '^0') FROM users WHERE id = 1

# LIKE with an escape
SELECT 'x' LIKE 'x' ESCAPE (SELECT LEFT(ssn, 1) FROM users WHERE id = 1)

# a user variable
SELECT ssn INTO @x FROM users WHERE id = 1
SELECT @x

# a user variable, inline
SELECT @y := ssn FROM users WHERE id = 1
SELECT @y

# SET by a sub-select
SET @z = (SELECT ssn FROM users WHERE id = 1)
SELECT @z

# a system variable takes a value
SET time_zone = (SELECT CONCAT('+0', LEFT(ssn, 1), ':00') FROM users WHERE id = 1)
SELECT NOW() > '2000-01-01'

# sql_select_limit takes a value
SET sql_select_limit = (SELECT salary DIV 4000 FROM staff WHERE id = 1)
SELECT id FROM orders

# a variable in a loop of rows
SELECT @n := @n + (ssn LIKE '0%') FROM users, (SELECT @n := 0) x
SELECT @n

# LAST_INSERT_ID takes a value
SELECT LAST_INSERT_ID(salary) FROM staff WHERE id = 1
SELECT LAST_INSERT_ID()

# LAST_INSERT_ID by an UPDATE
UPDATE staff SET name = 'x' WHERE id = LAST_INSERT_ID(salary)
SELECT LAST_INSERT_ID()

# FOUND_ROWS after a condition
SELECT SQL_CALC_FOUND_ROWS id FROM users WHERE ssn LIKE '0%' LIMIT 1
SELECT FOUND_ROWS()

# PREPARE from a literal
PREPARE s FROM 'SELECT ssn FROM users WHERE id = 1'
EXECUTE s

# PREPARE from a variable
SET @t = 'SELECT ssn FROM users WHERE id = 1'
PREPARE s FROM @t
EXECUTE s

# EXECUTE IMMEDIATE
EXECUTE IMMEDIATE 'SELECT ssn FROM users WHERE id = 1'

# EXECUTE with a masked parameter
PREPARE s FROM 'SELECT ?'
EXECUTE s USING @x

# HANDLER
HANDLER users OPEN
HANDLER users READ FIRST
HANDLER users CLOSE

# HANDLER by the index
HANDLER users OPEN AS h
HANDLER h READ ssn FIRST

# HANDLER with a condition
HANDLER users OPEN
HANDLER users READ ssn = ('078-05-1120')

# SIGNAL outside of a program
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'x'

# GET DIAGNOSTICS
INSERT INTO users (id, ssn) VALUES (1, '078-05-1120')
GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT
SELECT @m

# SHOW WARNINGS after an error
SELECT EXTRACTVALUE(1, '~')
SHOW WARNINGS

# SHOW ERRORS
UPDATE users SET id = 2 WHERE id = 1
SHOW ERRORS

# a compound statement
BEGIN NOT ATOMIC DECLARE s TEXT; SELECT ssn INTO s FROM users WHERE id = 1; SELECT s; END

# a procedure
CALL p_read()

# a procedure that runs a text
CALL p_dynamic('SELECT ssn FROM users WHERE id = 1')

# PROCEDURE ANALYSE
SELECT ssn FROM users PROCEDURE ANALYSE()

# a stored function
SELECT f_get(1)

# a stored function, called by its schema
SELECT appa.f_get(1)

# a stored function in a condition
SELECT id FROM orders WHERE f_get(id) LIKE '0%'

# LOAD DATA
LOAD DATA INFILE '/etc/hostname' INTO TABLE orders

# LOAD DATA LOCAL
LOAD DATA LOCAL INFILE 'x' INTO TABLE orders

# SELECT INTO OUTFILE
SELECT ssn FROM users INTO OUTFILE '/tmp/x'

# SELECT INTO DUMPFILE
SELECT ssn FROM users WHERE id = 1 INTO DUMPFILE '/tmp/y'

# LOAD_FILE
SELECT LOAD_FILE('/etc/hostname')

# GROUP_CONCAT in an order
SELECT GROUP_CONCAT(id ORDER BY ssn) FROM users WHERE id < 4

# GROUP_CONCAT's separator and length
SET group_concat_max_len = 4
SELECT GROUP_CONCAT(ssn) FROM users WHERE id < 4

# WITH ROLLUP
SELECT LEFT(ssn, 1) k, COUNT(*) FROM users GROUP BY k WITH ROLLUP

# WITH ROLLUP over a clean key
SELECT id, MAX(ssn) FROM users WHERE id < 4 GROUP BY id WITH ROLLUP

# GROUPING
SELECT GROUPING(ssn) FROM users GROUP BY ssn WITH ROLLUP

# ORDER BY
SELECT id FROM users ORDER BY ssn

# ORDER BY an alias
SELECT id, RIGHT(ssn, 2) e FROM users ORDER BY e

# ORDER BY a position
SELECT id, ssn FROM users ORDER BY 2

# ORDER BY FIELD
SELECT id FROM users ORDER BY FIELD(ssn, '078-05-1120') DESC, id

# ORDER BY a collation
SELECT id FROM users ORDER BY ssn COLLATE utf8mb4_bin

# a forced index
SELECT id FROM users FORCE INDEX (ssn)

# an optimizer's hint
SELECT /*+ INDEX(users ssn) */ id FROM users

# an index by an ignored one
SELECT id FROM users IGNORE INDEX (PRIMARY)

# the covering index by itself
SELECT id, grade FROM staff WHERE grade = 'a'

# a LIMIT over the covering index
SELECT id FROM staff WHERE grade = 'a' LIMIT 1

# a LIMIT by a variable set before
SELECT id FROM users LIMIT 1 OFFSET 2

# DISTINCT
SELECT DISTINCT LEFT(ssn, 1) FROM users

# COUNT(DISTINCT)
SELECT COUNT(DISTINCT LEFT(ssn, 1)) FROM users

# HAVING on an alias
SELECT id, ssn s FROM users HAVING s LIKE '0%'

# a window
SELECT id, RANK() OVER (ORDER BY ssn) FROM users

# a window's partition
SELECT id, COUNT(*) OVER (PARTITION BY LEFT(ssn, 1)) FROM users

# FIRST_VALUE
SELECT FIRST_VALUE(id) OVER (ORDER BY ssn) FROM users

# NTILE by a named window
SELECT NTILE(2) OVER w FROM users WINDOW w AS (ORDER BY card)

# a recursive CTE that goes on while a value says so
WITH RECURSIVE r(n, s) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, s FROM r WHERE n < ASCII(s) - 40) SELECT COUNT(*) FROM r

# a recursive CTE that carries it along
WITH RECURSIVE r(n, a, b, c) AS (SELECT 1, 'x', 'y', (SELECT ssn FROM users WHERE id = 1) UNION ALL SELECT n + 1, b, c, c FROM r WHERE n < 4) SELECT a FROM r

# a CTE that hides a table
WITH users AS (SELECT id, note AS ssn FROM orders), x AS (SELECT ssn FROM appa.users) SELECT * FROM x

# a derived table with column names
SELECT b FROM (SELECT id, ssn FROM users) AS t(a, b) WHERE a = 1

# LATERAL
SELECT x.y FROM users u, LATERAL (SELECT u.ssn AS y) x WHERE u.id = 1

# TABLE
TABLE users ORDER BY ssn

# TABLE in a sub-select
SELECT * FROM (TABLE users) t WHERE id = 1

# VALUES ROW
VALUES ROW((SELECT ssn FROM users WHERE id = 1))

# UNION as an oracle
SELECT ssn FROM users UNION SELECT '078-05-1120'

# INTERSECT as an oracle
SELECT '078-05-1120' INTERSECT SELECT ssn FROM users

# EXCEPT as an oracle
SELECT '078-05-1120' EXCEPT SELECT ssn FROM users

# IN
SELECT '078-05-1120' IN (SELECT ssn FROM users)

# a row's comparison
SELECT (1, '078-05-1120') = (SELECT id, ssn FROM users WHERE id = 1)

# ALL
SELECT '5' > ALL (SELECT ssn FROM users)

# EXISTS, correlated
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = o.user_id AND u.ssn < '5')

# NATURAL JOIN
SELECT COUNT(*) FROM users NATURAL JOIN (SELECT '078-05-1120' AS ssn) x

# USING
SELECT COUNT(*) FROM users JOIN (SELECT '078-05-1120' AS ssn) x USING (ssn)

# SOUNDS LIKE
SELECT id FROM users WHERE ssn SOUNDS LIKE '0'

# MATCH AGAINST
SELECT MATCH (ssn) AGAINST ('078' IN BOOLEAN MODE) FROM users WHERE id = 1

# STRCMP
SELECT STRCMP(ssn, '5') FROM users WHERE id = 1

# FIND_IN_SET, LOCATE, INSTR
SELECT FIND_IN_SET('0', ssn), LOCATE('0', ssn), INSTR(ssn, '0') FROM users WHERE id = 1

# INTERVAL
SELECT INTERVAL(salary, 1000, 6000) FROM staff WHERE id = 1

# ELT by a value
SELECT ELT(salary DIV 4000, 'a', 'b') FROM staff WHERE id = 1

# MAKE_SET, EXPORT_SET
SELECT MAKE_SET(salary, 'a', 'b', 'c') FROM staff WHERE id = 1

# CONV
SELECT CONV(LEFT(ssn, 3), 10, 2) FROM users WHERE id = 1

# CHAR
SELECT CHAR(ASCII(ssn) USING utf8mb4) FROM users WHERE id = 1

# WEIGHT_STRING
SELECT HEX(WEIGHT_STRING(ssn)) FROM users WHERE id = 1

# CONVERT by a value
SELECT CONVERT(ssn USING latin1) FROM users WHERE id = 1

# an introducer
SELECT _binary'x' = ssn FROM users WHERE id = 1

# AES
SELECT AES_ENCRYPT(ssn, 'k') FROM users WHERE id = 1

# SLEEP by a value
SELECT IF(ssn LIKE '0%', SLEEP(0.01), 0) FROM users WHERE id = 1

# BENCHMARK
SELECT BENCHMARK(10, MD5(ssn)) FROM users WHERE id = 1

# GET_LOCK with the value's name
SELECT GET_LOCK(ssn, 0) FROM users WHERE id = 1
SELECT IS_USED_LOCK('078-05-1120') IS NULL

# RAND with the value as its seed
SELECT RAND(salary) FROM staff WHERE id = 1

# UUID_TO_BIN's error
SELECT UUID_TO_BIN(ssn) FROM users WHERE id = 1

# INET_ATON
SELECT INET_ATON(ssn) FROM users WHERE id = 1

# STR_TO_DATE warns
SELECT STR_TO_DATE(ssn, '%Y') FROM users WHERE id = 1
SHOW COUNT(*) WARNINGS

# a date's part
SELECT YEAR(born), DATEDIFF(born, '1980-01-01') FROM staff WHERE id = 1

# DATE_ADD overflows
SELECT DATE_ADD('9990-01-01', INTERVAL salary DAY) FROM staff WHERE id = 1

# ROW_COUNT after a write
UPDATE orders SET note = 'x' WHERE user_id = (SELECT 1 FROM users WHERE id = 1 AND ssn LIKE '0%')
SELECT ROW_COUNT()

#~ rows changed by a write of the same value
UPDATE users SET card = '4111111111111111' WHERE id = 1

# INSERT … SELECT
INSERT INTO orders SELECT 50, id, ssn FROM users WHERE id = 1

# INSERT IGNORE's warnings
INSERT IGNORE INTO users (id, ssn) VALUES (900, '219-09-9999')
SHOW WARNINGS

# ON DUPLICATE KEY UPDATE
INSERT INTO users (id, ssn) VALUES (901, '219-09-9999') ON DUPLICATE KEY UPDATE name = 'hit'

# ON DUPLICATE KEY UPDATE copies
INSERT INTO users (id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE name = ssn

# REPLACE counts
REPLACE INTO users (id, ssn) VALUES (902, '219-09-9999')

#~ a duplicate key tells whether a value is there, and no more
INSERT INTO users (id, ssn) VALUES (903, '533-44-9999')

#~ an UPDATE to a value that is there
UPDATE users SET ssn = '219-09-9999' WHERE id = 3

# an UPDATE of a plain column
UPDATE users SET name = ssn WHERE id = 1
SELECT name FROM users WHERE id = 1

# an UPDATE of two tables
UPDATE users u JOIN orders o ON o.user_id = u.id SET o.note = u.ssn

# an UPDATE in an order, with a limit
UPDATE users SET name = 'first' ORDER BY ssn LIMIT 1
SELECT id FROM users WHERE name = 'first'

# a DELETE in an order, with a limit
DELETE FROM users WHERE id < 4 ORDER BY ssn LIMIT 1
SELECT id FROM users WHERE id < 4

# a DELETE with a limit over the covering index
DELETE FROM staff WHERE grade = 'a' LIMIT 1

#mariadb DELETE … RETURNING
DELETE FROM users WHERE id = 3 RETURNING ssn

#mariadb INSERT … RETURNING
INSERT INTO users (id, ssn) VALUES (905, '1') RETURNING ssn, id

# truncation's error
UPDATE orders SET note = (SELECT REPEAT(ssn, 9) FROM users WHERE id = 1) WHERE id = 1

# DEFAULT of a column
SELECT DEFAULT(copy) FROM derived LIMIT 1

# a default made of a masked column
SELECT copy, twice FROM derived WHERE id = 1

# INSERT takes a default made of another
INSERT INTO derived (id, ssn) VALUES (9, '1')
SELECT copy FROM derived WHERE id = 9

# a generated column
SELECT ssn_rev FROM users WHERE id = 1

# an invisible column
SELECT hidden, salary FROM staff WHERE id = 1

# a view
SELECT tax_no FROM v_users WHERE id = 1

# a view's condition
SELECT id FROM v_users WHERE tax_no LIKE '0%'

# a view of a comparison
SELECT id FROM v_compares

# a nested view
SELECT t FROM v_nested WHERE id = 1

# a view of a union
SELECT what FROM v_union WHERE id = 1

# a view of a star
SELECT ssn FROM v_star WHERE id = 1

# a temporary table as a copy
CREATE TEMPORARY TABLE t1 AS SELECT ssn AS x FROM users
SELECT x FROM t1

# a temporary table in place of another
CREATE TEMPORARY TABLE orders SELECT id, id AS user_id, ssn AS note FROM users
SELECT note FROM orders

# a temporary table like the masked one
CREATE TEMPORARY TABLE t4 LIKE users
INSERT INTO t4 SELECT * FROM users

# a view made in the session
CREATE OR REPLACE VIEW w1 AS SELECT ssn AS y FROM users
SELECT y FROM w1

# a view replaced in the session
CREATE OR REPLACE VIEW v_clean AS SELECT id, ssn AS name FROM users WHERE id < 50
SELECT name FROM v_clean

# a masked column renamed
ALTER TABLE users RENAME COLUMN ssn TO harmless
SELECT harmless FROM users WHERE id = 1

# a masked table renamed
RENAME TABLE users TO harmless
SELECT ssn FROM harmless WHERE id = 1

# a masked table renamed by ALTER
ALTER TABLE users RENAME harmless

# tables exchanged
RENAME TABLE orders TO o2, users TO orders

# a partition exchanged
ALTER TABLE users EXCHANGE PARTITION p WITH TABLE orders

# a column's type changed: the warning shows the value
ALTER TABLE users MODIFY ssn INT

# a check over what is there
ALTER TABLE users ADD CONSTRAINT c CHECK (ssn NOT LIKE '0%')

# a generated column added
ALTER TABLE users ADD leak VARCHAR(40) AS (ssn)

# rows put in the order of a masked column
ALTER TABLE users ORDER BY ssn

# a trigger that copies
CREATE TRIGGER tr BEFORE UPDATE ON users FOR EACH ROW SET NEW.name = NEW.ssn

# an event
CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO orders SELECT 99, 1, ssn FROM users LIMIT 1

# a function made in the session
CREATE FUNCTION g() RETURNS TEXT READS SQL DATA RETURN (SELECT ssn FROM users WHERE id = 1)

# EXPLAIN
EXPLAIN SELECT id FROM users WHERE ssn = '078-05-1120'

# EXPLAIN as JSON
EXPLAIN FORMAT=JSON SELECT id FROM users WHERE ssn < '5'

#mysql EXPLAIN as a tree
EXPLAIN FORMAT=TREE SELECT id FROM users WHERE ssn = (SELECT ssn FROM users WHERE id = 1)

#mysql EXPLAIN ANALYZE
EXPLAIN ANALYZE SELECT ssn FROM users WHERE id = 1

#mysql EXPLAIN into a variable
EXPLAIN FORMAT=JSON INTO @e SELECT ssn FROM users WHERE id = 1
SELECT @e

#mariadb ANALYZE of a statement
ANALYZE FORMAT=JSON SELECT id FROM users WHERE ssn < '5'

# EXPLAIN's note
EXPLAIN SELECT * FROM (SELECT ssn FROM users WHERE id = 1) t
SHOW WARNINGS

# EXPLAIN of a constant table
EXPLAIN SELECT * FROM users WHERE id = 1 AND ssn = '078-05-1120'

# the optimizer's trace
SET optimizer_trace = 'enabled=on'
SELECT * FROM information_schema.OPTIMIZER_TRACE

# the histogram's table
SELECT * FROM information_schema.COLUMN_STATISTICS

#mysql a histogram made
ANALYZE TABLE users UPDATE HISTOGRAM ON ssn
SELECT HISTOGRAM FROM information_schema.COLUMN_STATISTICS

#mariadb the statistics' table
SELECT * FROM mysql.column_stats

#mariadb a histogram decoded
SELECT DECODE_HISTOGRAM(hist_type, histogram) FROM mysql.column_stats

# the statistics in information_schema
SELECT CARDINALITY FROM information_schema.STATISTICS WHERE TABLE_NAME = 'users'

# SHOW COLUMNS
SHOW FULL COLUMNS FROM users

# SHOW CREATE
SHOW CREATE TABLE users

# SHOW CREATE FUNCTION
SHOW CREATE FUNCTION f_get

# SHOW with a condition by sub-select
SHOW TABLES WHERE (SELECT ssn FROM users WHERE id = 1) LIKE '0%'

# SHOW COLUMNS with a condition
SHOW COLUMNS FROM orders WHERE EXISTS (SELECT 1 FROM users WHERE ssn LIKE '0%')

# SHOW STATUS' counters after a read
SELECT ssn FROM users WHERE id = 1
SHOW SESSION STATUS LIKE 'Sort%'

# SHOW STATUS' cost of the last query
SELECT ssn FROM users WHERE id = 1
SHOW STATUS LIKE 'Last_query_cost'

# SHOW PROCESSLIST
SHOW FULL PROCESSLIST

# the process list
SELECT INFO FROM information_schema.PROCESSLIST

# statements' digests
SELECT DIGEST_TEXT, QUERY_SAMPLE_TEXT FROM performance_schema.events_statements_summary_by_digest

# statements' history
SELECT SQL_TEXT FROM performance_schema.events_statements_history

# user variables of threads
SELECT * FROM performance_schema.user_variables_by_thread

# data locks show key values
SELECT LOCK_DATA FROM performance_schema.data_locks

# InnoDB's status
SHOW ENGINE INNODB STATUS

# InnoDB's locks
SELECT * FROM information_schema.INNODB_TRX

# InnoDB's pages
SELECT * FROM information_schema.INNODB_BUFFER_PAGE LIMIT 1

# profiles
SET profiling = 1
SHOW PROFILES

# the general log as a table
SELECT * FROM mysql.general_log

# accounts
SELECT authentication_string FROM mysql.user

# triggers' texts
SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS

# CHECKSUM
CHECKSUM TABLE users

# CHECK, REPAIR, OPTIMIZE
CHECK TABLE users

# CACHE and LOAD INDEX
LOAD INDEX INTO CACHE users

# LOCK TABLES under another name
LOCK TABLES users AS u READ
SELECT u.ssn FROM users AS u WHERE id = 1
UNLOCK TABLES

# XA
XA START 'x'
SELECT ssn FROM users WHERE id = 1

# SET STATEMENT
SET STATEMENT max_statement_time = 5 FOR SELECT ssn FROM users WHERE id = 1

# SET STATEMENT with a value
SET STATEMENT sql_select_limit = (SELECT salary DIV 4000 FROM staff WHERE id = 1) FOR SELECT id FROM orders

# sql_mode changes quotes
SET sql_mode = 'ANSI_QUOTES'
SELECT "ssn" FROM users WHERE id = 1

# sql_mode changes pipes
SET sql_mode = 'PIPES_AS_CONCAT'
SELECT id || ssn FROM users WHERE id = 1

# sql_mode, high precedence of NOT
SET sql_mode = 'HIGH_NOT_PRECEDENCE,NO_BACKSLASH_ESCAPES'
SELECT ssn, '\' FROM users WHERE id = 1

# the character set changes the lexer
SET NAMES gbk
SELECT ssn FROM users WHERE id = 1

# a version comment
SELECT /*!ssn*/ FROM users WHERE id = 1

# a version comment that begins a string
SELECT id /*!99999 , ssn */ FROM users WHERE id = 1

# a comment in a comment
SELECT /* /*! ssn, */ id FROM users WHERE id = 1

# an odd comment
SELECT id --
, ssn FROM users WHERE id = 1

# a name with a dot before it
SELECT .ssn FROM users WHERE id = 1

# a table with a dot before it
SELECT ssn FROM .users WHERE id = 1

# spaces in a qualified name
SELECT users . ssn FROM users WHERE id = 1

# a name that ends in e
SELECT 1e0ssn FROM users WHERE id = 1

# a number and a name
SELECT 1.ssn FROM users WHERE id = 1

# an alias as a string
SELECT ssn 'x' FROM users WHERE id = 1

# an alias spoofs the origin
SELECT t.name FROM (SELECT ssn AS name FROM users WHERE id = 1) t

# ODBC's escapes
SELECT {fn UPPER(ssn)} FROM {oj users LEFT JOIN orders ON 1 = 0} WHERE users.id = 1

# ODBC's date
SELECT {d ssn} FROM users WHERE id = 1

# several statements
SELECT 1; SELECT ssn FROM users WHERE id = 1; SELECT 2

# DO
DO (SELECT ssn FROM users WHERE id = 1)

# DO with an error
DO (SELECT EXTRACTVALUE(1, CONCAT('~', ssn)) FROM users WHERE id = 1)

# KILL by a value
KILL (SELECT salary FROM staff WHERE id = 1)

# HELP
HELP 'SELECT'

# USE of another database
USE mysql
SELECT * FROM user

# information_schema's views' texts
SELECT VIEW_DEFINITION FROM information_schema.VIEWS LIMIT 1

# a partition by name
SELECT ssn FROM users PARTITION (p0)

#mariadb a sequence
SELECT NEXTVAL(seq1), SETVAL(seq1, salary) FROM staff WHERE id = 1

#mariadb a sequence in a branch
SELECT IF(ssn LIKE '0%', NEXTVAL(seq1), 0) FROM users WHERE id = 1

#mariadb system versions
SELECT ssn FROM users FOR SYSTEM_TIME ALL WHERE id = 1

#mariadb dynamic columns
SELECT COLUMN_GET(COLUMN_CREATE('a', ssn), 'a' AS CHAR) FROM users WHERE id = 1

#mariadb PERCENTILE
SELECT PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY salary) OVER () FROM staff

#mariadb MEDIAN
SELECT MEDIAN(salary) OVER () FROM staff

#mariadb SFORMAT
SELECT SFORMAT(ssn, 1) FROM users WHERE id = 1

#mariadb FETCH FIRST WITH TIES
SELECT id FROM users ORDER BY ssn FETCH FIRST 1 ROW WITH TIES

#mariadb OFFSET in an order
SELECT id FROM staff WHERE grade = 'a' OFFSET 1 ROWS FETCH NEXT 1 ROW ONLY

#mariadb oracle's mode
SET sql_mode = 'ORACLE'
SELECT ssn FROM users WHERE ROWNUM() < 2

# a null-safe comparison
SELECT ssn <=> '078-05-1120' FROM users WHERE id = 1

# bits of a value
SELECT BIT_XOR(salary), BIT_COUNT(salary) FROM staff

# the smallest of a value and a known one
SELECT LEAST(ssn, '5') = '5' FROM users WHERE id = 1

# LENGTH and CRC32 are masked
SELECT LENGTH(ssn), CRC32(ssn) FROM users WHERE id = 1

# CASE with a failing branch
SELECT CASE WHEN ssn LIKE '0%' THEN EXP(1000) ELSE 1 END FROM users WHERE id = 1

# COALESCE with a failing branch
SELECT COALESCE(NULLIF(ssn, '078-05-1120'), EXP(1000)) FROM users WHERE id = 1

# AND with a failing branch
SELECT ssn LIKE '0%' AND EXP(1000) FROM users WHERE id = 1

# IFNULL with an assignment
SELECT IF(ssn LIKE '0%', @a := 1, @a := 2) FROM users WHERE id = 1
SELECT @a

#+ a plain column
SELECT id, ssn FROM users WHERE id = 1

#+ an expression
SELECT id, CONCAT(UPPER(ssn), '!') x FROM users WHERE id = 1

#+ through a view, a CTE and a sub-select
WITH c AS (SELECT * FROM v_users) SELECT tax_no FROM (SELECT tax_no FROM c WHERE id = 1) x

#+ numbers, dates and documents
SELECT salary, born, doc FROM staff WHERE id = 1

#+ aggregates
SELECT MIN(ssn), MAX(card), COUNT(ssn) FROM users

#+ a user variable of a plain column
SET @p = 5
SELECT @p, id FROM orders WHERE id = 1

#+ an index's count of distinct values
SELECT TABLE_NAME, INDEX_NAME, CARDINALITY FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'repeats'

# an index's count, computed with
SELECT CARDINALITY + 0, CONCAT(CARDINALITY), CARDINALITY > 100 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()

# an index's count as a condition
SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND CARDINALITY > 100

# an index's count as an order
SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY CARDINALITY DESC, INDEX_NAME

# an index's count in the schema itself
USE information_schema
SELECT s.* FROM (SELECT cardinality AS c FROM statistics WHERE table_name = 'repeats') s

#+ SHOW INDEX counts distinct values
SHOW INDEX FROM repeats

#+ SHOW KEYS does so
SHOW KEYS IN repeats

#mysql+ SHOW EXTENDED INDEX does so
SHOW EXTENDED INDEXES FROM repeats

#+ SHOW INDEX of a table without masks
SHOW INDEX FROM orders

# SHOW INDEX by its count
SHOW INDEX FROM repeats WHERE Cardinality > 100

# SHOW INDEX by its count, qualified
SHOW INDEX FROM repeats WHERE STATISTICS.CARDINALITY > 100

# SHOW INDEX by its count, in lower case
SHOW INDEX FROM repeats WHERE `statistics`.`cardinality` > 100

# SHOW INDEX's count fails
SHOW INDEX FROM repeats WHERE EXP(Cardinality * 10) > 1
SHOW WARNINGS

#+ a view of the counts
SELECT * FROM v_index WHERE name = 'repeats'

# a procedure of the counts
CALL p_index()

# a count kept in a variable
SELECT CARDINALITY INTO @c FROM information_schema.STATISTICS WHERE TABLE_NAME = 'repeats' AND INDEX_NAME = 'by_pin' AND TABLE_SCHEMA = DATABASE()
SELECT @c

# a count kept in a table
INSERT INTO counts SELECT 1, CARDINALITY FROM information_schema.STATISTICS WHERE TABLE_NAME = 'repeats' AND INDEX_NAME = 'by_pin' AND TABLE_SCHEMA = DATABASE()
SELECT * FROM counts

# a table made of the counts
CREATE TEMPORARY TABLE kept AS SELECT INDEX_NAME, CARDINALITY FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()
SELECT * FROM kept

# a table made of the counts, in the schema itself
USE information_schema
CREATE TEMPORARY TABLE test.kept AS SELECT INDEX_NAME, CARDINALITY FROM statistics

#+ a checksum of all rows
SELECT TABLE_NAME, CHECKSUM FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'summed'

# SHOW TABLE STATUS with a checksum
SHOW TABLE STATUS WHERE Checksum % 2 = 0

# a procedure with a checksum
CALL p_status()

#+ how many rows a range of values has
SELECT PARTITION_NAME, TABLE_ROWS, AVG_ROW_LENGTH FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'ranged'

# EXPLAIN of a partition
EXPLAIN SELECT id FROM ranged PARTITION (low)

# rows of a partition
SELECT COUNT(*) FROM ranged PARTITION (low)

# EXPLAIN of distinct values
EXPLAIN SELECT DISTINCT pin FROM repeats

# EXPLAIN of groups
EXPLAIN SELECT pin FROM repeats GROUP BY pin

# EXPLAIN of a condition
EXPLAIN SELECT id FROM repeats WHERE pin < 50

# EXPLAIN of a join
EXPLAIN SELECT a.id FROM repeats a JOIN repeats b ON a.pin = b.pin

# EXPLAIN of a lookup
EXPLAIN FORMAT=JSON SELECT a.id, b.pin FROM repeats a JOIN repeats b ON a.id = b.id

# EXPLAIN of an ordered limit
EXPLAIN SELECT id FROM repeats ORDER BY pin LIMIT 3

# ANALYZE of a scan
ANALYZE FORMAT=JSON SELECT id, pin FROM repeats WHERE id < 50

# InnoDB's own statistics
SELECT stat_value FROM mysql.innodb_index_stats WHERE table_name = 'repeats'

# the table's of the same
SELECT * FROM mysql.innodb_table_stats

#mariadb the table of counted distinct values
SELECT * FROM mysql.index_stats

#mariadb counters of users
SELECT * FROM information_schema.INDEX_STATISTICS

#mariadb SHOW's counters
SHOW INDEX_STATISTICS

#mariadb statistics gathered, then read
ANALYZE TABLE repeats PERSISTENT FOR ALL
SELECT min_value, max_value FROM mysql.column_stats WHERE table_name = 'repeats'

# InnoDB's tables
SELECT * FROM information_schema.INNODB_TABLESTATS

# InnoDB's pages
SELECT * FROM information_schema.INNODB_BUFFER_PAGE WHERE TABLE_NAME LIKE '%repeats%'

# others' statements
SELECT SQL_TEXT FROM performance_schema.events_statements_history

# digests of statements
SELECT * FROM performance_schema.events_statements_summary_by_digest

# others' sessions
SELECT INFO FROM information_schema.PROCESSLIST

# others' sessions in performance_schema
SELECT * FROM performance_schema.threads

# reads by index
SELECT * FROM performance_schema.table_io_waits_summary_by_index_usage WHERE OBJECT_NAME = 'repeats'

# sys's statistics
SELECT * FROM sys.schema_index_statistics

# a profile
SET profiling = 1
SELECT pin FROM repeats WHERE id = 1
SHOW PROFILE

# CHECKSUM TABLE
CHECKSUM TABLE repeats

# locks with their values
SELECT LOCK_DATA FROM performance_schema.data_locks

# rows come by partitions
SELECT id FROM ranged

#+ rows of partitions, sorted and counted
SELECT COUNT(*) FROM ranged

# rows of a partition come first
SELECT id FROM ranged LIMIT 150, 1

# EXPLAIN of all partitions
EXPLAIN SELECT id FROM ranged

#mariadb order: RETURNING of a DELETE
DELETE FROM staff WHERE grade = 'a' RETURNING id

#mariadb+ order: RETURNING of one row
DELETE FROM staff WHERE id = 2 RETURNING id, name

# order: which row an UPDATE changes
UPDATE staff SET boss = 9 WHERE grade = 'a' LIMIT 1
SELECT id, boss FROM staff ORDER BY id

# order: which row a DELETE takes
DELETE FROM staff WHERE grade = 'a' LIMIT 1
SELECT id FROM staff ORDER BY id

#+ order: an UPDATE of one row with a LIMIT
UPDATE staff SET name = 'ivy' WHERE id = 1 LIMIT 1

#+ order: a DELETE by its key
DELETE FROM staff WHERE grade = 'a' ORDER BY id LIMIT 1

# order: rows counted by an UPDATE
SET @turn = 0
UPDATE staff SET boss = (@turn := @turn + 1) WHERE grade = 'a'
SELECT id, boss FROM staff ORDER BY id

# order: rows numbered by an INSERT
INSERT INTO counts(n) SELECT id FROM staff WHERE grade = 'a'
SELECT n FROM counts ORDER BY id

#+ order: rows numbered by their key
INSERT INTO counts(n) SELECT id FROM staff WHERE grade = 'a' ORDER BY id
SELECT n FROM counts ORDER BY id

# order: the first row kept in a variable
SET @first = (SELECT id FROM staff WHERE grade = 'a' LIMIT 1)
SELECT @first

# order: the first row written
UPDATE orders SET note = (SELECT id FROM staff WHERE grade = 'a' LIMIT 1) WHERE id = 1
SELECT note FROM orders WHERE id = 1

# order: the first row inserted
INSERT INTO counts(n) VALUES ((SELECT id FROM staff WHERE grade = 'a' LIMIT 1))
SELECT n FROM counts

# order: the first row decides what is shown
SHOW TABLES WHERE (SELECT id FROM staff WHERE grade = 'a' LIMIT 1) = 1

# order: rows of a partition go first
DELETE FROM ranged LIMIT 150
SELECT COUNT(*) FROM ranged WHERE id < 60
