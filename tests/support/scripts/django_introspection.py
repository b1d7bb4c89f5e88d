"""Django's inspectdb and a query of its ORM: argv is engine, host, port, user, database; DB_PASSWORD the password."""
import os
import sys
import warnings

import django
from django.conf import settings

warnings.simplefilter("ignore")
engine, host, port, user, name = sys.argv[1:6]
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": f"django.db.backends.{engine}",
            "HOST": host,
            "PORT": port,
            "USER": user,
            "PASSWORD": os.environ["DB_PASSWORD"],
            "NAME": name,
        }
    },
    USE_TZ=True,
)
django.setup()
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402

call_command("inspectdb")


class Order(models.Model):
    note = models.TextField()

    class Meta:
        app_label = "test"
        db_table = "orders"
        managed = False


print("# rows", list(Order.objects.filter(note__startswith="first").values_list("id", "note")))
print("# count", Order.objects.count())
with connection.cursor() as cursor:
    print("# tables", sorted(table.name for table in connection.introspection.get_table_list(cursor)))
