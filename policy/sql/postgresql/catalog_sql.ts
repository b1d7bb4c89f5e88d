/**
 * What is read of a target's catalog: one row with one JSON text per section. Works for PostgreSQL 14 and newer
 * and for every role: only catalogs that all may read. User objects have OIDs from 16384 (FirstNormalObjectId).
 */

/** Temporary and TOAST schemas are of no use: what a client finds there is refused as unknown. */
const ordinarySchema = `n.nspname !~ '^pg_(toast|temp)'`;
const userSchema = `${ordinarySchema} AND n.nspname NOT IN ('pg_catalog', 'information_schema')`;

/** Definitions come out with every name qualified when only pg_catalog is searched; local, so undone at once. */
const nothingSearched = `(SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)) IS NOT NULL`;

const meta = `
SELECT pg_catalog.json_build_object(
  'version', pg_catalog.current_setting('server_version_num')::int,
  'searchPath', pg_catalog.current_setting('search_path'),
  'user', current_user::text,
  'schemas', (SELECT pg_catalog.json_agg(n.nspname ORDER BY n.nspname)
              FROM pg_catalog.pg_namespace n WHERE ${ordinarySchema}))::text`;

const columns = `
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            a.attnum, a.attname, a.atttypid::int8, a.attnotnull::int,
            CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
            (SELECT s.description FROM pg_catalog.pg_description s
             WHERE s.objoid = a.attrelid AND s.objsubid = a.attnum AND s.classoid = 1259
               AND s.description LIKE '%postern:%'))
          ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a
   LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`;

/** What the options of a foreign table and of its columns say of the table that it stands for. */
const remote = `
  (SELECT pg_catalog.json_object_agg(x.name, x.value)
   FROM (SELECT o.option_name AS name, o.option_value AS value
         FROM pg_catalog.pg_foreign_table f, pg_catalog.pg_options_to_table(f.ftoptions) o
         WHERE f.ftrelid = c.oid AND o.option_name IN ('schema_name', 'table_name')
         UNION ALL
         SELECT 'column:' || a.attname, o.option_value
         FROM pg_catalog.pg_attribute a, pg_catalog.pg_options_to_table(a.attfdwoptions) o
         WHERE a.attrelid = c.oid AND o.option_name = 'column_name') x)`;

const relations = `
SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'columns', ${columns},
  'definition', CASE WHEN c.relkind IN ('v', 'm') AND ${nothingSearched}
                THEN pg_catalog.pg_get_viewdef(c.oid) END,
  'parents', (SELECT pg_catalog.json_agg(i.inhparent::int8)
              FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
  'unique', (SELECT pg_catalog.json_agg(x.indkey::text)
             FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND (x.indisunique OR x.indisexclusion)),
  'indexes', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                x.indkey::text, x.indnkeyatts, (x.indisunique AND x.indpred IS NULL)::int,
                CASE WHEN x.indexprs IS NOT NULL AND ${nothingSearched}
                THEN pg_catalog.pg_get_expr(x.indexprs, x.indrelid) END))
              FROM pg_catalog.pg_index x
              JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
              JOIN pg_catalog.pg_am m ON m.oid = i.relam
              WHERE x.indrelid = c.oid AND m.amname NOT IN ('gin', 'hash', 'brin')),
  'partial', (SELECT pg_catalog.json_agg(pg_catalog.pg_get_expr(x.indpred, x.indrelid))
              FROM pg_catalog.pg_index x
              WHERE x.indrelid = c.oid AND x.indpred IS NOT NULL AND ${nothingSearched}),
  'partitionedBy', (SELECT pg_catalog.json_build_array(p.partattrs::text,
                      pg_catalog.pg_get_expr(p.partexprs, p.partrelid))
                    FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid AND ${nothingSearched}),
  'references', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(k.confrelid::int8, k.conkey, k.confkey))
                 FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'),
  'triggers', (SELECT pg_catalog.json_agg(DISTINCT t.tgfoid::int8)
               FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
  'rules', EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1'),
  'remote', CASE WHEN c.relkind = 'f' THEN ${remote} END))::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${userSchema}`;

