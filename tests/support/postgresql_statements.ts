/** Random queries that dress a masked column in whatever PostgreSQL offers. Mostly valid; what is not, is refused by both. */
import fc from "fast-check";

type Text = fc.Arbitrary<string>;

const of = (...texts: string[]): Text => fc.constantFrom(...texts);

/** `f` applied to what the others give. */
function build<T extends string[]>(
  f: (...parts: T) => string,
  ...parts: { [K in keyof T]: fc.Arbitrary<T[K]> }
): Text {
  return fc.tuple(...(parts as unknown as Text[])).map((values) => f(...(values as T)));
}

const relations: Readonly<Record<string, readonly string[]>> = {
  users: ["id", "name", "email", "ssn", "card", "ssn_hash"],
  users_child: ["id", "ssn", "name"],
  orders: ["id", "user_id", "note"],
  v_users: ["id", "name", "tax_no"],
  mv_users: ["id", "tax_no"],
  v_nested: ["id", "t", "note"],
  v_union: ["id", "what"],
  v_clean: ["id", "name"],
  v_expression: ["id", "u", "c"],
  v_row: ["u"],
  "hr.staff": ["id", "name", "salary", "born", "doc", "boss"],
  "hr.files": ["id", "owner_ssn", "title"],
  events: ["id", "user_id", "secret"],
  events_2: ["id", "user_id", "secret"],
  notes: ["id", "body"],
  "hr.notes": ["id", "body"],
  audit: ["id", "old", "olds"],
};

const constants = of(
  "1",
  "2",
  "0",
  "''",
  "'a'",
  "'078-05-1120'",
  "'5'",
  "NULL",
  "true",
  "1.5",
  "'1990-01-01'::date",
  "7000",
);

const wraps: readonly ((e: string) => string)[] = [
  (e) => `md5(${e}::text)`,
  (e) => `upper(${e})`,
  (e) => `reverse(${e})`,
  (e) => `length(${e})`,
  (e) => `left(${e}, 2)`,
  (e) => `substr(${e}, 2, 3)`,
  (e) => `split_part(${e}, '-', 2)`,
  (e) => `replace(${e}, '-', '')`,
  (e) => `(${e})::text`,
  (e) => `(${e})::varchar(4)`,
  (e) => `(${e})::int`,
  (e) => `(${e})::bytea`,
  (e) => `(${e})::json`,
  (e) => `to_jsonb(${e})`,
  (e) => `to_json(${e})`,
  (e) => `row_to_json(${e})`,
  (e) => `ARRAY[${e}]`,
  (e) => `(ARRAY[${e}, 'x'])[1]`,
  (e) => `ROW(${e}, 1)`,
  (e) => `(${e}) IS NULL`,
  (e) => `(${e}) IS NOT NULL`,
  (e) => `NOT ((${e}) = (${e}))`,
  (e) => `coalesce(${e}, 'x')`,
  (e) => `nullif(${e}, 'x')`,
  (e) => `${e} || '!'`,
  (e) => `${e} COLLATE "C"`,
  (e) => `(${e}) + 1`,
  (e) => `1 / (${e})`,
  (e) => `- (${e})`,
  (e) => `(${e}) % 3`,
  (e) => `ascii(${e})`,
  (e) => `(${e}) LIKE '0%'`,
  (e) => `(${e}) ~ '^0'`,
  (e) => `(${e}) BETWEEN '1' AND '5'`,
  (e) => `(${e}) IN ('1', '078-05-1120')`,
  (e) => `greatest(${e}, 'm')`,
  (e) => `format('%s', ${e})`,
  (e) => `concat(${e}, 'z')`,
  (e) => `quote_literal(${e})`,
  (e) => `extract(year FROM ${e})`,
  (e) => `date_trunc('year', ${e})`,
  (e) => `to_char(${e}, 'FM999')`,
  (e) => `age(${e})`,
  (e) => `sqrt(${e})`,
  (e) => `(${e}) -> 'pay'`,
  (e) => `(${e}) ->> 'pay'`,
  (e) => `jsonb_typeof(${e})`,
  (e) => `jsonb_build_object('k', ${e})`,
  (e) => `jsonb_build_object(${e}, 1)`,
  (e) => `json_array_length(to_json(ARRAY[${e}]))`,
  (e) => `CASE WHEN (${e}) IS NULL THEN 0 ELSE 1 END`,
  (e) => `CASE WHEN (${e}) > '5' THEN 1 / (1 - 1) ELSE 1 END`,
  (e) => `CASE ${e} WHEN '078-05-1120' THEN 'hit' END`,
  (e) => `(SELECT ${e})`,
  (e) => `(SELECT max(q) FROM (SELECT ${e} AS q) z)`,
  (e) => `EXISTS (SELECT ${e})`,
  (e) => `EXISTS (SELECT 1 WHERE (${e}) > '4')`,
  (e) => `ARRAY(SELECT ${e})`,
  (e) => `'078-05-1120' IN (SELECT ${e})`,
  (e) => `generate_series(1, length(${e}))`,
  (e) => `unnest(ARRAY[${e}])`,
  (e) => `string_to_array(${e}, '-')`,
  (e) => `regexp_replace(${e}, '[0-9]', 'd')`,
  (e) => `translate(${e}, '0', 'o')`,
  (e) => `xmlelement(name a, ${e})`,
  (e) => `repeat('x', length(${e}))`,
  (e) => `twice(${e})`,
  (e) => `f_get(${e})`,
  (e) => `pg_typeof(${e})`,
  (e) => `pg_column_size(${e})`,
  (e) => `hashtext(${e})`,
  (e) => `set_config('a.b', ${e}, false)`,
  (e) => `to_regclass(${e})`,
];

