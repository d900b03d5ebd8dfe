"""Settings from a `.env` file, in a copy of the packages that read it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.test import SimpleTestCase

FILE = """
# As in an installation; values may be quoted.
HTTPS=true
ALLOWED_HOSTS=goatfish.example.org
WEB_CONCURRENCY=3
RATE_LIMIT=5/day
SIGNUP=
DATABASE_URL="sqlite:////goatfish.sqlite3"
SECRET_KEY=of-the-file
"""
SHOW = """
from config import settings as s
print(s.HTTPS, s.ALLOWED_HOSTS, s.WEB_CONCURRENCY, tuple(s.RATE_LIMIT), s.SIGNUP, s.SECRET_KEY)
print(s.DATABASES["default"]["NAME"])
"""


class EnvFileTests(SimpleTestCase):
    def read(self, file: bytes, **variables: str) -> subprocess.CompletedProcess[str]:
        """Read settings from a file and from variables."""
        folder = Path(self.enterContext(TemporaryDirectory()))
        for package in ("ops", "config"):
            shutil.copytree(settings.BASE_DIR / package, folder / package)
        shutil.copy(settings.BASE_DIR / "pyproject.toml", folder)
        (folder / ".env").write_bytes(file)
        environment = {"PATH": os.environ["PATH"], **variables}
        command = [sys.executable, "-c", SHOW]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    def shown(self, **variables: str) -> list[str]:
        """Return the settings that are read."""
        result = self.read(FILE.encode(), **variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def test_every_kind_of_setting_is_read_from_the_file(self) -> None:
        self.assertEqual(
            self.shown(),
            [
                "True ['goatfish.example.org'] 3 (5, 86400) closed of-the-file",
                "/goatfish.sqlite3",
            ],
        )

    def test_the_environment_overrides_the_file(self) -> None:
        shown = self.shown(
            HTTPS="false", RATE_LIMIT="7/day", SECRET_KEY="of-the-process", WEB_CONCURRENCY="2"
        )
        self.assertEqual(shown[0], "False ['goatfish.example.org'] 2 (7, 86400) closed of-the-process")

    def test_a_file_that_is_not_utf8_is_rejected(self) -> None:
        result = self.read(b"PORT=\xff")
        self.assertIn("ImproperlyConfigured: /", result.stderr.splitlines()[-1])
        self.assertIn("/.env is not text in UTF-8.", result.stderr.splitlines()[-1])
