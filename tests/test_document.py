"""Schemathesis checks that the running service conforms to its OpenAPI document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.live import LiveTestCase
from tests.operations import operations

# It is not in the document; tests/schemathesis_hooks.py adds it.
POST_ON_OBJECT = "POST /api/simulations/{id}"
CASES = 2_000
WITHIN = 600.0  # seconds; it takes one minute of CPU time, or four minutes on a busy machine


class SchemathesisTests(LiveTestCase):
    variables = {"RATE_LIMIT": "off", "RATE_LIMIT_ANONYMOUS": "off"}

    def test_the_service_conforms_to_its_openapi_document(self) -> None:
        _, client = self.start()
        output, report = self.schemathesis(f"{client.base_url}/api/openapi.json")
        self.assertEqual(report["exit_code"], 0, output)
        self.assertTrue(report["complete"], output)
        self.assertGreaterEqual(report["test_cases"]["generated"], CASES, output)
        self.assertEqual({phase["status"] for phase in report["phases"].values()}, {"success"}, output)
        self.assertEqual(set(report["phases"]), {"examples", "coverage", "fuzzing", "stateful"})
        # Each operation also accepted some requests.
        accepted = {name: rates["fuzzing"]["accepted"] for name, rates in report["valid_rates"].items()}
        documented = {f"{operation.method} {operation.template}" for operation in operations()}
        self.assertEqual({name for name, count in accepted.items() if count}, {*documented, POST_ON_OBJECT})

    def schemathesis(self, address: str) -> tuple[str, Any]:
        """Run schemathesis with tests/schemathesis.toml. Return its output and its report."""
        report = self.folder / "schemathesis.json"
        command = ["--config-file", "tests/schemathesis.toml", "run", address, "--no-color"]
        result = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                *command,
                *("--report", "json", "--report-json-path", report),
            ],
            cwd=settings.BASE_DIR,
            env={**self.environment, "API_KEY": self.key},
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        self.assertTrue(report.exists(), result.stdout + result.stderr)
        return result.stdout, json.loads(report.read_text())
