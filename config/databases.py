"""How a database's URL becomes an entry of Django's DATABASES."""

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


class Limits(NamedTuple):
    """How many seconds a database may take; what comes back then is a 503."""

    connect: int  # to each host of several
    statement: int | None  # None for as long as it takes


def database(url: str, limits: Limits, *, pooled: bool = False, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Turn the URL of the variable `name` into an entry; `pooled` is behind PgBouncer in transaction mode.

    libpq parses PostgreSQL's, so that whatever psql takes is taken here: several hosts, Unix sockets,
    `sslmode`, … . The error repeats nothing of the URL, and nothing that libpq says, which quotes from it:
    any part of a mistyped one may be the password.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return sqlite(Path(unquote(rest[1:])))
    try:
        if scheme not in ("postgres", "postgresql"):
            raise ValueError("unknown scheme")
        options: dict[str, Any] = dict(conninfo_to_dict(url))
        if not (options.get("dbname") or options.get("service")):
            raise ValueError("no database, for which libpq would take the user's name")
        ports = [port for port in str(options.get("port", "")).split(",") if port]
        if not all(re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535 for port in ports):
            raise ValueError("port out of range")
    except (ProgrammingError, ValueError):
        raise ImproperlyConfigured(
            f"{name} cannot be read; it takes postgres://USER:PASSWORD@HOST:PORT/NAME, percent-encoded "
            "where a part holds a sign of its own, or sqlite:///FILE."
        ) from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname", ""),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,  # of pages alone: the API's first query is its own (owned/compiled.py)
        "OPTIONS": {**postgresql(limits, pooled), **session(options, limits, pooled)},
    }


def postgresql(limits: Limits, pooled: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return what each connection is opened with, unless the URL says otherwise."""
    return {
        "connect_timeout": limits.connect,
        # A host that is gone without a word is noticed in half a minute, not in Linux's quarter of an hour.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,  # milliseconds
        "server_side_binding": True,
        # With the former, statements are prepared, which spares PostgreSQL the planning of each query. Behind
        # PgBouncer the next one may run on another of its connections, which knows nothing of the first's.
        "prepare_threshold": None if pooled else 2,
    }


def session(options: dict[str, Any], limits: Limits, pooled: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return the URL's own options, and what the session begins with.

    PgBouncer refuses a connection that begins with any: there, `ALTER ROLE … SET statement_timeout` does it.
    """
    if pooled and "options" in options:
        raise ImproperlyConfigured("PGBOUNCER takes a URL without `options`: set them by ALTER ROLE … SET.")
    if pooled:
        return options
    # PostgreSQL notices too that this machine is gone, and frees what its transactions held locked: in half a
    # minute, not in two hours.
    begin = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
    if limits.statement is not None:
        begin["statement_timeout"] = f"{limits.statement}s"
    given = options.get("options", "")
    own = " ".join(f"-c {name}={value}" for name, value in begin.items())
    return {**options, "options": f"{own} {given}".strip()}


def sqlite(file: Path) -> dict[str, Any]:
    """Return the entry of one SQLite file, set up for many threads and processes."""
    if file.name == ":memory:" or "\0" in str(file) or file.is_dir() or not file.parent.is_dir():
        raise ImproperlyConfigured(
            f"DATABASE_URL names the file {str(file)!r}; it takes one in a folder that is there."
        )
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A write transaction takes the lock at its start: one that upgrades later can fail at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,  # seconds to wait for another writer
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