/** The first of `wraps` survive more often than the others. */
const gentle = wraps.slice(0, 27);

const aggregates: readonly ((e: string) => string)[] = [
  (e) => `count(${e})`,
  (e) => `count(DISTINCT ${e})`,
  (e) => `max(${e})`,
  (e) => `min(${e})`,
  (e) => `sum(${e})`,
  (e) => `avg(${e})`,
  (e) => `array_agg(${e})`,
  (e) => `string_agg(${e}, ',')`,
  (e) => `json_agg(${e})`,
  (e) => `jsonb_object_agg('k', ${e})`,
  (e) => `bool_or(${e} IS NULL)`,
  (e) => `count(*) FILTER (WHERE ${e} > '5')`,
  (e) => `array_agg(1 ORDER BY ${e})`,
  (e) => `mode() WITHIN GROUP (ORDER BY ${e})`,
  (e) => `count(*)`.concat(e === "" ? "" : ""),
];

const windows: readonly ((e: string) => string)[] = [
  (e) => `row_number() OVER (ORDER BY ${e})`,
  (e) => `count(*) OVER (PARTITION BY ${e})`,
  (e) => `first_value(${e}) OVER ()`,
  (e) => `lag(${e}) OVER ()`,
  (e) => `ntile(2) OVER (ORDER BY ${e})`,
];

const pick = (list: readonly ((e: string) => string)[], e: Text): Text =>
  build((index, inner) => list[Number(index)]!(inner), fc.nat(list.length - 1).map(String), e);

interface From {
  readonly text: string;
  readonly columns: readonly string[];
}

/** An expression over columns that are in reach. */
function expression(columns: readonly string[], depth: number): Text {
  const leaf = fc.oneof({ weight: 5, arbitrary: of(...columns) }, { weight: 1, arbitrary: constants });
  if (depth === 0) return leaf;
  const inner = expression(columns, depth - 1);
  return fc.oneof(
    { weight: 6, arbitrary: leaf },
    { weight: 3, arbitrary: pick(gentle, inner) },
    { weight: 1, arbitrary: pick(wraps, inner) },
    {
      weight: 1,
      arbitrary: build(
        (a, b, op) => `(${a}) ${op} (${b})`,
        inner,
        inner,
        of("=", "<", "||", "+", "AND", "<>"),
      ),
    },
    { weight: 1, arbitrary: build((a, b) => `concat_ws('-', ${a}, ${b})`, inner, inner) },
  );
}

const aliases = ["a", "b", "c", "d"];

function table(alias: string): fc.Arbitrary<From> {
  return fc.constantFrom(...Object.keys(relations)).chain((name) => {
    const names = relations[name]!;
    const columns = [
      ...names,
      ...names.map((column) => `${alias}.${column}`),
      alias,
      `${alias}.*`,
      `(${alias}).${names[0]}`,
    ];
    return fc.constantFrom<From>(
      { text: `${name} ${alias}`, columns },
      { text: `${name} AS ${alias}`, columns },
      { text: `ONLY ${name.startsWith("v_") || name.startsWith("mv") ? "users" : name} ${alias}`, columns },
      { text: `(SELECT * FROM ${name}) ${alias}`, columns },
      { text: `(TABLE ${name}) ${alias}`, columns },
      { text: `${name} ${alias}(x1, x2)`, columns: ["x1", "x2", `${alias}.x1`, `${alias}.x2`, alias] },
    );
  });
}

function derived(alias: string, depth: number): fc.Arbitrary<From> {
  return build(
    (inner, lateral) => `${lateral}(${inner}) ${alias}(y1, y2)`,
    query(depth - 1, 2),
    of("", "LATERAL "),
  ).map((text) => ({ text, columns: ["y1", "y2", `${alias}.y1`, `${alias}.y2`, alias] }));
}

