"""`manage.py backup` and `manage.py restore`."""

import gzip
import os
import re
import subprocess
import sys
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.models import Model
from django.test import SimpleTestCase

from accounts.models import User
from ops.backups.progress import EVERY, Progress
from ops.models import TakenBackup
from tests.databases import raw_rows
from tests.ops.backups import BackupTestCase, fill


class CommandTests(BackupTestCase):
    def command(self, *arguments: Any, **options: Any) -> str:
        out = StringIO()
        call_command(*arguments, stdout=out, **options)
        return out.getvalue()

    def test_there_and_back(self) -> None:
        fill("one")
        file = self.folder / "there.backup"
        self.assertRegex(self.command("backup", file, database="one"), r"^Backed up \d+ rows\.\n$")
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertRegex(self.command("restore", file, database="two"), r"^Restored \d+ rows\.\n$")
        self.assertEqual(raw_rows("two")["accounts.User"], raw_rows("one")["accounts.User"])
        note = TakenBackup.objects.using("one").get()
        self.assertIn(f"{note.rows} rows", self.command("restore", file))
        self.assertFalse(TakenBackup.objects.exists())

    def test_no_file_is_overwritten(self) -> None:
        file = self.folder / "mine"
        file.write_text("mine")
        with self.assertRaisesMessage(CommandError, "mine is there already"):
            self.command("backup", file)
        self.assertEqual(file.read_text(), "mine")

    def test_a_backup_that_fails_leaves_no_file_and_no_note(self) -> None:
        fill("one")
        with connections["one"].cursor() as cursor:
            cursor.execute("DROP TABLE simulations_simulation")
        before = set(self.folder.iterdir())
        with self.assertRaisesMessage(CommandError, "no such table"):
            self.command("backup", self.folder / "failed", database="one")
        self.assertEqual(set(self.folder.iterdir()), before)
        self.assertFalse(TakenBackup.objects.using("one").exists())

    def test_a_database_that_lacks_migrations_is_not_backed_up(self) -> None:
        with connections["one"].cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'simulations'")
        with self.assertRaisesMessage(CommandError, "or run manage.py migrate"):
            self.command("backup", self.folder / "early", database="one")

    def test_a_folder_or_file_that_is_not_there_is_named_in_one_line(self) -> None:
        for name, path in (("backup", "none/file"), ("restore", "none")):
            with self.assertRaisesMessage(CommandError, "No such file or directory"):
                self.command(name, self.folder / path)

    def test_a_database_that_takes_no_writes_is_backed_up_all_the_same(self) -> None:
        file = self.folder / "standby.backup"
        with connections["one"].cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")
        self.command("backup", file, database="one")
        self.assertIn(f"{TakenBackup.objects.get().rows} rows", self.command("restore", file, database="two"))

    def test_a_backup_that_nothing_takes_note_of_says_so(self) -> None:
        err = StringIO()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE api_takenbackup")
        self.addCleanup(create, TakenBackup)
        with connections["one"].cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")
        self.command("backup", self.folder / "unnoted.backup", database="one", stderr=err)
        self.assertIn("takes no note", err.getvalue())

    def test_a_backup_goes_through_a_pipe_but_to_no_terminal(self) -> None:
        fill("one")
        pipe, err = TextIOWrapper(BytesIO()), StringIO()
        call_command("backup", "-", database="one", stdout=pipe, stderr=err)
        content = pipe.buffer.getvalue()
        self.assertTrue(gzip.decompress(content).startswith(b'{"format":"goatfish backup 1"'))
        self.assertIn("Backed up", err.getvalue())
        result = self.manage("restore", "-", content=content)
        self.assertIn("Restored", result)
        self.assertEqual(User.objects.using("two").count(), 2)

        class Terminal(StringIO):
            def isatty(self) -> bool:
                return True

        with self.assertRaisesMessage(CommandError, "Standard output is a terminal"):
            call_command("backup", "-", stdout=Terminal())

    def manage(self, *arguments: str, content: bytes = b"") -> str:
        """Run manage.py with the database `two`."""
        url = f"sqlite:///{quote(str(self.folder / 'two.sqlite3'))}"
        env = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": "x"}
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=env, input=content, capture_output=True, check=True
        )
        return done.stdout.decode()


def create(model: type[Model]) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(model)


class ProgressTests(SimpleTestCase):
    def test_a_terminal_has_a_bar_and_elsewhere_comes_a_line_a_minute(self) -> None:
        class Terminal(StringIO):
            def isatty(self) -> bool:
                return True

        for stream, shown in ((Terminal(), ["25%", "50%", "100%"]), (StringIO(), ["50%", "100%"])):
            now = iter((0, EVERY / 2, EVERY, EVERY, 2 * EVERY))
            progress = Progress(4_000, stream, lambda: next(now))  # noqa: B023
            for _ in range(4):
                progress.add(1_000)
            progress.end()
            self.assertEqual(re.findall(r"\d+%", stream.getvalue()), shown)
