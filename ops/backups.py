"""Backup and restore of the whole database, by the programs that the database comes with.

On PostgreSQL a backup is a file in `pg_dump`'s custom format, and `pg_restore` reads it. On SQLite it is a
database file, copied by SQLite's online backup. Both are consistent while the service writes.

Sessions are left out: a restored database must not bring back a session that has ended since, and who reads
a backup must not be able to use one.
"""

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connections
from django.utils import timezone
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from ops.models import Backup

SIGNATURES = {"postgresql": ("PostgreSQL", b"PGDMP"), "sqlite": ("SQLite", b"SQLite format 3\0")}
TABLES = {
    "postgresql": "SELECT count(*) FROM pg_tables WHERE schemaname = ANY (current_schemas(false))",
    # Not the tables of SQLite itself, which stay when others are dropped.
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'",
}
SESSIONS = Session._meta.db_table


class BackupError(Exception):
    """Why there is no backup, or why nothing was restored."""


FAILURES = (BackupError, DatabaseError, sqlite3.Error, OSError)
"""What `back_up` and `restore` raise. The first line of the message is for the operator."""


def back_up(path: Path, using: str) -> Backup:
    """Write a new file and read it back; return its record, which is not saved."""
    if is_empty(using):
        raise BackupError("The database is empty: there is nothing to back up.")
    taken_at = timezone.now()
    with new_file(path) as draft:
        if connections[using].vendor == "postgresql":
            dump_postgresql(draft, using)
        else:
            copy_sqlite(draft, using)
        size = draft.stat().st_size
    return Backup(taken_at=taken_at, size=size)


def restore(path: Path, using: str) -> None:
    """Restore all of a backup into an empty database, or nothing."""
    connection = connections[using]
    name, signature = SIGNATURES[connection.vendor]
    with path.open("rb") as file:
        if not file.read(16).startswith(signature):
            raise BackupError(f"{path} is not a backup of a {name} database.")
    if not is_empty(using):
        raise BackupError("The database has tables. Restore into a new one, before `manage.py migrate`.")
    if connection.vendor == "postgresql":
        load_postgresql(path, using)
    else:
        load_sqlite(path, using)


def is_empty(using: str) -> bool:
    """Return whether a database has no tables, not even those of `migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(TABLES[connection.vendor])
        return bool(cursor.fetchone() == (0,))


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a draft with mode 600, which gets its name when it is complete and on the disk."""
    if path.exists():
        raise BackupError(f"{path} already exists and is not overwritten.")
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part") as draft:
        yield Path(draft.name)
        os.fsync(draft.fileno())
        os.link(draft.name, path)  # fails if the name is taken, where a rename would overwrite
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def dump_postgresql(draft: Path, using: str) -> None:
    """Run `pg_dump`, then decompress all of the file."""
    database, password = server(using)
    options = ("--format=custom", f"--exclude-table-data=*.{SESSIONS}")
    run("pg_dump", *options, f"--file={draft.absolute()}", database, password=password)
    run("pg_restore", f"--file={os.devnull}", str(draft.absolute()))  # --list would read the beginning alone


def load_postgresql(path: Path, using: str) -> None:
    """Run `pg_restore` in one transaction."""
    database, password = server(using)
    # The tables belong to the user who restores them, whatever roles the old server had.
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    run("pg_restore", *options, database, str(path.absolute()), password=password)
    with connections[using].cursor() as cursor:
        cursor.execute("ANALYZE")  # the dump has no statistics for the planner


def server(using: str) -> tuple[str, str]:
    """Return the option that names the database, and the password, which must not be in a command line."""
    if getattr(settings, "PGBOUNCER", False):  # pg_dump would leave its `search_path` to the service
        raise BackupError("PgBouncer cannot be used: set DATABASE_URL to PostgreSQL, and PGBOUNCER=false.")
    connections[using].close()  # it would be idle for as long as the program runs
    known = settings.DATABASES[using]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parameters = {name: known[key] for name, key in names.items() if known[key]} | known["OPTIONS"]
    # libpq marks secrets with an asterisk. What it does not know belongs to Django and psycopg.
    public = {option.keyword.decode() for option in Conninfo.get_defaults() if option.dispchar != b"*"}
    dsn = make_conninfo(**{name: parameters[name] for name in public & parameters.keys()})
    return f"--dbname={dsn}", parameters.get("password", "")


def run(program: str, *arguments: str, password: str = "") -> None:
    """Run one of PostgreSQL's programs; its own words are the message of the error."""
    try:
        result = subprocess.run(  # noqa: S603 - the arguments are this module's
            [program, *arguments],
            env={**os.environ, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise BackupError(
            f"{program} is not installed. Install PostgreSQL's client programs (Debian: postgresql-client), "
            "of the server's major version or a later one."
        ) from None
    if result.returncode:
        # Further lines may quote statements and rows.
        said = re.findall(rf"^{program}: (?:error|detail): (.+)", result.stderr, re.MULTILINE)
        reason = "; ".join(said) or result.stderr.strip() or f"exit status {result.returncode}"
        raise BackupError(f"{program}: {reason}")


def copy_sqlite(draft: Path, using: str) -> None:
    """Copy a database file in one step: writers neither wait nor restart it."""
    connections[using].cursor().close()  # opens the connection
    with closing(sqlite3.connect(draft)) as copy:
        connections[using].connection.backup(copy)
        # A file that is not in WAL mode can be read where nothing can be written.
        copy.executescript(
            f"PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON; DELETE FROM {SESSIONS};"  # noqa: S608
        )
    check_sqlite(draft, using)


def load_sqlite(path: Path, using: str) -> None:
    """Copy a database file in one transaction of the other."""
    check_sqlite(path, using)
    with closing(sqlite3.connect(read_only(path), uri=True)) as source:
        source.backup(connections[using].connection)
    connections[using].close()  # which writes the WAL to the file


def check_sqlite(path: Path, using: str) -> None:
    """Raise BackupError unless a file is a whole database, by a connection that has Django's functions."""
    with connections[using].cursor() as cursor:
        try:
            cursor.execute("ATTACH %s AS checked", [read_only(path)])
            cursor.execute(
                "SELECT page_count * page_size FROM pragma_page_count('checked'), pragma_page_size('checked')"
            )
            if cursor.fetchone()[0] != path.stat().st_size:  # SQLite reads zeros past the end of a file
                raise DatabaseError("it was cut short")
            cursor.execute("PRAGMA checked.integrity_check(1)")
            result = cursor.fetchone()[0]
        except DatabaseError as error:
            result = str(error)
        finally:
            with suppress(DatabaseError):
                cursor.execute("DETACH checked")
    if result != "ok":
        raise BackupError(f"The backup is damaged: {result.splitlines()[-1]}")


def read_only(path: Path) -> str:
    """Return the URI with which SQLite opens a file without changing it, or creating it."""
    return f"{path.absolute().as_uri()}?mode=ro"
