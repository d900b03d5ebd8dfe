"""Undocumented names of libraries that the service uses, and why.

A new version may change any of them, so pyproject.toml caps the major versions of their libraries.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings
from django.test import SimpleTestCase

from tests.test_house import LAYERS

# The dotted name, the files that use it, and what would be lost without it.
PRIVATE_APIS: list[tuple[str, list[str], str]] = [
    (
        "gunicorn.workers.gthread.ThreadWorker.enqueue_req",
        ["ops/server/workers.py"],
        "Silent and stalled clients would occupy all threads, and a part of a body could be stored. The "
        "override uses the worker's keepalived_conns, on_client_socket_readable, poller and tpool.",
    ),
    (
        "gunicorn.util.write_error",
        ["gunicorn.conf.py"],
        "Responses to malformed requests would be HTML instead of problem details.",
    ),
    (
        "prometheus_client.values.ValueClass",
        ["ops/server/worker_metrics.py"],
        "Each new worker would add files, which are read at every scrape.",
    ),
    (
        "prometheus_client.values.MultiProcessValue",
        ["ops/server/worker_metrics.py"],
        "As for ValueClass.",
    ),
]
# Modules whose names are documented, by library; a name from any other module needs an entry above.
DOCUMENTED = {
    "gunicorn": {"gunicorn.glogging"},
    "prometheus_client": {
        "prometheus_client",
        "prometheus_client.core",
        "prometheus_client.multiprocess",
        "prometheus_client.registry",
    },
}


def find(name: str) -> Any:
    """Return the object with a dotted name. Raises AttributeError if there is none."""
    parts = name.split(".")
    found: Any = import_module(parts[0])
    for place, part in enumerate(parts[1:], start=2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = import_module(".".join(parts[:place]))
    return found


def files() -> Iterator[Path]:
    yield settings.BASE_DIR / "gunicorn.conf.py"
    for package in LAYERS:
        yield from (settings.BASE_DIR / package).rglob("*.py")


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports from libraries in DOCUMENTED."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in DOCUMENTED)


class PrivateApiTests(SimpleTestCase):
    def test_each_name_exists(self) -> None:
        for name, _, reason in PRIVATE_APIS:
            with self.subTest(name):
                self.assertIsNotNone(find(name))
                self.assertTrue(reason.endswith("."))

    def test_each_name_is_used_by_the_files_of_its_entry(self) -> None:
        for name, users, _ in PRIVATE_APIS:
            for user in users:
                with self.subTest(name, file=user):
                    last = name.rpartition(".")[2]
                    self.assertRegex((settings.BASE_DIR / user).read_text(), rf"\b{re.escape(last)}\b")

    def test_other_imports_are_documented(self) -> None:
        for file in files():
            user = str(file.relative_to(settings.BASE_DIR))
            for imported in imports(file):
                module = imported if isinstance(find(imported), ModuleType) else imported.rpartition(".")[0]
                if module in DOCUMENTED[imported.partition(".")[0]]:
                    continue
                listed = [name for name, users, _ in PRIVATE_APIS if user in users]
                self.assertTrue(
                    any(f"{name}.".startswith(f"{imported}.") for name in listed), f"{user}: {imported}"
                )

    def test_the_major_version_of_each_library_is_capped(self) -> None:
        project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
        capped = {
            re.split(r"[\[<>=]", line)[0].replace("-", "_") for line in project["dependencies"] if "<" in line
        }
        for name, _, _ in PRIVATE_APIS:
            library = name.partition(".")[0]
            self.assertIn({"ninja": "django_ninja"}.get(library, library), capped)
