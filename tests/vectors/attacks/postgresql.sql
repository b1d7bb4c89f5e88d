# a cast's error says the value
SELECT ssn::int FROM users WHERE id = 1

# a cast's error in a function of the same name
SELECT int4(ssn) FROM users WHERE id = 1

# a cast to a domain whose check fails
SELECT (salary)::small FROM hr.staff

# a cast to an enum
SELECT left(ssn, 4)::mood FROM users WHERE id = 1

# a cast to regclass looks the value up
SELECT ssn::regclass FROM users WHERE id = 1

# a cast to xml
SELECT ('<' || ssn)::xml FROM users WHERE id = 1

# a cast to bytea, whose error names the digit
SELECT ('\x' || ssn)::bytea FROM users WHERE id = 1

# a cast to json, whose error has a context
SELECT ('{"a":' || ssn)::json FROM users WHERE id = 1

# a cast to a timestamp
SELECT ssn::timestamptz FROM users WHERE id = 1

# to_number of a value
SELECT to_number(ssn, '999') FROM users WHERE id = 1

# to_date of a value
SELECT to_date(ssn, 'YYYY-MM-DD') FROM users WHERE id = 1

# division by zero for one value only
SELECT 1 / (ascii(ssn) - 48) FROM users WHERE id = 1

# division by zero within a branch
SELECT CASE WHEN ssn LIKE '0%' THEN 1 / 0 ELSE 0 END FROM users WHERE id = 1

# overflow
SELECT (ascii(ssn) * 45000000)::int FROM users WHERE id = 1

# a square root of what may be negative
SELECT sqrt(salary - 6000) FROM hr.staff WHERE id = 1

# a subscript that a value decides
SELECT (ARRAY['a','b','c'])[salary % 3 + 1] FROM hr.staff WHERE id = 1

# a sub-select that gives more than one row for one value only
SELECT (SELECT 1 FROM orders WHERE ssn LIKE '0%') FROM users WHERE id = 1

# how many rows a function gives
SELECT generate_series(1, ascii(ssn) % 7) FROM users WHERE id = 1

# how many rows a split gives
SELECT 1 FROM users, regexp_split_to_table(ssn, '0') WHERE id = 1

# how many rows a string's characters give
SELECT 1 FROM users u, LATERAL string_to_table(u.ssn, '1') x WHERE u.id = 1

# how many rows a JSON array has
SELECT 1 FROM hr.staff s, jsonb_path_query(s.doc, '$.pay ? (@ > 6000)')

# how many rows unnest gives
SELECT 1 FROM users u, unnest(string_to_array(u.ssn, '0')) x WHERE u.id = 1

# the regular expression is the value
SELECT 'abc' ~ ssn FROM users WHERE id = 1

# a broken regular expression for one value
SELECT regexp_replace('a', '(' || ssn, 'b') FROM users WHERE id = 1

# an escape at the end of a pattern
SELECT 'x' LIKE ssn || '\' FROM users WHERE id = 1

# similar to
SELECT substring('x' SIMILAR ssn ESCAPE '#') FROM users WHERE id = 1

# a headline of a text search
SELECT ts_headline('english', ssn, to_tsquery('078')) FROM users WHERE id = 1

# a rank of a text search
SELECT ts_rank(to_tsvector('simple', ssn), to_tsquery('simple', '1120')) FROM users WHERE id = 1

# a text search that decides on rows
SELECT id FROM users WHERE to_tsvector('simple', ssn) @@ to_tsquery('simple', '078-05-1120')

# a text search's error
SELECT to_tsquery('simple', ssn || ' &') FROM users WHERE id = 1

# ts_debug, a function in SQL
SELECT * FROM users u, ts_debug('simple', u.ssn) WHERE u.id = 1

# ts_stat runs a text
SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', ssn) FROM users')

# query_to_xml runs a text
SELECT query_to_xml('SELECT ssn FROM users', true, true, '')

# table_to_xml reads a table by name
SELECT table_to_xml('users', true, true, '')

# schema_to_xml reads all
SELECT schema_to_xml('public', true, true, '')

# cursor_to_xml
DECLARE c CURSOR FOR SELECT ssn FROM users
SELECT cursor_to_xml('c', 10, true, true, '')

#+ a cursor over a masked column
DECLARE c CURSOR FOR SELECT ssn, id FROM users ORDER BY id
FETCH 3 FROM c

# a cursor moved by a value
DECLARE c SCROLL CURSOR FOR SELECT id FROM users WHERE ssn LIKE '0%' ORDER BY id
MOVE FORWARD ALL IN c

# a cursor that holds, and CURRENT OF with RETURNING
DECLARE c CURSOR FOR SELECT id FROM users FOR UPDATE
FETCH 1 FROM c
UPDATE users SET name = 'x' WHERE CURRENT OF c RETURNING ssn

#+ COPY of a table
COPY users TO STDOUT

#+ COPY of one masked column
COPY users (id, ssn) TO STDOUT (FORMAT csv)

# COPY of a query in an expression
COPY (SELECT upper(ssn) FROM users) TO STDOUT

#+ COPY, binary
COPY (SELECT ssn FROM users) TO STDOUT (FORMAT binary)

# COPY of a whole row
COPY (SELECT u FROM users u) TO STDOUT

# COPY to a program
COPY users TO PROGRAM 'cat'

# COPY of changes
COPY (UPDATE users SET name = name WHERE id = 1 RETURNING ssn) TO STDOUT

# COPY with a condition
COPY (SELECT id FROM users WHERE ssn LIKE '0%') TO STDOUT

# RETURNING a masked column
UPDATE users SET name = 'x' WHERE id = 1 RETURNING ssn, id

# RETURNING an expression
UPDATE users SET name = 'x' WHERE id = 1 RETURNING 'n' || ssn

# RETURNING a whole row
DELETE FROM users WHERE id = 3 RETURNING users

# RETURNING a generated column
UPDATE users SET name = 'x' WHERE id = 1 RETURNING ssn_hash

# INSERT of a copy
INSERT INTO orders SELECT 50, id, ssn FROM users WHERE id = 1

