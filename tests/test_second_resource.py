"""Builds docs/adding-a-resource.md in a copy of the project, and tests the result."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.test import SimpleTestCase

PAGE = settings.BASE_DIR / "docs" / "adding-a-resource.md"
OPTIONAL = "## Bulk create and export"
FURTHER = "## Whatever else ninja can do"

OPERATIONS = {
    *(f"{kind}_station" for kind in ("create", "get", "replace", "update", "delete")),
    *(f"{kind}_stations" for kind in ("list", "create", "export")),
}
MOST_LINES = 60

BLOCK = re.compile(r"^### ([\w/]+\.py).*?\n\n```(python|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SUBTEST = re.compile(r"^(\S+) SUBPASSED\[(\w+)\]", re.MULTILINE)
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "var", "build", "benchmarks")


def blocks(page: str) -> Iterator[tuple[Path, str, str]]:
    """Yield the code on a page: the path in the heading, `python` or `diff`, and the text."""
    return ((Path(path), kind, text) for path, kind, text in BLOCK.findall(page))


def patched(text: str, diff: str) -> str:
    """Apply a diff without line numbers: " " finds a line, "-" deletes it, "+" inserts one after the last."""
    lines, place = text.splitlines(), 0
    for line in diff.splitlines():
        mark, content = line[:1], line[1:]
        if mark == "+":
            lines.insert(place, content)
            place += 1
        else:
            place = lines.index(content, place)
            if mark == "-":
                del lines[place]
            else:
                place += 1
    return "\n".join(lines) + "\n"


def lines_of_code(source: str) -> int:
    """Count the lines of code: all but blank lines, imports and docstrings."""
    left_out: set[int] = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
        if documented and isinstance(body, list):
            left_out |= set(range(body[0].lineno, body[0].end_lineno + 1))
        if isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(bool(line.strip()) for n, line in enumerate(source.splitlines(), 1) if n not in left_out)


class CopyTestCase(SimpleTestCase):
    """Builds a part of the page in a copy of the project."""

    page: ClassVar[str] = ""
    tree: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.tree = Path(cls.enterClassContext(TemporaryDirectory())) / "goatfish"
        shutil.copytree(settings.BASE_DIR, cls.tree, ignore=LEFT_OUT)
        with suppress(FileNotFoundError):  # with a cache, mypy takes seconds instead of half a minute
            shutil.copytree(settings.BASE_DIR / ".mypy_cache", cls.tree / ".mypy_cache")
        for path, kind, text in blocks(cls.page):
            file = cls.tree / path
            file.parent.mkdir(exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(text if kind == "python" else patched(file.read_text(), text))
        cls.run_there("manage.py", "makemigrations", "stations")
        document = ("export_openapi_schema", "--api", "config.api.api", "--output", "docs/openapi.json")
        cls.run_there("manage.py", *document, "--indent", "2")

    @classmethod
    def run_there(cls, *arguments: str, database: str = "") -> str:
        """Run Python in the copy, and return its output. Fails if the program does."""
        env = {**os.environ, "DATABASE_URL": database, "SECRET_KEY": "of the tests alone"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=cls.tree, env=env, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(arguments)} fails:\n{done.stdout[-5000:]}{done.stderr[-5000:]}")
        return done.stdout

    def check_code(self, *folders: str) -> None:
        """Check migrations, settings, format, lint and types."""
        self.run_there("manage.py", "makemigrations", "--check", "--dry-run")
        self.run_there("manage.py", "check", "--fail-level", "WARNING")
        self.run_there("-m", "ruff", "format", "--check", *folders)
        self.run_there("-m", "ruff", "check", *folders)
        self.run_there("-m", "mypy", *folders)


class SecondResourceTests(CopyTestCase):
    page = PAGE.read_text().partition(FURTHER)[0]

    def test_it_takes_at_most_sixty_lines(self) -> None:
        needed = list(blocks(self.page.partition(OPTIONAL)[0]))
        counts = {path: lines_of_code(text) for path, kind, text in needed if kind == "python"}
        self.assertEqual({path.parts[0] for path in counts}, {"stations"})
        self.assertLessEqual(sum(counts.values()), MOST_LINES, counts)
        added = {
            str(path): [line for line in re.findall(r"^\+(.+)", text, re.M) if " import " not in line]
            for path, kind, text in needed
            if kind == "diff"
        }
        self.assertEqual(
            {path: len(lines) for path, lines in added.items()},
            {
                "config/settings.py": 1,
                "config/api.py": 1,
            },
        )

    def test_its_code_passes_all_checks(self) -> None:
        self.check_code("stations", "config")

    def test_it_keeps_the_contract(self) -> None:
        contents = self.tree / "config" / "api.py"
        lines = contents.read_text().splitlines(keepends=True)
        # The suite tests simulations already. Without them, this takes half the time.
        contents.write_text("".join(line for line in lines if "simulations" not in line))
        tests = sorted(f"tests/api/{path.name}" for path in self.tree.glob("tests/api/test_every_*.py"))
        verbose = ("-v", "-rA", "-p", "no:cacheprovider")  # list the subtests that passed
        printed = self.run_there("-m", "pytest", *verbose, *tests, database=other_database())
        held = {(test.split("::")[0], operation) for test, operation in SUBTEST.findall(printed)}
        self.assertEqual({test for test, operation in held if "station" in operation}, set(tests))
        self.assertEqual({operation for _, operation in held if "station" in operation}, OPERATIONS)


class FurtherTests(CopyTestCase):
    page = PAGE.read_text()

    def test_its_code_passes_all_checks(self) -> None:
        self.check_code("stations", "config", "tests/stations")

    def test_its_tests_pass(self) -> None:
        printed = self.run_there(
            "-m", "pytest", "-p", "no:cacheprovider", "tests/stations", database=other_database()
        )
        self.assertRegex(printed, r"\b4 passed")


def other_database() -> str:
    """Return the URL of another database on the same server; pytest creates and drops it."""
    url = urlsplit(settings.DATABASE_URL)
    return url._replace(path=f"{url.path}_second_{os.getpid()}").geturl() if url.path else ""
