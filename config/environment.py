"""How one environment variable becomes a setting, or one line that says how to mend it."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

T = TypeVar("T")


def setting(read: Callable[[str], T], name: str, default: T, takes: str) -> T:
    """Read a variable; an empty one counts as not set, as compose files and systemd units leave them.

    Raises ImproperlyConfigured, in one line: the variable, what it holds, what it takes.
    """
    if not os.environ.get(name):
        return default
    try:
        return read(name)
    except EnvError:
        raise ImproperlyConfigured(f"{name} is {os.environ[name]!r}; it takes {takes}.") from None


def database(url: str) -> dict[str, Any]:
    """Turn a `DATABASE_URL` into an entry of Django's DATABASES.

    libpq parses PostgreSQL's, so that whatever psql takes is taken here: several hosts, Unix sockets,
    `sslmode`, … . The error never repeats the URL, because it may hold a password.
    """
    scheme = url.partition(":")[0]
    if url.startswith("sqlite:///"):
        return sqlite(Path(unquote(url.removeprefix("sqlite:///"))))
    try:
        if scheme not in ("postgres", "postgresql"):
            raise ProgrammingError(f"the scheme {scheme!r} is unknown")
        options: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL cannot be read ({str(error).strip()}); it takes "
            "postgres://USER:PASSWORD@HOST:PORT/NAME or sqlite:///FILE."
        ) from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname", ""),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "connect_timeout": 5,
            # Both are needed for prepared statements, which spare PostgreSQL the planning of each query.
            "server_side_binding": True,
            "prepare_threshold": 2,
            **options,
        },
    }


def sqlite(file: Path) -> dict[str, Any]:
    """Return the entry of Django's DATABASES for one SQLite file, set up for many threads and processes."""
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


def kept_secret(file: Path) -> str:
    """Return the secret in `file`, made on the first call; only its owner can read it.

    Written aside and linked into place, so that of two processes that start at once both read the same.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text()