# UPDATE of a plain column by a masked one
UPDATE users SET name = ssn WHERE id = 1
SELECT name FROM users WHERE id = 1

# UPDATE by a sub-select
UPDATE orders SET note = (SELECT ssn FROM users WHERE id = 1) WHERE id = 1

# UPDATE of several columns at once
UPDATE orders SET (note, user_id) = (SELECT ssn, 5 FROM users WHERE id = 1) WHERE id = 1

# UPDATE, whose row count tells
UPDATE orders SET note = 'x' FROM users u WHERE u.id = orders.user_id AND u.ssn LIKE '0%'

# UPDATE that moves one masked column into another
UPDATE users SET card = ssn WHERE id = 1

#~ a unique violation tells whether a value is there, and no more
INSERT INTO users (id, ssn) VALUES (900, '078-05-1120')

# a unique violation tells whether a value is there
INSERT INTO users (id, ssn) VALUES (901, '078-05-1120') ON CONFLICT DO NOTHING

# ON CONFLICT on the masked column
INSERT INTO users (id, ssn) VALUES (902, '219-09-9999') ON CONFLICT (ssn) DO UPDATE SET name = 'hit' RETURNING id

# ON CONFLICT writes a clean column from the old row
INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = users.ssn RETURNING name

# ON CONFLICT with a condition on the old row
INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'hit' WHERE users.ssn LIKE '0%'

#~ a foreign key tells whether a value is there
INSERT INTO hr.files VALUES (90, '078-05-1120', 't')

# a foreign key of a value that is used, by deletion
DELETE FROM users WHERE id = 1

# a not-null violation shows the failing row
UPDATE users SET id = NULL WHERE id = 1

# a type's length shows nothing but that it failed
INSERT INTO moods SELECT 9, 'good', salary FROM hr.staff WHERE id = 1

# a domain's check on a write
UPDATE moods SET n = (SELECT salary FROM hr.staff WHERE hr.staff.id = 1) WHERE moods.id = 1

# MERGE by a masked column
MERGE INTO orders o USING users u ON u.ssn = o.note WHEN MATCHED THEN DELETE

# MERGE copies
MERGE INTO orders o USING users u ON u.id = o.id WHEN MATCHED THEN UPDATE SET note = u.ssn

# MERGE with a condition
MERGE INTO orders o USING users u ON u.id = o.id WHEN MATCHED AND u.ssn LIKE '0%' THEN DELETE

#18 MERGE returns
MERGE INTO users o USING orders u ON u.id = o.id WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING o.ssn, merge_action()

#18 RETURNING old and new
UPDATE users SET ssn = 'new' WHERE id = 1 RETURNING old.ssn, new.ssn, old.card

#18 RETURNING under other names
UPDATE users SET name = 'new' WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o.ssn, n.card, o

# a temporary table as a copy
CREATE TEMP TABLE t1 AS SELECT ssn AS x FROM users
SELECT x FROM t1

# SELECT INTO
SELECT ssn AS x INTO TEMP t2 FROM users
SELECT x FROM t2

# a temporary table, filled later
CREATE TEMP TABLE t3 (x text)
INSERT INTO t3 SELECT ssn FROM users WHERE id = 1
SELECT x FROM t3

# a temporary table like the masked one, filled by a star
CREATE TEMP TABLE t4 (LIKE users)
INSERT INTO t4 SELECT * FROM users
SELECT ssn FROM t4

# a temporary table that hides another's name
CREATE TEMP TABLE orders (id int, user_id int, note text)
INSERT INTO orders SELECT id, id, ssn FROM users WHERE id < 4
SELECT note FROM orders

# a temporary view
CREATE TEMP VIEW w1 AS SELECT ssn AS y FROM users
SELECT y FROM w1

# a view over a comparison
CREATE VIEW w2 AS SELECT id FROM users WHERE ssn LIKE '0%'
SELECT id FROM w2

# a view that is replaced in the session
CREATE OR REPLACE VIEW v_clean AS SELECT id, ssn AS name FROM users WHERE id < 50
SELECT name FROM v_clean

# a table that inherits
CREATE TABLE heir () INHERITS (users)
SELECT ssn FROM users

# a masked column gets another name
ALTER TABLE users RENAME COLUMN ssn TO harmless
SELECT harmless FROM users WHERE id = 1

# a masked table gets another name
ALTER TABLE users RENAME TO harmless
SELECT ssn FROM harmless WHERE id = 1

# a masked column is dropped and a view stays
ALTER TABLE users ALTER COLUMN ssn TYPE varchar(60)
SELECT ssn FROM users WHERE id = 1

# a type change by an expression that fails
ALTER TABLE users ALTER COLUMN ssn TYPE int USING replace(ssn, '-', '')::int

# a new column made of a masked one
ALTER TABLE users ADD COLUMN leak text GENERATED ALWAYS AS (ssn) STORED
SELECT leak FROM users WHERE id = 1

# a check on what is there
ALTER TABLE users ADD CONSTRAINT c CHECK (ssn NOT LIKE '0%')

# a unique index on an expression
CREATE UNIQUE INDEX ON users ((left(ssn, 1)))

# an index with a condition that fails
CREATE INDEX ON users ((1 / (ascii(ssn) - 48)))

# a partition check
CREATE TABLE p (ssn text) PARTITION BY LIST (ssn)

# a function made in the session
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM users WHERE id = 1'
SELECT pg_temp.f()

# an operator made in the session
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)
SELECT id FROM users WHERE ssn === '078-05-1120'

# a trigger that notices
CREATE TRIGGER tr BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()

# a rule that copies
CREATE RULE r AS ON UPDATE TO orders DO ALSO INSERT INTO orders SELECT 77, 1, ssn FROM users WHERE id = 1
UPDATE orders SET note = 'x' WHERE id = 1
SELECT note FROM orders WHERE id = 77

# a policy that tells
CREATE POLICY p ON orders USING (EXISTS (SELECT 1 FROM users WHERE ssn LIKE '0%'))

