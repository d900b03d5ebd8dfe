"""The files for Prometheus and Grafana in `deploy/`, checked with Prometheus's promtool."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import skipUnless

from django.conf import settings
from django.test import SimpleTestCase

DEPLOY = settings.BASE_DIR / "deploy"
PROMTOOL = shutil.which("promtool")


def queries(panel: Any) -> Iterator[str]:
    for target in panel.get("targets", []):
        yield target["expr"]


@skipUnless(PROMTOOL, "promtool is not installed (Debian's package prometheus)")
class PrometheusTests(SimpleTestCase):
    folder: Path

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("prometheus.yml", "alerts.yml"):
            shutil.copy(DEPLOY / name, self.folder)
        shutil.copy(Path(__file__).with_name("alerts.yml"), self.folder / "tests.yml")
        (self.folder / "metrics_token").write_text("of-the-tests")

    def promtool(self, *arguments: str) -> None:
        """Run promtool, and fail with its output."""
        result = subprocess.run(
            [PROMTOOL or "", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_prometheus_accepts_the_configuration(self) -> None:
        self.promtool("check", "config", "--lint-fatal", "prometheus.yml")

    def test_each_alert_fires_only_when_it_should(self) -> None:
        self.promtool("test", "rules", "tests.yml")

    def test_the_queries_of_the_dashboard_are_valid(self) -> None:
        panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
        exprs = [expr.replace("$__rate_interval", "1m") for panel in panels for expr in queries(panel)]
        self.assertGreater(len(exprs), 10)
        rules = [{"record": "a:b", "expr": expr, "labels": {"n": f"{n}"}} for n, expr in enumerate(exprs)]
        document = {"groups": [{"name": "a", "rules": rules}]}
        (self.folder / "panels.yml").write_text(json.dumps(document))  # JSON is YAML
        self.promtool("check", "rules", "panels.yml")


class WatchingTests(SimpleTestCase):
    def setUp(self) -> None:
        self.alerts = re.findall(r"alert: (\w+)", (DEPLOY / "alerts.yml").read_text())

    def test_each_alert_has_a_description_and_a_test(self) -> None:
        text = (DEPLOY / "alerts.yml").read_text()
        self.assertEqual(len(self.alerts), text.count("description: >-"))
        tested = Path(__file__).with_name("alerts.yml").read_text()
        for alert in self.alerts:
            self.assertIn(f'alertname="{alert}"', tested)

    def test_the_page_documents_each_alert_and_each_metric(self) -> None:
        page = (settings.BASE_DIR / "docs" / "watching.md").read_text()
        source = (settings.BASE_DIR / "ops" / "metrics" / "series.py").read_text()
        for name in [*self.alerts, *re.findall(r'"(goatfish_\w+)"', source)]:
            self.assertIn(f"`{name}", page)

    def test_panels_do_not_overlap(self) -> None:
        panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            self.assertEqual(taken & cells, set(), panel["title"])
            taken |= cells
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
