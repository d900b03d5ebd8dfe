"""Additional databases for tests: SQLite files, and PostgreSQL databases on the server in the settings."""

from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection, connections
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from config.databases import sqlite


def add_sqlite(alias: str, file: Path) -> None:
    """Add a SQLite file to Django's connections."""
    entries = {"default": sqlite(file), alias: sqlite(file)}
    connections.settings[alias] = connections.configure_settings(entries)[alias]


def add_postgresql(alias: str, template: str = "template0") -> None:
    """Create a database from a template, and add it to Django's connections."""
    name = database_name(alias)
    drop_postgresql(alias)
    administer(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
    connections.settings[alias] = {**connections.settings["default"], "NAME": name}


def drop_postgresql(alias: str) -> None:
    administer(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(database_name(alias))))


def database_name(alias: str) -> str:
    """Return a name that no other test process uses."""
    return f"{connection.settings_dict['NAME']}_{alias}"


def administer(statement: Any) -> None:
    with psycopg.connect(make_conninfo(settings.DATABASE_URL, dbname="postgres"), autocommit=True) as server:
        server.execute(statement)


def remove_database(alias: str) -> None:
    """Remove an alias from Django's connections."""
    connections[alias].close()
    del connections[alias], connections.settings[alias]


def all_rows(alias: str) -> dict[str, list[Any]]:
    """Return the rows of all models as tuples of Python values."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        rows = model._base_manager.using(alias).values_list(*(f.attname for f in model._meta.concrete_fields))
        found[model._meta.label] = sorted((tuple(map(comparable, row)) for row in rows), key=repr)
    return found


def comparable(value: Any) -> Any:
    """Return binary data as bytes, whichever type the database driver uses."""
    return bytes(value) if isinstance(value, memoryview) else value
