"""Builds what docs/adding-a-resource.md says in a copy of the tree, and holds it to the page's promises."""

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
from urllib.parse import urlsplit

from django.conf import settings
from django.test import SimpleTestCase

PAGE = settings.BASE_DIR / "docs" / "adding-a-resource.md"
OPTIONAL = "## Two more"

OPERATIONS = {
    *(f"{kind}_station" for kind in ("create", "get", "replace", "update", "delete")),
    *(f"{kind}_stations" for kind in ("list", "create", "export")),
}

BLOCK = re.compile(r"^### ([\w/]+\.py).*?\n\n```(python|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SUBTEST = re.compile(r"^(\S+) SUBPASSED\[(\w+)\]", re.MULTILINE)
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "var", "build", "benchmarks")


def blocks(page: str) -> Iterator[tuple[Path, str, str]]:
    """Go through the code of the page: the path in the heading, `python` or `diff`, and the text."""
    return ((Path(path), kind, text) for path, kind, text in BLOCK.findall(page))


def patched(text: str, diff: str) -> str:
    """Make a change: find a line of the file (" "), take it out ("-"), or put one after the last ("+")."""
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
    """Count the lines that hold code: all but blank ones, imports and docstrings."""
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


class SecondResourceTests(SimpleTestCase):
    tree: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.tree = Path(cls.enterClassContext(TemporaryDirectory())) / "goatfish"
        shutil.copytree(settings.BASE_DIR, cls.tree, ignore=LEFT_OUT)
        with suppress(FileNotFoundError):  # where it is, mypy takes seconds and not half a minute
            shutil.copytree(settings.BASE_DIR / ".mypy_cache", cls.tree / ".mypy_cache")
        for path, kind, text in blocks(PAGE.read_text()):
            file = cls.tree / path
            file.parent.mkdir(exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(text if kind == "python" else patched(file.read_text(), text))
        cls.run_there("manage.py", "makemigrations", "stations")
        document = ("export_openapi_schema", "--api", "config.api.api", "--output", "docs/openapi.json")
        cls.run_there("manage.py", *document, "--indent", "2")

    @classmethod
    def run_there(cls, *arguments: str, database: str = "") -> str:
        """Run Python in the copy, and return what it prints; it fails where that does."""
        env = {**os.environ, "DATABASE_URL": database, "SECRET_KEY": "of the tests alone"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=cls.tree, env=env, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(arguments)} fails:\n{done.stdout[-5000:]}{done.stderr[-5000:]}")
        return done.stdout

    def test_it_takes_sixty_odd_lines(self) -> None:
        needed = blocks(PAGE.read_text().split(OPTIONAL)[0])
        counts = {
            path: lines_of_code(text) if kind == "python" else text.count("\n+")
            for path, kind, text in needed
        }
        self.assertEqual(len(counts), 6)
        self.assertLessEqual(sum(counts.values()), 70, counts)

    def test_it_is_as_clean_as_the_rest(self) -> None:
        self.run_there("manage.py", "makemigrations", "--check", "--dry-run")
        self.run_there("manage.py", "check", "--fail-level", "WARNING")
        self.run_there("-m", "ruff", "format", "--check", "stations", "config")
        self.run_there("-m", "ruff", "check", "stations", "config")
        self.run_there("-m", "mypy", "stations", "config")

    def test_it_keeps_the_contract(self) -> None:
        contents = self.tree / "config" / "api.py"
        lines = contents.read_text().splitlines(keepends=True)
        # Without simulations, which this suite has had: half the time.
        contents.write_text("".join(line for line in lines if "simulations" not in line))
        tests = sorted(f"tests/api/{path.name}" for path in self.tree.glob("tests/api/test_every_*.py"))
        verbose = ("-v", "-rA", "-p", "no:cacheprovider")  # name the subtests that passed
        printed = self.run_there("-m", "pytest", *verbose, *tests, database=other_database())
        held = {(test.split("::")[0], operation) for test, operation in SUBTEST.findall(printed)}
        self.assertEqual({test for test, operation in held if "station" in operation}, set(tests))
        self.assertEqual({operation for _, operation in held if "station" in operation}, OPERATIONS)


def other_database() -> str:
    """Return the address of a database on the same server, for tests that run meanwhile; pytest drops it."""
    url = urlsplit(settings.DATABASE_URL)
    return url._replace(path=f"{url.path}_second_{os.getpid()}").geturl() if url.path else ""
