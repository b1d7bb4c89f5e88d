/** Sample data of the demo: invented, with numbers from the ranges reserved for tests (ssn 900-…, test cards). */
export const sampleData = `
BEGIN;
CREATE TABLE customers (
  id integer PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  phone text NOT NULL,
  ssn text NOT NULL,
  card_number text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL
);
CREATE TABLE orders (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers (id),
  item text NOT NULL,
  amount numeric(10, 2) NOT NULL,
  status text NOT NULL,
  ordered_at timestamptz NOT NULL
);
CREATE TABLE payments (
  id integer PRIMARY KEY,
  order_id integer NOT NULL REFERENCES orders (id),
  method text NOT NULL,
  amount numeric(10, 2) NOT NULL,
  paid_at timestamptz
);
INSERT INTO customers
SELECT n,
  first || ' ' || last,
  lower(first) || '.' || lower(last) || n || '@example.test',
  '+1-555-01' || to_char(n, 'FM00'),
  '900-' || to_char(10 + n, 'FM00') || '-' || to_char(1000 + n * 37, 'FM0000'),
  (ARRAY['4111 1111 1111 1111', '5555 5555 5555 4444', '4012 8888 8888 1881', '5105 1051 0510 5100'])[1 + n % 4],
  CASE WHEN n % 9 = 0 THEN 'suspended' ELSE 'active' END,
  timestamptz '2026-01-05 09:00+00' + n * interval '5 days 3 hours'
FROM (
  SELECT n,
    (ARRAY['Ann', 'Boris', 'Chiara', 'Dele', 'Elif', 'Farid', 'Greta', 'Hiro', 'Ines', 'Jonas'])[1 + n % 10] AS first,
    (ARRAY['Abel', 'Brandt', 'Costa', 'Diaz', 'Ekman', 'Fuchs', 'Grau'])[1 + n % 7] AS last
  FROM generate_series(1, 40) AS n
) AS people;
INSERT INTO orders
SELECT n, 1 + (n * 7) % 40,
  (ARRAY['keyboard', 'monitor', 'desk lamp', 'headset', 'office chair', 'dock'])[1 + n % 6],
  round((19 + (n * 53) % 400)::numeric + 0.99, 2),
  (ARRAY['open', 'shipped', 'delivered', 'returned'])[1 + n % 4],
  timestamptz '2026-06-01 08:00+00' + n * interval '9 hours'
FROM generate_series(1, 120) AS n;
INSERT INTO payments
SELECT id, id, (ARRAY['card', 'transfer'])[1 + id % 2], amount, ordered_at + interval '2 hours'
FROM orders WHERE status <> 'open';
COMMIT;
ANALYZE;
`;
