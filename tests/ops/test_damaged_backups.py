"""What is no backup, or not all of one, restores nothing."""

import gzip

from django.conf import settings
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import User
from ops.backups.tables import BackupError
from tests.databases import all_rows, raw_rows
from tests.ops.backups import BackupTestCase, fill


class DamagedBackupTests(BackupTestCase):
    content: bytes

    def setUp(self) -> None:
        super().setUp()
        fill("one")
        self.content = self.backup("one")

    def assertRefused(self, content: bytes, alias: str, said: str = "") -> None:  # noqa: N802
        before = all_rows(alias)
        with self.assertRaises(BackupError) as refused:
            self.restore(content, alias)
        self.assertIn(said, str(refused.exception))
        self.assertNotIn("\n", str(refused.exception))
        self.assertEqual(all_rows(alias), before)

    def test_one_that_was_cut_short_restores_nothing(self) -> None:
        size = len(self.content)
        for length in (0, 1, 9, 10, 100, size // 4, size // 2, size - 100, size - 8, size - 1):
            with self.subTest(f"{length} of {size} bytes"):
                self.assertRefused(self.content[:length], "two", "damaged")
        self.assertRefused(self.content[:-8], "default", "damaged or cut short")

    def test_a_byte_that_was_changed_is_seen(self) -> None:
        size = len(self.content)
        for place in (0, 2, 10, 50, size // 4, size // 2, size - 20, size - 6, size - 1):
            with self.subTest(f"byte {place} of {size}"):
                changed = bytearray(self.content)
                changed[place] ^= 1
                self.assertRefused(bytes(changed), "two", "backup")  # in its first line, it may name a table

    def test_what_follows_the_end_is_seen(self) -> None:
        for more in (b"x", gzip.compress(b'{"table":"accounts_user"}\n')):
            self.assertRefused(self.content + more, "two", "damaged")

    def test_a_line_that_was_changed_is_seen(self) -> None:
        lines = gzip.decompress(self.content).splitlines(keepends=True)
        place = lines.index(b'{"table":"simulations_simulation"}\n')
        changes: dict[str, list[bytes]] = {
            "another value": [*lines[:-2], lines[-2].replace(b"9999-12-31", b"9999-12-30"), lines[-1]],
            "one less": [*lines[:-2], lines[-1]],
            "one twice": [*lines[:-1], lines[-2], lines[-1]],
            "two on one line": [*lines[: place + 1], b"1],[2\n", *lines[place + 2 :]],
            "a column less": [*lines[: place + 1], b'["id"]\n', *lines[place + 2 :]],
            "an object": [*lines[: place + 1], b"{}\n", *lines[place + 2 :]],
            "another order": [*lines[:-3], lines[-2], lines[-3], lines[-1]],
            "no end": lines[:-1],
        }
        for name, changed in changes.items():
            self.assertNotEqual(changed, lines)
            with self.subTest(name):
                self.assertRefused(gzip.compress(b"".join(changed)), "two", "damaged")

    def test_another_programs_file_is_refused(self) -> None:
        files = [
            b"PK\3\4",
            b"{}",
            b"CREATE TABLE x;",
            *map(gzip.compress, (b"", b"x" * 2**25, b"[]", b"{}", b"1")),
        ]
        for content in (*files, gzip.compress(b'{"format": "goatfish backup 2"}\n')):
            with self.subTest(content[:40]):
                self.assertRefused(content, "two", "This is no backup of Goatfish")

    def test_a_database_that_holds_anything_is_refused(self) -> None:
        User.objects.create(username="carol")
        self.assertRefused(self.content, "default", "The database is not empty: accounts_user has rows.")

    def test_another_set_of_migrations_is_refused(self) -> None:
        recorder = MigrationRecorder(connections["two"])
        recorder.record_applied("simulations", "0002_more")
        self.assertRefused(self.content, "two", "the backup lacks the migration simulations.0002_more")
        more = self.backup("two")
        recorder.record_unapplied("simulations", "0002_more")
        self.assertRefused(more, "two", "the database lacks the migration simulations.0002_more")
        recorder.record_unapplied("simulations", "0001_initial")
        self.assertRefused(self.content, "two", "run manage.py migrate")

    def test_a_row_that_a_database_does_not_take_is_refused_and_not_repeated(self) -> None:
        with connections["one"].cursor() as cursor:  # which checks no foreign keys then
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute("UPDATE accounts_apikey SET user_id = 1, name = 'secret'")
        for alias in ("default", "two"):
            with self.assertRaises(BackupError) as refused:
                self.restore(self.backup("one"), alias)
            self.assertIn("The database takes not all of the backup", str(refused.exception))
            self.assertNotIn("secret", str(refused.exception))
            self.assertFalse(User.objects.using(alias).exists())

    def test_a_first_line_that_lacks_something_is_refused(self) -> None:
        for more in (
            b"",
            b',"migrations":[1]',
            b',"migrations":[],"tables":[]',
            b',"migrations":[],"tables":{"a":1}',
        ):
            with self.subTest(more):
                content = b'{"format":"goatfish backup 1"%b}\n' % more
                self.assertRefused(gzip.compress(content), "two", "damaged")

    def test_a_text_that_sqlite_alone_takes_goes_to_sqlite_alone(self) -> None:
        with connections["one"].cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET email = 'a' || char(0) || %s", ["b" * 300])
        content = self.backup("one")
        self.restore(content, "two")
        self.assertEqual(raw_rows("two")["accounts.User"], raw_rows("one")["accounts.User"])
        if not settings.ON_SQLITE:
            self.assertRefused(content, "default", "NUL")