function from(depth: number): fc.Arbitrary<From> {
  const one = (alias: string) =>
    depth > 0
      ? fc.oneof({ weight: 3, arbitrary: table(alias) }, { weight: 2, arbitrary: derived(alias, depth) })
      : table(alias);
  const [a, b] = aliases as [string, string];
  const joined = fc.tuple(
    one(a),
    one(b),
    of(",", "CROSS JOIN", "NATURAL JOIN", "JOIN USING", "LEFT JOIN", "JOIN ON", "JOIN ON"),
  ).chain(([left, right, how]) => {
    const columns = [...left.columns, ...right.columns];
    if (how === "JOIN USING") {
      return fc.constant({ text: `${left.text} JOIN ${right.text} USING (id)`, columns });
    }
    if (how === "LEFT JOIN" || how === "JOIN ON") {
      const join = how === "LEFT JOIN" ? "LEFT JOIN" : "JOIN";
      return fc.oneof(
        { weight: 5, arbitrary: of("a.id = b.id", "true") },
        { weight: 1, arbitrary: expression(columns, 1) },
      ).map((on) => ({
        text: `${left.text} ${join} ${right.text} ON ${on}`,
        columns,
      }));
    }
    return fc.constant({ text: `${left.text} ${how} ${right.text}`, columns });
  });
  return fc.oneof({ weight: 3, arbitrary: one(a) }, { weight: 2, arbitrary: joined });
}

const clauses: readonly ((e: string) => string)[] = [
  ...new Array<() => string>(14).fill(() => ""),
  () => "ORDER BY 1",
  () => "LIMIT 3",
  (e) => `WHERE ${e}`,
  (e) => `WHERE (${e}) IS NOT NULL`,
  (e) => `WHERE id = 1 OR (${e}) = '5'`,
  () => "WHERE id < 4",
  () => "WHERE a.id = 1",
  (e) => `ORDER BY ${e}`,
  (e) => `GROUP BY ${e}`,
  () => "GROUP BY 1, 2",
  (e) => `HAVING max(${e}) > '5'`,
  (e) => `LIMIT (SELECT length(max(${e}::text)) % 7 FROM users a)`,
];

/** `columns`: how many it gives; 0 for any number, stars included. */
function select(depth: number, columns: number): Text {
  return from(depth).chain(({ text, columns: names }) => {
    const plain = expression(names, Math.min(2, depth + 1));
    const item = fc.oneof(
      { weight: 6, arbitrary: plain },
      { weight: 1, arbitrary: pick(aggregates, plain) },
      { weight: 1, arbitrary: pick(windows, plain) },
      { weight: 1, arbitrary: build((e) => `${e} AS id`, plain) },
    );
    const list = columns === 0
      ? fc.oneof(
        of("*", "a.*", "a", "a.*, 1", "*, 1", "count(*)"),
        fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(", ")),
      )
      : fc.array(item, { minLength: columns, maxLength: columns }).map((items) => items.join(", "));
    const head = of(...new Array<string>(9).fill("SELECT"), "SELECT DISTINCT");
    return build((h, l, c) => `${h} ${l} FROM ${text} ${c}`.trim(), head, list, pick(clauses, plain));
  });
}

function query(depth: number, columns: number): Text {
  const one = select(depth, columns);
  if (depth <= 0) return one;
  const width = columns === 0 ? 2 : columns;
  return fc.oneof(
    { weight: 6, arbitrary: one },
    {
      weight: 1,
      arbitrary: build(
        (l, op, r) => `(${l}) ${op} (${r})`,
        query(depth - 1, width),
        of("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL"),
        query(depth - 1, width),
      ),
    },
    {
      weight: 1,
      arbitrary: build(
        (inner, kind, outer) => `WITH users${kind} AS (${inner}) ${outer}`,
        query(depth - 1, 2),
        of("(id, name)", "(id, ssn)", "(ssn, id)", ""),
        query(depth - 1, columns),
      ),
    },
    {
      weight: 1,
      arbitrary: build(
        (inner, outer) =>
          `WITH RECURSIVE orders(id, note) AS (${inner} UNION ALL SELECT note, id FROM orders WHERE false) ${outer}`,
        query(0, 2),
        query(depth - 1, columns),
      ),
    },
    {
      weight: 1,
      arbitrary: build((a, b) => `VALUES ((${a}), (${b}))`, query(0, 1), query(0, 1)).filter(() =>
        columns !== 1
      ),
    },
  );
}

const writes: readonly ((q: string) => string)[] = [
  (q) => `INSERT INTO orders(id, note) ${q}`,
  (q) => `WITH x AS (${q}) UPDATE orders SET note = 'x' WHERE id = 1 RETURNING *, (SELECT count(*) FROM x)`,
  (q) => `UPDATE users SET name = 'z' WHERE id = 1 RETURNING (${q})`,
  (q) => `EXPLAIN ${q}`,
  (q) => `SELECT 1; ${q}`,
  (q) => `COPY (${q}) TO STDOUT`,
];

/** A statement; most are queries, some carry a query elsewhere. */
export const statement: Text = fc.oneof(
  { weight: 12, arbitrary: query(2, 0) },
  { weight: 4, arbitrary: query(1, 0) },
  { weight: 1, arbitrary: pick(writes.slice(0, 5), query(1, 2)) },
);