# DO with a notice
DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM users WHERE id = 1); END $$

# DO with an exception
DO $$ DECLARE s text; BEGIN SELECT ssn INTO s FROM users WHERE id = 1; RAISE EXCEPTION '%', s; END $$

# EXPLAIN's estimate of a masked condition
EXPLAIN SELECT * FROM orders WHERE note = (SELECT ssn FROM users WHERE id = 1)

# EXPLAIN ANALYZE's rows
EXPLAIN ANALYZE SELECT id FROM users WHERE ssn LIKE '0%'

# EXPLAIN's histogram
EXPLAIN SELECT id FROM users WHERE ssn < '5'

# EXPLAIN of an EXECUTE
PREPARE q (text) AS SELECT id FROM orders WHERE note = $1
EXPLAIN EXECUTE q ('a')

# EXPLAIN of a CREATE TABLE AS
EXPLAIN ANALYZE CREATE TABLE z AS SELECT ssn FROM users

# the statistics view
SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'users'

# the statistics' table
SELECT stavalues1 FROM pg_statistic WHERE starelid = 'users'::regclass

# statistics counted, by width
SELECT avg_width, n_distinct, correlation FROM pg_stats WHERE attname = 'ssn'

# extended statistics
SELECT * FROM pg_stats_ext

# the statistics of expressions
SELECT * FROM pg_stats_ext_exprs

# statistics as the functions have them
SELECT pg_mcv_list_items(stxdmcv) FROM pg_statistic_ext_data

# activity of others
SELECT query FROM pg_stat_activity LIMIT 1

# activity by function
SELECT pg_stat_get_activity(NULL)

# prepared statements' texts
PREPARE s1 AS SELECT ssn FROM users WHERE id = 1
SELECT statement FROM pg_prepared_statements
EXECUTE s1

# a prepared statement that compares by parameter
PREPARE s2 (text) AS SELECT id FROM users WHERE ssn = $1
EXECUTE s2 ('078-05-1120')

# a prepared statement executed into a table
PREPARE s3 AS SELECT ssn AS x FROM users
CREATE TEMP TABLE t9 AS EXECUTE s3
SELECT x FROM t9

# EXECUTE with a masked value as its parameter
PREPARE s4 (text) AS SELECT $1
EXECUTE s4 ((SELECT ssn FROM users WHERE id = 1))

# cursors' texts
SELECT statement FROM pg_cursors

# a setting takes a value
SELECT set_config('application_name', ssn, false) FROM users WHERE id = 1
SHOW application_name

# a custom setting takes a value
SELECT set_config('my.x', (SELECT ssn FROM users WHERE id = 1), false)
SELECT current_setting('my.x')

# a setting whose name is the value
SELECT current_setting(ssn) FROM users WHERE id = 1

# a setting whose name is the value, missing allowed
SELECT current_setting('a.' || ssn, true) IS NULL FROM users WHERE id = 1

# the time zone from a value
SELECT set_config('timezone', 'Etc/GMT+' || (ascii(ssn) % 9), false) FROM users WHERE id = 1
SELECT now()

# a time zone in an expression
SELECT now() AT TIME ZONE ('UTC+' || left(ssn, 1)) FROM users WHERE id = 1

# NOTIFY by a value
LISTEN ch
SELECT pg_notify('ch', ssn) FROM users WHERE id = 1

# the channel is the value
SELECT pg_notify(ssn, '') FROM users WHERE id = 1

# a sequence set to a value
SELECT setval('seq1', (SELECT salary FROM hr.staff WHERE id = 1))
SELECT last_value FROM seq1

# a sequence advanced per row that fits
SELECT nextval('seq1') FROM users WHERE ssn LIKE '0%'
SELECT last_value FROM seq1

# a sequence advanced in a branch
SELECT CASE WHEN ssn LIKE '0%' THEN nextval('seq1') ELSE 0 END FROM users WHERE id = 1
SELECT last_value FROM seq1

# a sequence advanced by COALESCE
SELECT COALESCE(nullif(ssn, '078-05-1120'), nextval('seq1')::text) FROM users WHERE id = 1
SELECT last_value FROM seq1

# a sequence advanced by AND
SELECT ssn LIKE '0%' AND nextval('seq1') > 0 FROM users WHERE id = 1
SELECT last_value FROM seq1

# a large object with a value
SELECT lo_from_bytea(0, ssn::bytea) FROM users WHERE id = 1

# a large object's number is the value
SELECT lo_create(salary) FROM hr.staff WHERE id = 1
SELECT oid FROM pg_largeobject_metadata

# an advisory lock's number is the value
SELECT pg_advisory_xact_lock(salary) FROM hr.staff WHERE id = 1
SELECT objid FROM pg_locks WHERE locktype = 'advisory'

# an advisory lock's result
SELECT pg_try_advisory_lock(ascii(ssn)) FROM users WHERE id = 1

# the locks' view after a condition
SELECT CASE WHEN ssn LIKE '0%' THEN pg_advisory_lock(7) END FROM users WHERE id = 1
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'

# sleep by a value
SELECT CASE WHEN ssn LIKE '0%' THEN pg_sleep(0.01) END FROM users WHERE id = 1

# sleep as long as a value
SELECT pg_sleep(salary / 1000000.0) FROM hr.staff WHERE id = 1

# the seed is the value
SELECT setseed(salary / 10000.0) FROM hr.staff WHERE id = 1
SELECT random()

# the seed is set in a branch
SELECT CASE WHEN ssn LIKE '0%' THEN setseed(0.5) ELSE setseed(0.1) END FROM users WHERE id = 1
SELECT random()

# a random sample in the size of the value
SELECT count(*) FROM orders TABLESAMPLE BERNOULLI ((SELECT salary / 100 FROM hr.staff WHERE id = 1)) REPEATABLE (1)

# a backend is asked to end by number
SELECT pg_terminate_backend(salary) FROM hr.staff WHERE id = 1

# encoding by a value
SELECT convert_from(ssn::bytea, 'UTF8') FROM users WHERE id = 1

# an encoding named by the value
SELECT convert_to('a', ssn) FROM users WHERE id = 1

