"""Creates and fills a PostgreSQL database, with the same rows in each run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from accounts.keys import PREFIX_LENGTH, checksum, digest_of

ROOT = Path(__file__).parent.parent
TABLE = "simulations_simulation"

Connection = psycopg.Connection[tuple[Any, ...]]

USERS = """
INSERT INTO accounts_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
    is_active, date_joined)
SELECT n, '!', false, 'owner' || n, '', '', '', false, true, '2025-01-01Z' FROM generate_series(1, %s) n
"""

KEYS = """
INSERT INTO accounts_apikey (user_id, name, prefix, digest, read_only, created_at, last_used_at)
VALUES (%s, 'bench', %s, %s, false, '2025-01-01Z', now())
"""

# Ids look as random as the service's own. The first `large` belong to owner 1; all owners share the rest.
SIMULATIONS = """
INSERT INTO simulations_simulation (id, owner_id, name, start_date, end_date, created_at, updated_at, version)
SELECT
    left(translate(md5(n::text), '01', 'GH'), 20),
    CASE WHEN n <= %(large)s THEN 1 ELSE 1 + n %% %(owners)s END,
    (ARRAY['Monsoon season', 'Dry season', 'Spring tide', 'Heat wave', 'Snow melt', 'Storm', 'Calm sea'])
        [1 + n %% 7] || ', coarse grid, run ' || n,
    date '2026-01-01' + (n::bigint * 7919 %% 365)::int,
    date '2026-01-01' + (n::bigint * 7919 %% 365)::int + (n %% 90)::int,
    timestamptz '2025-01-01Z' + n * interval '1 second',
    timestamptz '2025-01-01Z' + n * interval '1 second',
    1
FROM generate_series(1, %(rows)s) n
"""

DEFAULTS = {"changed_by": "", "changed_key": "", "changed_via": "command", "changed_request": "-"}

# Recreated after a fill, which is much faster than updating them row by row.
CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype DESC
"""
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""


def key_of(owner: int) -> str:
    """Return the API key of an owner: well-formed, and the same in each run."""
    secret = f"{owner:030d}"
    return f"gf_{secret}{checksum(secret)}"


def connect(url: str) -> Connection:
    """Connect in autocommit mode. Exits with one line if PostgreSQL cannot be reached."""
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        sys.exit(f"Cannot connect to PostgreSQL: {' '.join(str(error).split())} (see --server)")


@contextmanager
def database(server: str, name: str, *, keep: bool = False) -> Iterator[str]:
    """Create a database with Goatfish's tables, yield its URL, and drop it unless `keep` is true."""
    own = Identifier(name)
    with connect(f"{server}/postgres") as admin:
        try:
            admin.execute(SQL("DROP DATABASE IF EXISTS {}").format(own))
        except psycopg.errors.ObjectInUse:
            sys.exit(f"The database {name} is in use. Is another benchmark running?")
        admin.execute(SQL("CREATE DATABASE {}").format(own))
        try:
            migrate(f"{server}/{name}")
            yield f"{server}/{name}"
        finally:
            if not keep:
                admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(own))


def migrate(url: str) -> None:
    """Run Goatfish's own migrations."""
    command = [f"{ROOT}/.venv/bin/python", "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(command, cwd=ROOT, env=service_environment(url), check=True)


def service_environment(url: str, **more: str) -> dict[str, str]:
    """Return the environment for Goatfish, without the caller's own settings or those in `.env`."""
    unset = dict.fromkeys(("DEBUG", "REDIS_URL", "HTTPS", "ALLOWED_HOSTS", "METRICS_TOKEN"), "")
    return {
        "PATH": os.environ["PATH"],
        **unset,
        "DATABASE_URL": url,
        "SECRET_KEY": "of the benchmark",
        **more,
    }


def fill(connection: Connection, rows: int, owners: int, large: int = 0) -> None:
    """Create the owners, a key for each, and their simulations. The first `large` belong to owner 1."""
    connection.execute(USERS, [owners])
    keys = ((owner, key_of(owner)) for owner in range(1, owners + 1))
    with connection.cursor() as cursor:
        cursor.executemany(KEYS, [(owner, key[:PREFIX_LENGTH], digest_of(key)) for owner, key in keys])
    # The peers do not say who made a version.
    for column, default in DEFAULTS.items():
        connection.execute(f"ALTER TABLE {TABLE} ALTER {column} SET DEFAULT '{default}'")
    with without_indexes(connection):
        connection.execute(SIMULATIONS, {"rows": rows, "owners": owners, "large": large})
    # The benchmark vacuums between runs, so that autovacuum does not start during one.
    connection.execute(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = false)")
    connection.execute("VACUUM ANALYZE")


@contextmanager
def without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the table's constraints and indexes, and recreate them afterwards."""
    table = Identifier(TABLE)
    constraints = connection.execute(CONSTRAINTS, [TABLE]).fetchall()
    indexes = connection.execute(INDEXES, [TABLE]).fetchall()
    for name, _ in constraints:
        connection.execute(SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, Identifier(name)))
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for name, definition in constraints:
        head = SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(table, Identifier(name))
        connection.execute(head.as_string() + definition)
    for _, definition in indexes:
        connection.execute(definition)
