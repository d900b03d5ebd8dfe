"""Entries of Django's DATABASES, from database URLs."""

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

ACCEPTS = "postgres://USER:PASSWORD@HOST:PORT/NAME with special characters percent-encoded, or sqlite:///FILE"


class Limits(NamedTuple):
    """How many seconds a database may take before the response is a 503."""

    connect: int  # for each host of the URL
    statement: int | None  # None for no limit


def database(url: str, limits: Limits, *, pooled: bool = False) -> dict[str, Any]:
    """Return the entry for a URL; `pooled` if PgBouncer serves it in transaction mode.

    libpq parses PostgreSQL URLs, so several hosts, `sslmode` and all else that psql accepts work.
    Raises ValueError, whose text may hold the password.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return sqlite(Path(unquote(rest[1:])))
    if scheme not in ("postgres", "postgresql"):
        raise ValueError("unknown scheme")
    try:
        options: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise ValueError("rejected by libpq") from error
    if not (options.get("dbname") or options.get("service")):
        raise ValueError("no database name; libpq would use the user's")
    ports = [port for port in str(options.get("port", "")).split(",") if port]
    if not all(re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535 for port in ports):
        raise ValueError("port out of range")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname", ""),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,  # only for pages: the API tests a connection with its first query
        "OPTIONS": {**postgresql(limits, pooled=pooled), **session(options, limits, pooled=pooled)},
    }


def postgresql(limits: Limits, *, pooled: bool) -> dict[str, Any]:
    """Return the connection's options, which the URL may override."""
    return {
        "connect_timeout": limits.connect,
        # A host that disappears is noticed in half a minute; Linux's defaults take a quarter of an hour.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,  # milliseconds
        "server_side_binding": True,
        # Prepared statements save PostgreSQL the planning of each query. PgBouncer may send the next query to
        # another connection, which has not prepared it.
        "prepare_threshold": None if pooled else 2,
    }


def session(options: dict[str, Any], limits: Limits, *, pooled: bool) -> dict[str, Any]:
    """Return the URL's options, with parameters for the start of each session.

    PgBouncer rejects such parameters; use `ALTER ROLE … SET statement_timeout` instead.
    """
    if pooled and "options" in options:
        raise ImproperlyConfigured("PGBOUNCER requires a URL without `options`: use ALTER ROLE … SET.")
    if pooled:
        return options
    # PostgreSQL also notices in half a minute, instead of two hours, that this machine has disappeared, and
    # releases the locks of its transactions.
    begin = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
    if limits.statement is not None:
        begin["statement_timeout"] = f"{limits.statement}s"
    given = options.get("options", "")
    own = " ".join(f"-c {name}={value}" for name, value in begin.items())
    return {**options, "options": f"{own} {given}".strip()}


def sqlite(file: Path) -> dict[str, Any]:
    """Return the entry for a SQLite file, set up for many threads and processes."""
    if file.name == ":memory:" or "\0" in str(file) or file.is_dir() or not file.parent.is_dir():
        raise ImproperlyConfigured(f"DATABASE_URL names the file {str(file)!r}; its folder must exist.")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A write transaction takes the lock at its start; upgrading from a read later can fail at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,  # seconds to wait for another writer
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