# decode
SELECT decode(ssn, 'base64') FROM users WHERE id = 1

# format with a value as the format
SELECT format(ssn || '%', 1) FROM users WHERE id = 1

# format with the value inside
SELECT format('%s', ssn) FROM users WHERE id = 1

# chr of a value
SELECT chr(ascii(ssn) - 48) FROM users WHERE id = 1

# repeat by a value
SELECT repeat('x', ascii(ssn) - 47) FROM users WHERE id = 1

# the length of a value, masked
SELECT length(ssn), char_length(card) FROM users WHERE id = 1

# the size of a column
SELECT pg_column_size(ssn) FROM users WHERE id = 1

# the size of a row
SELECT pg_column_size(u) FROM users u WHERE id = 1

# a hash
SELECT hashtext(ssn), sha256(ssn::bytea) FROM users WHERE id = 1

# width_bucket
SELECT width_bucket(salary, 0, 10000, 10) FROM hr.staff WHERE id = 1

# comparing rows
SELECT u = ROW(1, 'ann', 'a@x.io', '078-05-1120', '4111111111111111', md5('078-05-1120'))::users FROM users u WHERE id = 1

# comparing rows in a condition
SELECT id FROM users u WHERE u < ROW(1, 'ann', 'a@x.io', '5', '', '')::users

# comparing arrays
SELECT id FROM users WHERE ARRAY[ssn] < ARRAY['5'] ORDER BY id

# a row in ORDER BY
SELECT id FROM users u ORDER BY u

# a row's copy in ORDER BY
SELECT id FROM users ORDER BY ROW(card, id)

# an array in ORDER BY
SELECT id FROM users ORDER BY ARRAY[ssn], id

# ORDER BY with a collation
SELECT id FROM users ORDER BY ssn COLLATE "C"

# ORDER BY an alias of an expression
SELECT id, right(ssn, 2) AS e FROM users ORDER BY e

# ORDER BY USING
SELECT id FROM users ORDER BY ssn USING ~<~

# ORDER BY a sub-select of the row
SELECT id FROM users u ORDER BY (SELECT u.ssn)

# ORDER BY a star's position
SELECT * FROM users ORDER BY 4

# ORDER BY in a set operation
SELECT ssn FROM users UNION ALL SELECT note FROM orders ORDER BY 1

# ORDER BY in an aggregate
SELECT array_agg(id ORDER BY ssn) FROM users

# GROUP BY and counts
SELECT count(*) FROM users GROUP BY left(ssn, 1)

# HAVING
SELECT count(*) FROM users GROUP BY id HAVING max(ssn) LIKE '0%'

# DISTINCT
SELECT count(DISTINCT left(ssn, 1)) FROM users

# DISTINCT ON
SELECT DISTINCT ON (left(ssn, 1)) id FROM users

# a window's rank
SELECT id, rank() OVER (ORDER BY ssn) FROM users

# a window's partition
SELECT id, count(*) OVER (PARTITION BY left(ssn, 1)) FROM users

# a window's frame by a value
SELECT id, count(*) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND (SELECT salary FROM hr.staff WHERE hr.staff.id = 1) FOLLOWING) FROM users

# a named window in a RANGE
SELECT count(*) OVER w FROM hr.staff WINDOW w AS (ORDER BY salary RANGE BETWEEN 100 PRECEDING AND CURRENT ROW)

# nth_value by a value
SELECT nth_value(id, salary / 1000) OVER (ORDER BY id) FROM hr.staff

# lag by a value
SELECT lag(id, salary % 2) OVER (ORDER BY id) FROM hr.staff

# FILTER
SELECT count(*) FILTER (WHERE ssn LIKE '0%') FROM users

# an ordered-set aggregate
SELECT mode() WITHIN GROUP (ORDER BY left(ssn, 1)) FROM users

# a hypothetical-set aggregate
SELECT rank('5') WITHIN GROUP (ORDER BY ssn) FROM users

# bool_or
SELECT bool_or(ssn LIKE '0%') FROM users

# LIMIT by a value
SELECT id FROM orders LIMIT (SELECT salary / 4000 FROM hr.staff WHERE hr.staff.id = 1)

# OFFSET by a value
SELECT id FROM orders ORDER BY id OFFSET (SELECT salary % 3 FROM hr.staff WHERE hr.staff.id = 1)

# FETCH FIRST WITH TIES
SELECT id FROM users ORDER BY ssn FETCH FIRST 1 ROW WITH TIES

# JSON of a whole row
SELECT row_to_json(u) FROM users u WHERE id = 1

# JSON's key is the value
SELECT json_build_object(ssn, 1) FROM users WHERE id = 1

# a null key fails
SELECT json_object_agg(nullif(ssn, '078-05-1120'), 1) FROM users WHERE id = 1

# duplicate keys
SELECT jsonb_object_agg(left(ssn, 1), id) FROM users

# JSON path with a value as a variable
SELECT jsonb_path_exists('{"a": 5000}', '$.a ? (@ == $x)', jsonb_build_object('x', salary)) FROM hr.staff WHERE id = 1

# JSON path as a condition
SELECT id FROM hr.staff WHERE doc @? '$.pay ? (@ > 6000)'

# a JSON member's type
SELECT jsonb_typeof(doc -> 'x') FROM hr.staff

# a JSON subscript
SELECT doc['pay'] FROM hr.staff WHERE id = 1

# a JSON cast
SELECT (doc ->> 'pay')::int FROM hr.staff WHERE id = 1

# JSON records
SELECT r.ssn FROM users u, json_populate_record(NULL::users, row_to_json(u)) r WHERE u.id = 1

# JSON records with definitions
SELECT r.ssn FROM users u, jsonb_to_record(to_jsonb(u)) AS r(ssn text) WHERE u.id = 1

# JSON's length by member
SELECT jsonb_array_length(doc -> 'x') FROM hr.staff WHERE id = 2

#18 JSON_TABLE
SELECT jt.* FROM hr.staff s, JSON_TABLE(s.doc, '$' COLUMNS (pay int PATH '$.pay')) jt

