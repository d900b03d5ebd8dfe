"""The rules of the house that a program can hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.test import SimpleTestCase

APPS = [app for app in settings.INSTALLED_APPS if (settings.BASE_DIR / app).is_dir()]
LAYERS = [*APPS, "config"]  # each may import those before it


def modules(package: str) -> Iterator[Path]:
    return (path for path in (settings.BASE_DIR / package).rglob("*.py") if "migrations" not in path.parts)


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


class HouseTests(SimpleTestCase):
    def test_imports_run_one_way(self) -> None:
        for place, package in enumerate(LAYERS):
            later = set(LAYERS[place + 1 :])
            for path in modules(package):
                self.assertFalse(imported(path) & later, path)

    def test_what_is_shared_knows_no_resource(self) -> None:
        for path in (path for package in ("ops", "owned", "api") for path in modules(package)):
            self.assertNotIn("simulation", path.read_text().lower(), path)

    def test_an_api_module_reads_only_what_is_owned(self) -> None:
        found = 0
        for path in settings.BASE_DIR.glob("*/api.py"):
            for use in re.findall(r"\.objects\.(\w+)", path.read_text()):
                found += 1
                self.assertIn(use, {"for_owner"}, path)
        self.assertGreater(found, 0)

    def test_modules_and_functions_stay_small(self) -> None:
        for path in (path for package in LAYERS for path in modules(package)):
            most = 250 if path.name == "settings.py" else 200  # one list, which has one more line a setting
            self.assertLessEqual(len(path.read_text().splitlines()), most, path)
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    self.assertLessEqual((node.end_lineno or 0) - node.lineno, 50, f"{path} {node.name}")
