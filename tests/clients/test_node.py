"""JavaScript tools for the OpenAPI document: Redocly's linter and a TypeScript client."""

import json
import shutil
import subprocess
from pathlib import Path
from unittest import skipUnless

from django.conf import settings

from tests.live import LiveTestCase

DOCUMENT = settings.BASE_DIR / "docs" / "openapi.json"
SOURCES = Path(__file__).parent
WITHIN = 300.0  # seconds, for each command; the slowest takes about ten


@skipUnless(shutil.which("npm"), "npm is not installed")
class NodeTests(LiveTestCase):
    project: Path

    @classmethod
    def setUpClass(cls) -> None:
        """Install the tools pinned in package-lock.json, in a folder that is deleted after this class."""
        super().setUpClass()
        cls.project = cls.folder / "clients"
        cls.project.mkdir()
        for name in ("package.json", "package-lock.json", "tsconfig.json", "client.ts"):
            shutil.copy(SOURCES / name, cls.project)
        cls.run_command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    def test_redocly_reports_no_errors_or_warnings(self) -> None:
        printed = self.run_tool("redocly", "lint", str(DOCUMENT), "--extends=recommended", "--format=json")
        self.assertEqual(json.loads(printed)["totals"], {"errors": 0, "warnings": 0, "ignored": 0}, printed)

    def test_a_generated_typescript_client_works(self) -> None:
        _, client = self.start()
        self.run_tool("openapi-typescript", str(DOCUMENT), "--output", "goatfish.d.ts")
        self.run_tool("tsc", "--project", "tsconfig.json")
        self.run_command("node", "out/client.js", str(client.base_url), self.key)

    @classmethod
    def run_tool(cls, name: str, *arguments: str) -> str:
        """Run a command of an installed package."""
        return cls.run_command(str(cls.project / "node_modules" / ".bin" / name), *arguments)

    @classmethod
    def run_command(cls, *command: str) -> str:
        """Run a command in the project folder and return its output. Raise AssertionError if it fails."""
        result = subprocess.run(
            command,
            cwd=cls.project,
            env={**cls.environment, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        if result.returncode:
            raise AssertionError(f"{' '.join(command[:2])} failed: {result.stdout}{result.stderr}")
        return result.stdout