#18 JSON_VALUE with an error
SELECT JSON_VALUE(doc, '$.pay' RETURNING date ERROR ON ERROR) FROM hr.staff WHERE id = 1

#18 JSON_EXISTS
SELECT JSON_EXISTS(doc, '$.pay ? (@ > 6000)') FROM hr.staff WHERE id = 1

#18 JSON_QUERY with a default
SELECT JSON_QUERY(doc, '$.pay' DEFAULT '[]' ON EMPTY) FROM hr.staff WHERE id = 1

#18 IS JSON
SELECT ssn IS JSON FROM users WHERE id = 1

#18 IS JSON in a condition
SELECT id FROM users WHERE ssn IS JSON SCALAR

# xmlelement
SELECT xmlelement(name a, ssn) FROM users WHERE id = 1

# xmlforest of a row
SELECT xmlforest(u.ssn, u.card) FROM users u WHERE id = 1

# xmlparse fails
SELECT xmlparse(DOCUMENT ssn) FROM users WHERE id = 1

# xpath by a value
SELECT xpath('//' || ssn, '<a/>') FROM users WHERE id = 1

# xmltable
SELECT x.* FROM users u, XMLTABLE('/a' PASSING xmlelement(name a, u.ssn) COLUMNS v text PATH '.') x WHERE u.id = 1

# xmlpi
SELECT xmlpi(name php, ssn) FROM users WHERE id = 1

# a whole row as text
SELECT u::text FROM users u WHERE id = 1

# a whole row by name
SELECT users FROM users WHERE id = 1

# a whole row of a view
SELECT v FROM v_users v WHERE id = 1

# a whole row through a sub-select
SELECT x FROM (SELECT * FROM users WHERE id = 1) x

# a whole row through a CTE
WITH c AS (SELECT * FROM users) SELECT c FROM c WHERE id = 1

# a field of a row
SELECT (u).ssn FROM users u WHERE id = 1

# a field as a function
SELECT ssn(u) FROM users u WHERE id = 1

# a field as a method
SELECT u.text FROM users u WHERE id = 1

# a row's null test
SELECT id FROM users u WHERE u IS NOT NULL

# a row's count
SELECT count(u) FROM users u WHERE card IS NULL

# num_nulls
SELECT num_nulls(ssn, card) FROM users WHERE id = 1

# a column that holds rows
SELECT old, olds FROM audit WHERE id = 1

# a field of a row in a column
SELECT (old).ssn FROM audit WHERE id = 1

# an element of an array of rows
SELECT (olds[1]).card FROM audit WHERE id = 1

# unnest of an array of rows
SELECT x.ssn FROM audit a, unnest(a.olds) x WHERE a.id = 1

# a partition by its own name
SELECT secret FROM events_2

# a partition's column in another order
SELECT * FROM events_2 ORDER BY id

# a child table
SELECT ssn FROM users_child

# ONLY
SELECT ssn FROM ONLY users WHERE id = 1

# TABLE
TABLE users

# VALUES with a sub-select
VALUES ((SELECT ssn FROM users WHERE id = 1))

# a materialized view
SELECT tax_no FROM mv_users WHERE id = 1

# a nested view
SELECT t FROM v_nested WHERE id = 1

# a view of a union
SELECT what FROM v_union WHERE id = 1

# a union of a union
SELECT what FROM (SELECT name AS what FROM users UNION ALL (SELECT note FROM orders UNION ALL SELECT ssn FROM users)) x

# INTERSECT as an oracle
SELECT ssn FROM users INTERSECT SELECT '078-05-1120'

# EXCEPT as an oracle
SELECT '078-05-1120' EXCEPT SELECT ssn FROM users

# UNION as an oracle
SELECT count(*) FROM (SELECT ssn FROM users UNION SELECT '078-05-1120') x

# a recursive CTE that goes on while a value says so
WITH RECURSIVE r(n, s) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, s FROM r WHERE n < ascii(s) - 40) SELECT count(*) FROM r

# a recursive CTE that carries the value along
WITH RECURSIVE r(n, s) AS (SELECT 1, 'x' UNION ALL SELECT n + 1, (SELECT ssn FROM users WHERE id = 1) FROM r WHERE n < 3) SELECT * FROM r

# a recursive CTE whose taint comes late
WITH RECURSIVE r(n, a, b, c) AS (SELECT 1, 'x', 'y', (SELECT ssn FROM users WHERE id = 1) UNION ALL SELECT n + 1, b, c, c FROM r WHERE n < 4) SELECT a FROM r

# a CTE that is searched
WITH RECURSIVE r(n, s) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, s FROM r WHERE n < 3) SEARCH DEPTH FIRST BY s SET o SELECT n, o FROM r

# a CTE with a cycle
WITH RECURSIVE r(n, s) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, s FROM r WHERE n < 3) CYCLE s SET c USING p SELECT n, c, p FROM r

# a CTE that changes
WITH d AS (UPDATE users SET name = 'x' WHERE id = 1 RETURNING ssn) SELECT * FROM d

# a CTE that hides a table's name
WITH users AS (SELECT id, note AS ssn FROM orders), x AS (SELECT ssn FROM public.users) SELECT * FROM x

# a CTE's column names
WITH c(a, b) AS (SELECT id, ssn FROM users) SELECT b FROM c WHERE a = 1

# an alias' column names
SELECT t.c4 FROM users AS t(c1, c2, c3, c4) WHERE c1 = 1

# an alias with fewer names
SELECT card FROM users AS t(a, b, c, d) WHERE a = 1

# a join's alias
SELECT j.ssn FROM (users u JOIN orders o ON o.user_id = u.id) AS j(a, b, c, ssn, e, f, g, h, i) LIMIT 1

# a join by USING
SELECT count(*) FROM users JOIN (SELECT '078-05-1120' AS ssn) x USING (ssn)

# a natural join
SELECT count(*) FROM users NATURAL JOIN (SELECT '078-05-1120' AS ssn) x

# a natural join with a merged column
SELECT ssn FROM users NATURAL LEFT JOIN users_child c

