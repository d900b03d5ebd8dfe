"""Room for more than 2,147,483,647 entries of Django's admin log, whose numbers are random from now on.

So the order that entries were made in is their time's, of all and of each user. Django's own two indexes, on the
user alone and on the kind alone, are the beginnings of others by now, and go.
"""

from django.db import migrations, models

INDEXES = [
    models.Index(fields=["action_time"], name="admin_log_time"),
    models.Index(fields=["user", "action_time"], name="admin_log_user_time"),
]
BEGINNINGS = ["user_id"], ["content_type_id"]


def widen(apps, schema_editor):
    """Make the number one of 64 bits, which it is on SQLite as it is."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE django_admin_log ALTER COLUMN id TYPE bigint")


def replace_indexes(apps, schema_editor):
    """Add the new ones, and take away what they make needless."""
    for index in INDEXES:
        schema_editor.add_index(apps.get_model("admin", "LogEntry"), index)
    introspection = schema_editor.connection.introspection
    with schema_editor.connection.cursor() as cursor:
        found = introspection.get_constraints(cursor, "django_admin_log")
    for name, details in found.items():
        if details["index"] and details["columns"] in BEGINNINGS:
            schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def remove_indexes(apps, schema_editor):
    """Take the new ones away; those of Django's stay away."""
    for index in INDEXES:
        schema_editor.remove_index(apps.get_model("admin", "LogEntry"), index)


class Migration(migrations.Migration):

    dependencies = [
        ("api", "0003_admin_log_indexes"),
    ]

    operations = [
        migrations.RunPython(widen, migrations.RunPython.noop),
        migrations.RunPython(replace_indexes, remove_indexes),
    ]
