"""psycopg2 through a gateway: argv is the connection string. Prints one line for each thing that worked."""
import io
import sys
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras

dsn = sys.argv[1]
c = psycopg2.connect(dsn)
cur = c.cursor()
cur.execute("SELECT id, name FROM users WHERE id = %s", (7,))
print("row", cur.fetchone())
cur.execute("SELECT %s, %s, %s::bytea", ("it's \\ a 'quote'", None, psycopg2.Binary(b"\x00\xff")))
text, none, data = cur.fetchone()
print("values", text, none, bytes(data))
psycopg2.extras.execute_values(cur, "INSERT INTO notes (body) VALUES %s", [("a",), ("b",), ("c",)])
print("inserted", cur.rowcount)
c.commit()
with c.cursor(name="big") as named:
    named.itersize = 100
    named.execute("SELECT id FROM users ORDER BY id")
    print("server side", sum(1 for _ in named))
c.commit()
cur.copy_expert("COPY notes (body) FROM STDIN", io.StringIO("".join(f"line {n}\n" for n in range(1000))))
print("copied in", cur.rowcount)
out = io.StringIO()
cur.copy_expert("COPY (SELECT body FROM notes WHERE body LIKE 'line%') TO STDOUT WITH CSV HEADER", out)
print("copied out", len(out.getvalue().splitlines()))
c.rollback()
try:
    cur.copy_expert("COPY notes (body, id) FROM STDIN", io.StringIO("good\t1001\nbad\tnot a number\n"))
except psycopg2.Error as error:
    print("copy failed", error.pgcode, error.diag.context)
c.rollback()
try:
    cur.execute("SELECT * FROM missing")
except psycopg2.Error as error:
    d = error.diag
    print("error", error.pgcode, d.severity, d.message_primary, d.statement_position)
print("status", c.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INERROR)
c.rollback()
try:
    cur.execute("DROP TABLE users")
except psycopg2.Error as error:
    print("refused", error.pgcode, error.diag.message_detail, error.diag.message_hint)
c.rollback()
threading.Timer(0.5, c.cancel).start()
try:
    cur.execute("SELECT pg_sleep(60)")
except psycopg2.extensions.QueryCanceledError as error:
    print("cancelled", error.pgcode)
c.rollback()
print("pid", c.get_backend_pid() == (cur.execute("SELECT pg_backend_pid()"), cur.fetchone())[1][0])
c.rollback()
c.autocommit = True
cur.execute("LISTEN self")
cur.execute("NOTIFY self, 'mine'")
c.poll()
print("notified", [(n.pid == c.get_backend_pid(), n.channel, n.payload) for n in c.notifies])
cur.execute("DO $$ BEGIN RAISE WARNING 'take care'; END $$")
print("notices", [n.strip() for n in c.notices])
print("parameters", c.get_parameter_status("standard_conforming_strings"), c.encoding)
c.close()