# a join's USING with an alias
SELECT x.id FROM users JOIN orders USING (id) AS x

# LATERAL
SELECT x.y FROM users u, LATERAL (SELECT u.ssn AS y) x WHERE u.id = 1

# a correlated EXISTS
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = o.user_id AND u.ssn < '5')

# IN of a sub-select
SELECT '078-05-1120' IN (SELECT ssn FROM users)

# ANY of an array
SELECT '078-05-1120' = ANY (ARRAY(SELECT ssn FROM users))

# ALL
SELECT '5' > ALL (SELECT ssn FROM users)

# a row's comparison with a sub-select
SELECT (1, '078-05-1120') = (SELECT id, ssn FROM users WHERE id = 1)

# OVERLAPS of dates
SELECT (born, born) OVERLAPS (DATE '1975-01-01', DATE '1985-01-01') FROM hr.staff WHERE id = 1

# age
SELECT age(born) FROM hr.staff WHERE id = 1

# extract of a part that may fail
SELECT date_part('hour', born) FROM hr.staff WHERE id = 1

# generate_series of dates
SELECT generate_series(born, DATE '1990-01-01', '1 year') FROM hr.staff WHERE id = 1

# IS DISTINCT FROM in a condition
SELECT id FROM users WHERE ssn IS DISTINCT FROM '078-05-1120'

# NULLIF in a condition
SELECT id FROM users WHERE nullif(ssn, '078-05-1120') IS NULL

# a CASE in a condition
SELECT id FROM users WHERE CASE ssn WHEN '078-05-1120' THEN true ELSE false END

# a boolean expression as the condition
SELECT id FROM users WHERE (ssn || '') = '078-05-1120' OR id = 999

# GREATEST against a known value
SELECT greatest(ssn, '5') = '5' FROM users WHERE id = 1

# a tricky cast to the row's own type
SELECT (ROW(u.*)::users).ssn FROM users u WHERE id = 1

# a cast of a row to another row type
SELECT (u::users).card FROM users u WHERE id = 1

# a function in another schema
SELECT pg_catalog.upper(ssn) FROM users WHERE id = 1

# a function by its operator
SELECT ssn OPERATOR(pg_catalog.||) '' FROM users WHERE id = 1

# variadic
SELECT concat(VARIADIC ARRAY[ssn, card]) FROM users WHERE id = 1

# named arguments
SELECT make_interval(days => ascii(ssn)) FROM users WHERE id = 1

# unicode escapes in names
SELECT U&"\0073sn" FROM users WHERE id = 1

# quoted names
SELECT "users"."ssn" FROM "public"."users" WHERE id = 1

# a name in a comment
SELECT s/**/sn FROM users WHERE id = 1

# three names
SELECT public.users.ssn FROM users WHERE id = 1

# the search path changes the table
SET search_path = hr, public
SELECT body FROM notes

# the search path, local
SET LOCAL search_path = hr
SELECT body FROM notes

# the search path by set_config
SELECT set_config('search_path', 'hr', false)
SELECT body FROM notes

# the search path by a function's name
SELECT body FROM hr.notes

# row security off
SET row_security = off
SELECT ssn FROM users WHERE id = 1

# another role
SET ROLE app
SELECT ssn FROM users WHERE id = 1

# session_replication_role
SET session_replication_role = replica

# client_min_messages brings more texts
SET client_min_messages = debug5
SELECT ssn FROM users WHERE id = 1

# debug_print_plan
SET debug_print_parse = on

# log to the client
SET client_min_messages = log
SET log_statement = 'all'

# xmlbinary, bytea_output, and extra digits
SET extra_float_digits = 3
SELECT ssn FROM users WHERE id = 1

# the planner's settings as an oracle
SET enable_seqscan = off
SELECT id FROM users WHERE ssn > '' LIMIT 3

# an index chosen by settings gives its order to rows that nothing else orders
SET enable_seqscan = off
SET enable_sort = off
SET random_page_cost = 0.01
SELECT set_config('enable_bitmapscan', 'off', false)
SELECT id FROM users

# VACUUM's notices
VACUUM users

# ANALYZE's notices
ANALYZE users

# CLUSTER, then the order tells
CLUSTER users USING users_ssn_key
SELECT id FROM users

# CLUSTER of all
CLUSTER

# pageinspect and the like
SELECT * FROM pg_extension
CREATE EXTENSION pageinspect

# reading files
SELECT pg_read_file('postgresql.conf')

# pg_ls_dir
SELECT pg_ls_dir('.')

# dblink
SELECT * FROM dblink('dbname=appa', 'SELECT ssn FROM users') AS t(x text)

# ctid order
SELECT ctid FROM users ORDER BY ctid LIMIT 3

# tableoid
SELECT tableoid::regclass, ssn FROM users WHERE id = 1

# xmin
SELECT count(xmin) FROM users

# currtid
SELECT currtid2('users', '(0,1)')

# brin and gin helpers
SELECT gin_clean_pending_list('users'::regclass)

# pg_get_constraintdef and expressions
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef

# comments of a masked column
COMMENT ON COLUMN users.ssn IS 'x'

# a statement that stops in the middle
SELECT ssn FROM users WHERE id = 1; SELECT 1/0

# several statements, the last masked
SELECT 1; SELECT ssn FROM users WHERE id = 1; SELECT 2

# a masked column after an empty statement
;;SELECT ssn FROM users WHERE id = 1;;

# transaction characteristics
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE
SELECT ssn FROM users WHERE id = 1

# a savepoint hides an error
SAVEPOINT s
SELECT 1/(ascii(ssn) - 48) FROM users WHERE id = 1
ROLLBACK TO s

# EXECUTE of an expression in PREPARE
PREPARE p1 AS UPDATE users SET name = 'x' WHERE id = $1 RETURNING ssn
EXECUTE p1 (1)

# SHOW ALL
SHOW ALL

# pg_settings as a place
UPDATE pg_settings SET setting = (SELECT ssn FROM public.users WHERE id = 1) WHERE name = 'application_name'