const systemRelations = `
SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.nspname, s.relname, s.columns))::text
FROM (SELECT n.nspname, c.relname, pg_catalog.string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relkind IN ('r', 'v') AND n.nspname IN ('pg_catalog', 'information_schema')
      GROUP BY n.nspname, c.relname) s`;

const extensionOf = (catalog: string, oid: string): string =>
  `(SELECT e.extname FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
    WHERE x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass AND x.objid = ${oid} AND x.deptype = 'e')`;

const functions = `
SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
  'oid', p.oid::int8, 'schema', n.nspname, 'name', p.proname, 'kind', p.prokind,
  'volatility', p.provolatile, 'language', l.lanname, 'set', p.proretset,
  'modes', pg_catalog.array_to_string(p.proargmodes, ''), 'arguments', p.proargnames,
  'body', CASE WHEN l.lanname = 'sql' AND ${nothingSearched}
          THEN coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)
          WHEN l.lanname = 'internal' THEN p.prosrc END,
  'extension', ${extensionOf("pg_proc", "p.oid")}))::text
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND ${ordinarySchema}`;

const builtins = `
SELECT pg_catalog.json_build_object(
  'steady', pg_catalog.string_agg(f.proname, ' ') FILTER (WHERE NOT f.volatile),
  'volatile', pg_catalog.string_agg(f.proname, ' ') FILTER (WHERE f.volatile),
  'aggregates', pg_catalog.string_agg(f.proname, ' ') FILTER (WHERE f.aggregate),
  'information', (SELECT pg_catalog.string_agg(DISTINCT p.proname, ' ') FROM pg_catalog.pg_proc p
                  WHERE p.oid < 16384 AND p.pronamespace = 'information_schema'::pg_catalog.regnamespace),
  'types', (SELECT pg_catalog.string_agg(DISTINCT t.typname, ' ') FROM pg_catalog.pg_type t
            WHERE t.oid < 16384 AND t.typtype <> 'c'))::text
FROM (SELECT p.proname, bool_or(p.provolatile = 'v') AS volatile, bool_and(p.prokind = 'a') AS aggregate
      FROM pg_catalog.pg_proc p
      WHERE p.oid < 16384 AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
      GROUP BY p.proname) f`;

const types = `
SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
  'oid', t.oid::int8, 'schema', n.nspname, 'name', t.typname, 'array', t.typarray::int8,
  'checks', (SELECT pg_catalog.json_agg(pg_catalog.pg_get_expr(k.conbin, 0)) FROM pg_catalog.pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' AND ${nothingSearched})))::text
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= 16384 AND t.typcategory <> 'A' AND ${ordinarySchema}`;

const conversions = `
SELECT pg_catalog.json_build_object(
  'operators', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                  n.nspname, o.oprname, o.oprleft::int8, o.oprright::int8, o.oprcode::oid::int8))
                FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                WHERE o.oid >= 16384),
  'casts', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
              c.castsource::int8, c.casttarget::int8, c.castfunc::int8, c.castcontext))
            FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 AND c.castfunc >= 16384))::text`;

/** In the order in which they are read. */
export const sections = {
  meta,
  relations,
  systemRelations,
  functions,
  builtins,
  types,
  conversions,
} as const;

export type Section = keyof typeof sections;

const marked = [
  ...[
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_namespace",
    "pg_rewrite",
    "pg_proc",
    "pg_type",
    "pg_inherits",
  ],
  ...["pg_description", "pg_index", "pg_constraint", "pg_operator", "pg_cast"],
];

/** Every version of a row has its own xmin and place; what VACUUM and ANALYZE count is written over in place. */
export const mark = `SELECT pg_catalog.concat_ws(' ', ${
  marked.map((table) => `
(SELECT pg_catalog.concat(pg_catalog.count(*), ':',
   pg_catalog.sum(pg_catalog.hashtext(pg_catalog.concat(t.xmin, t.ctid))::int8)) FROM pg_catalog.${table} t)`)
    .join(",")
})`;
