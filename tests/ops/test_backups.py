"""`manage.py backup` and `manage.py restore`, on the kind of database that the tests run on."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from io import StringIO
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction
from psycopg.conninfo import conninfo_to_dict

from accounts.models import User
from ops.backups import is_empty, new_file
from ops.models import Backup
from simulations.models import Simulation
from tests.base import VALID
from tests.databases import all_rows, database_name
from tests.ops.backups import BackupTestCase

LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_960, 40_960)); " + (
    "from django.core.management import execute_from_command_line as run; run(['manage.py', *sys.argv[1:]])"
)


class RestoreTests(BackupTestCase):
    def test_a_database_whose_tables_were_dropped_is_empty(self) -> None:
        number = "serial" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
        with connections["empty"].cursor() as cursor:
            cursor.execute(f"CREATE TABLE others (id {number})")
            self.assertFalse(is_empty("empty"))
            cursor.execute("DROP TABLE others")
        self.assertTrue(is_empty("empty"))

    def test_restores_every_row_but_sessions(self) -> None:
        before = all_rows("full")
        self.assertRegex(self.command("backup", "full"), rf"^Backed up [\d,]+ bytes to {self.file}\.\n$")
        self.assertEqual(self.command("restore", "empty"), f"Restored {self.file}.\n")
        self.assertEqual(all_rows("empty"), {**before, "sessions.Session": []})
        self.assertEqual(all_rows("full"), before)

    def test_restores_indexes_constraints_and_sequences(self) -> None:
        last = User.objects.using("full").create(username="carol").pk
        self.command("backup", "full")
        self.command("restore", "empty")
        self.assertEqual(constraints("empty"), constraints("full"))
        self.assertEqual(User.objects.using("empty").create(username="dora").pk, last + 1)

    def test_the_file_is_for_its_owner_alone_and_alone_in_its_folder(self) -> None:
        self.command("backup", "full")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(list(self.file.parent.iterdir()), [self.file])

    def test_the_file_holds_no_session_key(self) -> None:
        secret = b"only-in-a-session"
        with connections["full"].cursor() as cursor:
            cursor.execute("UPDATE django_session SET session_data = %s", [secret.decode()])
        self.command("backup", "full")
        self.assertNotIn(secret, self.file.read_bytes())

    def test_an_older_backup_is_migrated_after_its_restore(self) -> None:
        with connections["full"].cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'simulations'")
        self.command("backup", "full")
        self.assertIn("older version: run manage.py migrate.", self.command("restore", "empty"))

    def test_a_backup_is_of_one_moment_while_others_write(self) -> None:
        with ExitStack() as stack:
            made = stack.enter_context(writers("full", 2))
            while True:  # until something was written while a backup was taken
                before = made()
                self.command("backup", "full")
                if made() > before:
                    break
                self.file.unlink()
        self.command("restore", "empty")
        users = set(User.objects.using("empty").values_list("pk", flat=True))
        owners = set(Simulation.objects.using("empty").values_list("owner", flat=True))
        self.assertEqual(owners, users)
        self.assertLessEqual(before, len(users) - 2)
        self.assertLess(len(users), User.objects.using("full").count())


def constraints(alias: str) -> dict[str, Any]:
    with connections[alias].cursor() as cursor:
        introspection = connections[alias].introspection
        names = introspection.table_names(cursor)
        return {name: introspection.get_constraints(cursor, name) for name in names}


@contextmanager
def writers(alias: str, number: int) -> Any:
    """Let threads create users, each with a simulation in the same transaction; yields how many there are."""
    stop, made, started = Event(), [0] * number, [Event() for _ in range(number)]

    def write(thread: int) -> None:
        try:
            while not stop.is_set():
                with transaction.atomic(using=alias):
                    owner = User.objects.using(alias).create(username=f"{thread}-{made[thread]}")
                    Simulation._base_manager.using(alias).create(owner=owner, **VALID)
                made[thread] += 1
                started[thread].set()
        finally:
            connections.close_all()

    threads = [Thread(target=write, args=(thread,)) for thread in range(number)]
    for thread in threads:
        thread.start()
    try:
        assert all(event.wait(30) for event in started)
        yield lambda: sum(made)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class RecordTests(BackupTestCase):
    def test_a_backup_is_recorded_in_the_default_database(self) -> None:
        self.command("backup", "full")
        self.assertEqual(Backup.objects.get().size, self.file.stat().st_size)

    def test_a_backup_that_cannot_be_recorded_is_kept(self) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(Backup)
        self.addCleanup(create_table)
        err = StringIO()
        call_command("backup", self.file, database="full", stderr=err, verbosity=0)
        self.assertIn("Could not record this backup", err.getvalue())
        self.assertEqual(err.getvalue().count("\n"), 1)
        self.assertTrue(self.file.exists())


def create_table() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Backup)


class RefusalTests(BackupTestCase):
    def test_backup_never_overwrites_a_file(self) -> None:
        self.file.write_text("mine")
        self.assert_refused("backup", "full", "already exists and is not overwritten")
        self.assertEqual(self.file.read_text(), "mine")

    def test_backup_never_overwrites_a_file_that_appears_meanwhile(self) -> None:
        with self.assertRaises(FileExistsError), new_file(self.file):
            self.file.write_text("mine")
        self.assertEqual(self.file.read_text(), "mine")
        self.assertEqual(list(self.file.parent.iterdir()), [self.file])

    def test_backup_refuses_a_database_without_tables(self) -> None:
        self.assert_refused("backup", "empty", "The database is empty")

    def test_restore_refuses_a_database_with_tables(self) -> None:
        self.command("backup", "full")
        Backup.objects.all().delete()
        before = all_rows("full")
        self.assert_refused("restore", "full", "The database has tables. Restore into a new one")
        self.assertEqual(all_rows("full"), before)

    def test_a_missing_file_or_folder_is_named(self) -> None:
        self.assert_refused("restore", "empty", str(self.file))
        existing, self.file = self.file, self.file.parent / "missing" / "file"
        with self.assertRaisesMessage(Exception, "No such file or directory"):
            self.command("backup", "full")
        self.file = existing

    def test_restore_refuses_files_of_another_kind(self) -> None:
        name = "SQLite" if self.on_sqlite else "PostgreSQL"
        other = b"PGDMP\1\x0e\0" if self.on_sqlite else b"SQLite format 3\0"
        for content in (b"", b"PK\3\4", b"CREATE TABLE x;", other + bytes(5_000)):
            with self.subTest(content[:20]):
                self.file.write_bytes(content)
                self.assert_refused("restore", "empty", f"is not a backup of a {name} database.")

    def test_restore_refuses_a_file_that_was_cut_short(self) -> None:
        self.command("backup", "full")
        Backup.objects.all().delete()
        content = self.file.read_bytes()
        size = len(content)
        for length in (17, 100, size // 4, size // 2, size - 100, size - 1):
            with self.subTest(f"{length} of {size} bytes"):
                self.file.write_bytes(content[:length])
                self.assert_refused(
                    "restore", "empty", "The backup is damaged" if self.on_sqlite else "pg_restore: "
                )

    def test_restore_refuses_damaged_data(self) -> None:
        self.command("backup", "full")
        Backup.objects.all().delete()
        content = bytearray(self.file.read_bytes())
        if self.on_sqlite:
            content[2 * 4096 : 3 * 4096] = bytes(4096)  # one of its pages
        else:
            last = [match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content)][-1]
            content[last + 8] ^= 1  # of what zlib compressed
        self.file.write_bytes(content)
        self.assert_refused("restore", "empty", "damaged" if self.on_sqlite else "could not uncompress data")

    def test_a_full_disk_leaves_nothing_and_is_told_in_one_line(self) -> None:
        url = f"sqlite:///{quote(str(self.folder / 'full.sqlite3'))}"
        if not self.on_sqlite:
            options = {**conninfo_to_dict(settings.DATABASE_URL), "dbname": database_name("full")}
            host, port, user = (quote(str(options.get(key) or "")) for key in ("host", "port", "user"))
            url = f"postgres://{user}@{host}:{port}/{options['dbname']}"
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, "backup", self.file],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "SECRET_KEY": "x",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
        self.assertEqual(list(self.file.parent.iterdir()), [])


if settings.ON_SQLITE:  # tests/postgresql/test_dumps.py has PostgreSQL's

    class FileTests(BackupTestCase):
        def test_a_backup_of_a_damaged_database_is_not_kept(self) -> None:
            with connections["full"].cursor() as cursor:
                cursor.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'simulations_simulation'")
                page = cursor.fetchone()[0]
            connections["full"].close()
            with (self.folder / "full.sqlite3").open("r+b") as file:
                file.seek((page - 1) * 4096)
                file.write(bytes(4096))
            self.assert_refused("backup", "full", "The backup is damaged: ")

        def test_a_backup_needs_no_other_file(self) -> None:
            self.command("backup", "full")
            self.assertEqual(self.file.read_bytes()[18:20], b"\1\1")  # not in WAL mode