# pg_description as a place
INSERT INTO pg_description SELECT id, 1, 1, ssn FROM public.users

# lo_put
SELECT lo_put(1, 0, ssn::bytea) FROM users WHERE id = 1

# jsonb_set
SELECT jsonb_set('{}', ARRAY[ssn], '1') FROM users WHERE id = 1

# array_position as an oracle
SELECT array_position(ARRAY['078-05-1120'], ssn) FROM users WHERE id = 1

# overlay
SELECT overlay(ssn placing 'x' from 1) FROM users WHERE id = 1

# trim with the value as characters
SELECT btrim('0781', ssn) FROM users WHERE id = 1

# translate as an oracle
SELECT translate('078', ssn, 'xxxxxxxxxxx') FROM users WHERE id = 1

# a range made of values
SELECT int4range(salary, 6000) FROM hr.staff WHERE id = 1

# a range that fails
SELECT daterange(born, DATE '1975-01-01') FROM hr.staff WHERE id = 1

# a multirange
SELECT int4multirange(int4range(1, salary)) FROM hr.staff WHERE id = 1

# geometry
SELECT point(salary, 1) <-> point(0, 0) FROM hr.staff WHERE id = 1

# inet
SELECT (left(ssn, 3) || '.0.0.1')::inet FROM users WHERE id = 1

# bit strings
SELECT salary::bit(16) FROM hr.staff WHERE id = 1

# money
SELECT salary::money FROM hr.staff WHERE id = 1

# to_char
SELECT to_char(salary, '9999') FROM hr.staff WHERE id = 1

# a sum that overflows
SELECT sum(salary * 1000000) FROM hr.staff

# a product
SELECT salary * 1000000 FROM hr.staff WHERE id = 2

# variance
SELECT variance(salary) FROM hr.staff

# corr
SELECT corr(salary, id) FROM hr.staff

# string_agg with the value as the separator
SELECT string_agg(name, ssn) FROM users WHERE id < 3

# xmlagg
SELECT xmlagg(xmlelement(name a, ssn)) FROM users WHERE id < 3

# array_agg of arrays of different lengths
SELECT array_agg(string_to_array(ssn, '0')) FROM users WHERE id < 4

# cardinality
SELECT cardinality(string_to_array(ssn, '0')) FROM users WHERE id = 1

# json_agg over a join
SELECT json_agg(x) FROM (SELECT u.ssn, o.note FROM users u JOIN orders o ON o.user_id = u.id) x

#+ a plain column
SELECT id, ssn FROM users WHERE id = 1

#+ an expression
SELECT id, upper(ssn) || '!' AS x FROM users WHERE id = 1

#+ through a view, a CTE and a sub-select
WITH c AS (SELECT * FROM v_users) SELECT tax_no FROM (SELECT tax_no FROM c WHERE id < 4) x

#+ a whole row
SELECT u FROM users u WHERE id = 1

#+ RETURNING
UPDATE users SET name = 'n' WHERE id = 2 RETURNING id, ssn

#+ numbers, dates and documents
SELECT salary, born, doc FROM hr.staff WHERE id = 1

#+ aggregates
SELECT min(ssn), max(card), count(ssn) FROM users

#+ the partitions
SELECT secret FROM events ORDER BY id

#+ a prepared statement of SQL
PREPARE m1 AS SELECT id, name FROM users WHERE id = 1
EXECUTE m1

#+ a cursor without masked columns
DECLARE k CURSOR FOR SELECT id FROM orders ORDER BY id
FETCH 2 FROM k

# rows in the order of an index that ends in a masked column
SELECT id FROM indexed WHERE tenant = 7 LIMIT 3

# the same, and the masked value itself
SELECT id, pin FROM indexed WHERE tenant = 8 ORDER BY tenant LIMIT 2

# the same through a view
SELECT id FROM v_indexed WHERE tenant = 9 LIMIT 3

# the same through a query around it
SELECT * FROM (SELECT id, tenant FROM indexed) s WHERE s.tenant = 10 LIMIT 3

# the same in an array
SELECT array_agg(id) FROM (SELECT id FROM indexed WHERE tenant = 11 LIMIT 3) s

# the same in a cursor
DECLARE c CURSOR FOR SELECT id FROM indexed WHERE tenant = 12
FETCH 1 FROM c

# the same in a join
SELECT u.id, i.id FROM users u JOIN indexed i ON i.tenant = u.id ORDER BY u.id LIMIT 4

# the order of one column by another
SELECT tenant, pin FROM indexed ORDER BY tenant LIMIT 20

#+ rows in the order of their key
SELECT id, pin FROM indexed WHERE tenant = 7 ORDER BY id LIMIT 3

#+ counts by a column of such an index
SELECT tenant, count(*) FROM indexed WHERE tenant < 3 GROUP BY tenant ORDER BY tenant

#+ one row by its key
SELECT * FROM indexed WHERE id = 42

# rows of a partial index
SELECT reltuples, relpages FROM pg_class WHERE relname = 'repeats_low'

# rows of a partition
SELECT count(*) FROM ranged_low

# rows of a partition by its statistics
SELECT reltuples FROM pg_class WHERE relname LIKE 'ranged%' ORDER BY relname

# a row's partition
SELECT id, tableoid::regclass FROM ranged ORDER BY id

# a row's partition, counted
SELECT tableoid::regclass::text, count(*) FROM ranged GROUP BY 1 ORDER BY 1

# inserted rows by partition
SELECT relname, n_live_tup, n_tup_ins FROM pg_stat_user_tables WHERE relname LIKE 'ranged%' ORDER BY 1

# a partial index's size
SELECT pg_relation_size('repeats_low')

# a partition's size
SELECT pg_relation_size('ranged_low')

# index reads by statistics
SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'repeats_low'

# statistics
SELECT attname, n_distinct, most_common_vals FROM pg_stats WHERE tablename = 'repeats'

# statistics of several columns
SELECT n_distinct FROM pg_stats_ext

# statistics' data
SELECT * FROM pg_statistic_ext_data

