"""Ten times the rows take no more memory, on their way out and back in."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg.conninfo import conninfo_to_dict

from accounts.models import User
from tests.ops.backups import BackupTestCase

ROWS = 4_000
ALLOWED = 8 * 2**10  # KiB; the tuples of ten times these rows would take 40 MiB
FILL = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT %s)
INSERT INTO simulations_simulation (id, owner_id, name, start_date, end_date, created_at, updated_at, version)
SELECT hex(randomblob(10)), %s, hex(randomblob(50)), '2026-01-01', '2026-01-01', '2026-01-01 00:00:00.000001',
    '2026-01-01 00:00:00', n FROM numbers
"""
MEASURE = """
import sys, django
django.setup()
from django.core.management import call_command
call_command(*sys.argv[1:], verbosity=0)
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


class MemoryTests(BackupTestCase):
    def test_memory_does_not_grow_with_the_rows(self) -> None:
        alias = "one" if settings.ON_SQLITE else "default"
        # On SQLite a restore has a cache of its own, whose size is fixed and larger than this.
        used: dict[str, list[int]] = {"backup": []} if settings.ON_SQLITE else {"restore": [], "backup": []}
        owner = User.objects.using("one").create(username="alice")
        for rows in (ROWS, 9 * ROWS):
            with connections["one"].cursor() as cursor:
                cursor.execute(FILL, [rows, owner.pk])
            file = self.folder / f"{rows}.backup"
            if "restore" in used:
                call_command("backup", file, database="one", verbosity=0)
                call_command("flush", interactive=False, verbosity=0)
                used["restore"].append(self.measure("restore", alias, file))
            used["backup"].append(self.measure("backup", alias, file.with_suffix(".again")))
        for command, (little, much) in used.items():
            self.assertLess(much - little, ALLOWED, f"{command}: {little} KiB, {much} KiB")

    def measure(self, command: str, alias: str, file: Path) -> int:
        """Run a command of manage.py as a process, and return the most memory that it had, in KiB."""
        connections[alias].close()  # which has read what was there before
        options = {**conninfo_to_dict(settings.DATABASE_URL), "dbname": str(connection.settings_dict["NAME"])}
        url = f"postgres://?{urlencode(options, quote_via=quote)}"
        if settings.ON_SQLITE:
            url = f"sqlite:///{quote(str(self.folder / f'{alias}.sqlite3'))}"
        variables = {"DATABASE_URL": url, "SECRET_KEY": "x", "DJANGO_SETTINGS_MODULE": "config.settings"}
        arguments = [sys.executable, "-c", MEASURE, command, str(file)]
        env = {**os.environ, **variables}
        done = subprocess.run(
            arguments, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=True
        )
        return int(done.stdout)
