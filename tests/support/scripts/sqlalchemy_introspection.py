"""SQLAlchemy's inspector and a reflected table: argv is a database URL. Prints what it found."""
import sys

import sqlalchemy as sa

engine = sa.create_engine(sys.argv[1], poolclass=sa.pool.StaticPool)
inspector = sa.inspect(engine)
tables = sorted(inspector.get_table_names())
print("tables", " ".join(tables))
print("views", " ".join(sorted(inspector.get_view_names())))
for table in tables:
    columns = " ".join(f"{c['name']}:{c['type']}" for c in inspector.get_columns(table))
    print(table, columns)
    print(table, "keys", inspector.get_pk_constraint(table)["constrained_columns"],
          [key["referred_table"] for key in inspector.get_foreign_keys(table)],
          sorted(index["name"] for index in inspector.get_indexes(table)),
          len(inspector.get_unique_constraints(table)), len(inspector.get_check_constraints(table)))
    inspector.get_table_comment(table)
print("schemas", len(inspector.get_schema_names()) > 0)
metadata = sa.MetaData()
metadata.reflect(engine)
orders = metadata.tables["orders"]
with engine.connect() as connection:
    rows = connection.execute(sa.select(orders.c.id, orders.c.note).where(orders.c.id == 1)).fetchall()
    print("rows", rows)