# EXPLAIN counts distinct values
EXPLAIN SELECT DISTINCT pin FROM repeats

# EXPLAIN counts groups
EXPLAIN SELECT pin FROM repeats GROUP BY pin

# EXPLAIN's width is a value's
EXPLAIN SELECT word FROM repeats

# EXPLAIN's width of an expression
EXPLAIN SELECT word || 'x', upper(word) FROM repeats ORDER BY id

# EXPLAIN's width of a row
EXPLAIN SELECT * FROM repeats

# EXPLAIN's width below a count
EXPLAIN SELECT count(*) FROM (SELECT DISTINCT id, word FROM repeats) t

# EXPLAIN of a partition
EXPLAIN SELECT id FROM ranged_low

# EXPLAIN of all partitions
EXPLAIN SELECT id FROM ranged

# EXPLAIN of a write
EXPLAIN UPDATE repeats SET word = word WHERE id = 1

# EXPLAIN of a condition
EXPLAIN SELECT id FROM repeats WHERE pin < 50

# EXPLAIN that reads a partial index
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM repeats WHERE id > 0

# EXPLAIN's memory
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id, word FROM repeats ORDER BY id

# others' statements
SELECT query FROM pg_stat_statements

# others' statements as they run
SELECT query FROM pg_stat_activity WHERE query LIKE '%0%'

# advice of the planner in a view
SELECT * FROM pg_stats_ext_exprs

# rows come by partitions
SELECT id FROM ranged

# rows of a partition come first
SELECT id FROM ranged OFFSET 150 LIMIT 1

#+ rows of all partitions, counted
SELECT count(*) FROM ranged

# a row's place
SELECT id, ctid FROM ranged ORDER BY id

# a row's place in a join
SELECT r.id, r.tableoid FROM ranged r JOIN repeats t ON t.id = r.id ORDER BY r.id

# a write into one partition counts its rows
UPDATE ranged_low SET id = id

# a write tells the partition
UPDATE ranged SET id = id WHERE id = 60 RETURNING tableoid

# sizes of parts
SELECT pg_table_size('ranged_low'), pg_total_relation_size('ranged_low'), pg_indexes_size('repeats')

# counters by function
SELECT pg_stat_get_live_tuples('ranged_low'::regclass)

# EXPLAIN keeps a value that nothing shows
EXPLAIN WITH c AS MATERIALIZED (SELECT id, word FROM repeats) SELECT id FROM c

# EXPLAIN sorts values that nothing shows
EXPLAIN SELECT count(*) FROM (SELECT word FROM repeats OFFSET 0) t

# a partition through a view's system column
SELECT c.relname, c.reltuples + 0 FROM pg_class c WHERE c.relname LIKE 'ranged%' ORDER BY c.reltuples

#+ what tools ask of pg_class
SELECT c.oid, c.*, pg_get_expr(c.relpartbound, c.oid) FROM pg_class c WHERE c.relname = 'ranged_low' AND false

# order: RETURNING of an UPDATE
UPDATE indexed SET pad = 'y' WHERE tenant = 7 RETURNING id

# order: RETURNING of a DELETE
DELETE FROM indexed WHERE tenant = 8 RETURNING id, tenant

#18 order: RETURNING old and new
UPDATE indexed SET pad = 'y' WHERE tenant = 7 RETURNING old.id, new.id

# order: RETURNING in a WITH
WITH d AS (DELETE FROM indexed WHERE tenant = 9 RETURNING id) SELECT id FROM d LIMIT 3

# order: RETURNING of an UPDATE with a join
UPDATE indexed i SET pad = 'z' FROM users u WHERE i.tenant = u.id RETURNING i.id

# order: rows counted by an UPDATE
UPDATE indexed SET pad = nextval('turns')::text WHERE tenant = 9
SELECT id, pad FROM indexed WHERE tenant = 9 ORDER BY id

# order: rows counted by a sum
SELECT sum(id * nextval('turns')) FROM indexed WHERE tenant = 9

# order: rows counted by a condition
SELECT id FROM indexed WHERE tenant = 9 AND nextval('turns') % 2 = 0 ORDER BY id

# order: rows counted beneath a count
SELECT sum(x) FROM (SELECT id * nextval('turns') AS x FROM indexed WHERE tenant = 10) s

# order: random numbers in a row
SELECT sum(id * random()) FROM (SELECT setseed(0.5)) s, indexed WHERE tenant = 11

#18 order: RETURNING of a MERGE
MERGE INTO indexed i USING (VALUES (7)) s(t) ON i.tenant = s.t WHEN MATCHED THEN UPDATE SET pad = 'm' RETURNING i.id

# order: rows counted by a MERGE
MERGE INTO indexed i USING (VALUES (7)) s(t) ON i.tenant = s.t WHEN MATCHED THEN UPDATE SET pad = nextval('turns')::text
SELECT id, pad FROM indexed WHERE tenant = 7 ORDER BY id

#+ order: RETURNING of one row
UPDATE indexed SET pad = 'one' WHERE id = 42 RETURNING id, pin

#+ order: RETURNING of one row that goes
DELETE FROM indexed WHERE id = 43 RETURNING *

#+ order: an UPDATE without RETURNING
UPDATE indexed SET pad = 'some' WHERE tenant = 12

# order: a view with other names
SELECT k FROM v_renamed WHERE t = 7

# order: a view of that view
SELECT a FROM v_again WHERE b = 7 LIMIT 3

# order: a view with computed columns
SELECT k FROM v_computed WHERE t = 7

# order: a view that chooses
SELECT k FROM v_chosen

# order: a view of a view that chooses
SELECT c FROM v_of_chosen

# order: a view that joins a table with itself
SELECT id, other FROM v_pairs WHERE id = 7

# order: a view that joins, by its first key
SELECT id, other FROM v_pairs WHERE id IN (7, 8) ORDER BY id

#+ order: a view with other names, by its key
SELECT k, p FROM v_renamed WHERE t = 7 ORDER BY k LIMIT 3

#+ order: a view of that view, by its key
SELECT a FROM v_again WHERE b = 7 ORDER BY a
