"""The systemd units, checked with systemd-analyze. systemd need not run."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import skipUnless

from django.core.management import get_commands
from django.test import SimpleTestCase

from tests.deploy.front import DEPLOY

UNITS = DEPLOY / "systemd"
ANALYZE = shutil.which("systemd-analyze")
OF_THE_SYSTEM = Path("/usr/lib/systemd/system")
EXPOSURE = 15  # tenths; 100 is a service without a sandbox, and network access accounts for half of these


@skipUnless(ANALYZE and OF_THE_SYSTEM.is_dir(), "systemd is not installed")
class UnitTests(SimpleTestCase):
    root: Path

    @classmethod
    def setUpClass(cls) -> None:
        """Create a root folder with the units and the programs that they start."""
        super().setUpClass()
        cls.root = Path(cls.enterClassContext(TemporaryDirectory()))
        shutil.copytree(OF_THE_SYSTEM, cls.root / OF_THE_SYSTEM.relative_to("/"), symlinks=True)
        shutil.copytree(UNITS, cls.root / "etc/systemd/system")
        for unit in UNITS.glob("*.service"):
            for program in re.findall(r"^Exec\w+=(/\S+)", unit.read_text(), re.MULTILINE):
                file = cls.root / program.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch(mode=0o755)

    def analyze(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ANALYZE), f"--root={self.root}", "--no-pager", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_systemd_accepts_all_units(self) -> None:
        units = [path.name for path in UNITS.iterdir() if path.is_file()]
        self.assertIn("goatfish-web.socket", units)
        result = self.analyze("verify", *units)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_each_service_is_sandboxed(self) -> None:
        for unit in UNITS.glob("*.service"):
            with self.subTest(unit.name):
                result = self.analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit.name)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_all_commands_exist(self) -> None:
        text = "".join(unit.read_text() for unit in UNITS.glob("*.service"))
        commands = re.findall(r"manage\.py (\w+)", text)
        self.assertIn("clearsessions", commands)
        self.assertLessEqual(set(commands), set(get_commands()))
