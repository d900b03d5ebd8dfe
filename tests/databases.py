"""Databases beside the one of the settings: SQLite files with the tables of the service."""

import shutil
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.db import connections, transaction

from config.databases import sqlite


def add_database(alias: str, file: Path) -> None:
    """Let Django know a SQLite file by an alias."""
    entries = {"default": sqlite(file), alias: sqlite(file)}
    connections.settings[alias] = connections.configure_settings(entries)[alias]


def make_database(alias: str, file: Path) -> None:
    """Make a new file with empty tables, whose content types and permissions have numbers of their own."""
    template = file.with_name("template.sqlite3")
    if not template.exists():
        add_database(alias, template)
        call_command("migrate", database=alias, verbosity=0)
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute(
                "UPDATE auth_permission SET id = id + 1000, content_type_id = content_type_id + 100"
            )
            cursor.execute("UPDATE django_content_type SET id = id + 100")
        remove_database(alias)
    shutil.copyfile(template, file)
    add_database(alias, file)


def remove_database(alias: str) -> None:
    """Let Django forget an alias."""
    connections[alias].close()
    del connections[alias], connections.settings[alias]


def all_rows(alias: str) -> dict[str, list[Any]]:
    """Return the rows of all tables, as Python has them."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        rows = model._base_manager.using(alias).values_list(*(f.attname for f in model._meta.concrete_fields))
        found[model._meta.label] = sorted((tuple(map(comparable, row)) for row in rows), key=repr)
    return found


def comparable(value: Any) -> Any:
    """Return binary data as bytes, whichever the driver gives."""
    return bytes(value) if isinstance(value, memoryview) else value


def raw_rows(alias: str) -> dict[str, list[Any]]:
    """Return the rows of all tables, as SQLite has them in its file."""
    found = {}
    with connections[alias].cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            found[model._meta.label] = sorted(cursor.fetchall(), key=repr)
    return found
