"""libpq's pipeline mode by psycopg 3: argv is the connection string. Prints one line for each thing that worked."""
import sys

import psycopg
from psycopg import pq

c = psycopg.connect(sys.argv[1], autocommit=True)
with c.pipeline() as p:
    cursors = [c.execute("SELECT %s::int + 1", (n,)) for n in range(300)]
    p.sync()
    print("pipelined", sum(cursor.fetchone()[0] for cursor in cursors))

with c.pipeline() as p:
    first = c.execute("INSERT INTO notes (body) VALUES ('before the error')")
    p.sync()
    try:
        c.execute("INSERT INTO notes (body) VALUES ('in the failed one')")
        c.execute("SELECT 1 / %s", (0,))
        c.execute("INSERT INTO notes (body) VALUES ('after the error')")
        p.sync()
    except psycopg.errors.DivisionByZero as error:
        print("failed", error.sqlstate)
        # It may have been told before the sync was sent: until then all that follows is aborted.
        try:
            p.sync()
        except psycopg.errors.PipelineAborted:
            pass
    last = c.execute("SELECT 'still in step'")
    p.sync()
    print("then", last.fetchone()[0])
print("kept", [body for (body,) in c.execute("SELECT body FROM notes WHERE body LIKE '%error%' ORDER BY id")])

with c.pipeline() as p:
    try:
        before = c.execute("SELECT 'before'")
        c.execute("DROP TABLE users")
        c.execute("SELECT 'after'")
        p.sync()
    except psycopg.errors.InsufficientPrivilege as error:
        print("refused", error.diag.message_detail)

# The functions themselves: two batches under way at once, the error in the first, a flush request in the second.
raw = c.pgconn
raw.enter_pipeline_mode()
raw.send_query_params(b"SELECT 'one'", [])
raw.send_prepare(b"p", b"SELECT nothing FROM nowhere")
raw.send_query_prepared(b"p", [])
raw.pipeline_sync()
raw.send_query_params(b"SELECT 'two'", [])
raw.send_flush_request()
raw.flush()
seen = []
while True:
    result = raw.get_result()
    if result is None:
        continue
    status = pq.ExecStatus(result.status)
    if status == pq.ExecStatus.PIPELINE_SYNC:
        seen.append("sync")
    elif status == pq.ExecStatus.TUPLES_OK:
        seen.append(result.get_value(0, 0).decode())
    else:
        seen.append(status.name.lower())
    if seen[-1] == "two":
        break
raw.pipeline_sync()
while (result := raw.get_result()) is None or result.status != pq.ExecStatus.PIPELINE_SYNC:
    pass
raw.exit_pipeline_mode()
print("raw", " ".join(seen))

with c.cursor().copy("COPY notes (body) FROM STDIN") as copy:
    for n in range(1000):
        copy.write_row((f"row {n}",))
print("copied", c.execute("SELECT count(*) FROM notes WHERE body LIKE 'row %'").fetchone()[0])
with c.cursor(binary=True) as cur:
    print("binary", cur.execute("SELECT 1.5::numeric, now() > '2000-01-01', ARRAY[1, 2]").fetchone())
c.close()
