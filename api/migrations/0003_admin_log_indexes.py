"""Indexes of Django's admin log, which has none for its two questions: what did this request write, and who wrote this."""

from django.db import migrations, models

from api.history import RequestId

INDEXES = [
    models.Index(RequestId("change_message"), name="admin_log_request"),
    models.Index(fields=["content_type", "object_id"], name="admin_log_object"),
]


def add(apps, schema_editor):
    """Add them to a table that is another app's."""
    for index in INDEXES:
        schema_editor.add_index(apps.get_model("admin", "LogEntry"), index)


def remove(apps, schema_editor):
    """Undo it."""
    for index in INDEXES:
        schema_editor.remove_index(apps.get_model("admin", "LogEntry"), index)


class Migration(migrations.Migration):

    dependencies = [
        ("api", "0002_kept_upload"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [migrations.RunPython(add, remove)]
