"""The deployment checks of `manage.py check --deploy`."""

import os
import subprocess
import sys
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import SimpleTestCase, TestCase, override_settings
from django.utils import timezone

from ops.checks import check_clock, check_mount, check_password, file_system_of
from ops.models import Backup

MOUNTS = r"""
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
nas:/data /srv/our\040data nfs4 rw 0 0
/dev/sdb1 /srv/our\040data/local xfs rw 0 0
/dev/sdc1 /mnt ext4 rw 0 0
me@host:/ /mnt fuse.sshfs rw 0 0
share /win cifs rw 0 0
host /vm 9p rw 0 0
portal /run/user/1000/doc fuse.portal rw 0 0
""".lstrip()


def ids(messages: list[CheckMessage]) -> set[str]:
    return {message.id or "" for message in messages}


class SettingsCheckTests(SimpleTestCase):
    def found(self, **changes: Any) -> set[str]:
        with override_settings(**changes):
            messages = run_checks(include_deployment_checks=True)
        ours = [message for message in messages if (message.id or "").startswith("ops.W")]
        self.assertTrue(all(message.hint for message in ours))
        return ids(messages)

    def test_warns_about_proxies_that_are_too_broad(self) -> None:
        for name in ("0.0.0.0/0", "::/0", "0.0.0.0/1", "2000::/3"):
            self.assertIn("ops.W001", self.found(TRUSTED_PROXIES=[ip_network(name)]), name)
        few = [
            ip_network(name) for name in ("10.0.0.0/8", "127.0.0.1/32", "203.0.113.0/24", "fc00::/7", "::1")
        ]
        for proxies in ([], few):
            self.assertNotIn("ops.W001", self.found(TRUSTED_PROXIES=proxies))

    def test_warns_about_hosts_that_are_too_broad_or_local(self) -> None:
        for names in (["*"], ["example.org", "*"], ["localhost", "[::1]"], []):
            found = self.found(ALLOWED_HOSTS=names, SECURE_SSL_REDIRECT=True)
            self.assertIn("ops.W008", found, names)
        self.assertNotIn(
            "ops.W008", self.found(ALLOWED_HOSTS=["localhost", ".example.org"], SECURE_SSL_REDIRECT=True)
        )
        self.assertNotIn("ops.W008", self.found(ALLOWED_HOSTS=["localhost"], SECURE_SSL_REDIRECT=False))

    def test_warns_about_a_metrics_token_that_is_weak_or_shared(self) -> None:
        secret = "3Yk9-secret-of-this-test-alone-pQ7z"
        for token in ("short", "ab" * 20, secret):
            self.assertIn("ops.W002", self.found(SECRET_KEY=secret, METRICS_TOKEN=token), token)
        for token in ("", secret[::-1]):
            self.assertNotIn("ops.W002", self.found(SECRET_KEY=secret, METRICS_TOKEN=token), token)

    @override_settings(SECRET_KEY="the secret key")
    def test_warns_about_a_database_password_that_is_easy_to_guess(self) -> None:
        entry = {"USER": "ada", "NAME": "goatfish", "PASSWORD": ""}
        for password in ("ada", "goatfish", "the secret key"):
            self.assertEqual(ids(check_password({**entry, "PASSWORD": password})), {"ops.W003"})
        for good in (entry, {**entry, "PASSWORD": "another"}, {"USER": "", "NAME": "", "PASSWORD": ""}):
            self.assertEqual(check_password(good), [])

    def test_warns_about_sqlite_on_a_network_file_system(self) -> None:
        for file in ("/srv/our data/x.sqlite3", "/mnt/x", "/win/a/b", "/vm/x"):
            self.assertEqual(ids(check_mount(Path(file), MOUNTS)), {"ops.W004"}, file)
        for file in ("/x", "/srv/x", "/srv/our data/local/x", "/winter/x", "/run/user/1000/doc/x"):
            self.assertEqual(check_mount(Path(file), MOUNTS), [], file)
        self.assertEqual(check_mount(Path("/x"), ""), [])
        self.assertEqual(file_system_of(Path("/proc/self"), Path("/proc/self/mounts").read_text()), "proc")

    def test_django_warns_about_debug_and_a_weak_secret_key(self) -> None:
        bad = self.found(DEBUG=True, SECRET_KEY="django-insecure-" + "a" * 50)
        self.assertLessEqual({"security.W018", "security.W009"}, bad)

    def test_queries_no_database_by_default(self) -> None:
        found = self.found()  # a SimpleTestCase fails at any query
        self.assertFalse(found & {"ops.W005", "ops.W006", "ops.E001"})


class DatabaseCheckTests(TestCase):
    def found(self) -> set[str]:
        return ids(run_checks(include_deployment_checks=True, databases=["default"]))

    def test_tells_when_there_is_no_young_backup(self) -> None:
        self.assertIn("ops.W006", self.found())
        for days, told in ((8, True), (6, False), (9, False)):  # the youngest counts
            Backup.objects.create(taken_at=timezone.now() - timedelta(days=days), size=1)
            self.assertEqual("ops.W006" in self.found(), told)

    def test_missing_migrations_are_an_error(self) -> None:
        self.assertNotIn("ops.E001", self.found())
        MigrationRecorder(connection).record_unapplied("simulations", "0001_initial")
        self.assertIn("ops.E001", self.found())

    def test_warns_about_clocks_that_differ(self) -> None:
        self.assertEqual(check_clock("default"), [])
        for seconds in (-3, 3):
            found = check_clock("default", lambda: timezone.now() + timedelta(seconds=seconds))  # noqa: B023
            self.assertEqual(ids(found), set() if settings.ON_SQLITE else {"ops.W007"})
        self.assertNotIn("ops.W007", self.found())

    def test_an_unreachable_database_is_one_warning(self) -> None:
        for database, told in (("default", True), ("", False)):
            url = "postgres://goatfish@127.0.0.1:1/goatfish"
            command = [sys.executable, "manage.py", "check", "--deploy"]
            done = subprocess.run(
                [*command, "--database", database] if database else command,
                cwd=settings.BASE_DIR,
                env={**os.environ, "DATABASE_URL": url, "SECRET_KEY": "x"},
                capture_output=True,
                text=True,
                check=True,
            )
            self.assertEqual("ops.W005" in done.stderr, told)
            self.assertNotIn("Traceback", done.stderr)
