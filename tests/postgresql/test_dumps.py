"""`manage.py backup` and `manage.py restore` with pg_dump and pg_restore."""

import os
import shutil
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import skipUnless
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from psycopg.sql import SQL, Composed, Identifier

from accounts.models import User
from ops.models import Backup
from tests.databases import database_name
from tests.ops.backups import BackupTestCase
from tests.postgresql.cluster import BINARIES, Cluster

LOGGED = """#!/bin/sh
printf '%s\\n' "$@" "PGPASSWORD=$PGPASSWORD" >> "{log}"
exec "{program}" "$@"
"""
# A faulty disk: the end of the file is lost.
TRUNCATED = """#!/bin/sh
"{program}" "$@" || exit
for argument in "$@"; do
    case "$argument" in --file=*) truncate --size=-1000 "${{argument#--file=}}" ;; esac
done
"""


class ProgramTests(BackupTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.programs = Path(self.enterContext(TemporaryDirectory()))
        self.log = self.programs / "log"

    def wrap(self, program: str, script: str) -> None:
        """Put a script into the PATH in front of the program that it runs."""
        wrapper = self.programs / program
        wrapper.write_text(script.format(program=shutil.which(program), log=self.log))
        wrapper.chmod(0o755)

    def set_path(self, path: str) -> None:
        self.enterContext(patch.dict(os.environ, PATH=path))

    def test_no_argument_contains_the_password(self) -> None:
        for alias in ("full", "empty"):
            connections[alias].close()
            connections.settings[alias]["PASSWORD"] = "secret"
            connections.settings[alias]["OPTIONS"] = {"sslpassword": "secret", "connect_timeout": 7}
        self.wrap("pg_dump", LOGGED)
        self.wrap("pg_restore", LOGGED)
        self.set_path(f"{self.programs}:{os.environ['PATH']}")
        self.command("backup", "full")
        self.command("restore", "empty")
        lines = self.log.read_text().splitlines()
        self.assertEqual([line for line in lines if "secret" in line], ["PGPASSWORD=secret"] * 2)
        self.assertEqual(len([line for line in lines if "connect_timeout=7" in line]), 2)

    def test_an_unreadable_backup_is_deleted(self) -> None:
        self.wrap("pg_dump", TRUNCATED)
        self.set_path(f"{self.programs}:{os.environ['PATH']}")
        self.assert_refused("backup", "full", "pg_restore: ")

    def test_a_missing_program_is_named(self) -> None:
        self.command("backup", "full")
        Backup.objects.all().delete()
        self.set_path(str(self.programs))
        self.assert_refused("restore", "empty", "pg_restore is not installed. Install PostgreSQL's client")
        self.file.unlink()
        self.assert_refused("backup", "full", "pg_dump is not installed. Install PostgreSQL's client")

    def test_a_file_of_a_newer_pg_dump_is_rejected(self) -> None:
        self.command("backup", "full")
        Backup.objects.all().delete()
        content = bytearray(self.file.read_bytes())
        content[6] = 99  # the minor version of the file format
        self.file.write_bytes(content)
        self.assert_refused("restore", "empty", "pg_restore: unsupported version (1.99) in file header")

    def test_a_failed_restore_is_rolled_back(self) -> None:
        with connections["full"].cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # disables foreign key checks
            cursor.execute("UPDATE accounts_apikey SET user_id = 77")
        self.command("backup", "full")
        Backup.objects.all().delete()
        with self.assertRaises(CommandError) as caught:
            self.command("restore", "empty")
        self.assertIn("violates foreign key constraint", str(caught.exception))
        self.assertNotIn("77", str(caught.exception))  # PostgreSQL's DETAIL quotes the row
        self.assert_refused("restore", "empty", "violates foreign key constraint")

    def test_roles_of_the_old_server_are_not_needed(self) -> None:
        role = Identifier(database_name("role"))
        for statement in (
            "CREATE ROLE {}",
            "ALTER TABLE accounts_user OWNER TO {}",
            "GRANT ALL ON axes_accesslog TO {}",
        ):
            self.execute(SQL(statement).format(role))
        try:
            self.command("backup", "full")
        finally:
            for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
                self.execute(SQL(statement).format(role))
        self.command("restore", "empty")
        self.assertTrue(User.objects.using("empty").exists())

    def execute(self, statement: Composed) -> None:
        with connections["full"].cursor() as cursor:
            cursor.execute(statement)

    @override_settings(PGBOUNCER=True)
    def test_a_connection_through_pgbouncer_is_rejected(self) -> None:
        self.assert_refused("backup", "full", "PgBouncer cannot be used: set DATABASE_URL to PostgreSQL")

    def test_an_unreachable_server_is_reported_in_one_line(self) -> None:
        connections["full"].close()
        connections.settings["full"].update(HOST="127.0.0.1", PORT="1", PASSWORD="secret")
        self.assert_refused("backup", "full", "Connection refused")


@skipUnless(BINARIES, "PostgreSQL's programs are not installed")
class StandbyTests(BackupTestCase):
    def test_a_standby_is_backed_up_and_the_primary_records_it(self) -> None:
        primary = Cluster.primary()
        self.addCleanup(primary.remove)
        connections["full"].close()
        connections.settings["full"].update(NAME="postgres", HOST="127.0.0.1", PORT=str(primary.port))
        call_command("migrate", database="full", verbosity=0)
        standby = primary.standby()
        self.addCleanup(standby.remove)
        connections["full"].close()
        connections.settings["full"].update(PORT=str(standby.port))
        call_command("backup", self.file, database="full", stdout=StringIO())
        self.assertEqual(Backup.objects.get().size, self.file.stat().st_size)
        self.command("restore", "empty")
        self.assertFalse(Backup.objects.using("empty").exists())
