"""The rules for packages, modules and imports."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from django.conf import settings
from django.test import SimpleTestCase

APPS = [app for app in settings.INSTALLED_APPS if (settings.BASE_DIR / app).is_dir()]
LAYERS = ["config", *reversed(APPS)]  # each may import those after it
SHARED = ["api", "owned", "ops"]
MOST_MODULES = 14  # in a folder
MOST_LINES = 200
LONGER = {"config/settings.py": 250}  # a list with one line for each setting
MOST_LINES_OF_A_FUNCTION = 50
VAGUE = {"utils", "helpers", "common", "services"}


def modules(packages: list[str] = LAYERS) -> dict[str, Path]:
    """Return the file of each module, by its dotted name."""
    found = {}
    for package in packages:
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            parts = path.relative_to(settings.BASE_DIR).with_suffix("").parts
            if "migrations" not in parts:
                found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, except for type checking only.

    An import in a function counts, unless a comment on its line gives the reason for it.
    """
    text = path.read_text()
    lines, tree = text.splitlines(), ast.parse(text)
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or id(node) in skipped:
            continue
        if node.col_offset and re.search(r"#(?! noqa)", lines[node.lineno - 1]):
            continue
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from (alias.name for alias in node.names)


def imported_modules(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the known modules that a module imports; `from a import b` may name one or not."""
    names = set(imports(path))
    return {name if name in known else name.rpartition(".")[0] for name in names} & known.keys()


class HouseTests(SimpleTestCase):
    def test_imports_run_one_way(self) -> None:
        for place, package in enumerate(LAYERS):
            for path in modules([package]).values():
                packages = {name.partition(".")[0] for name in imports(path)}
                self.assertFalse(packages & set(LAYERS[:place]), path)

    def test_imports_have_no_cycles(self) -> None:
        known = modules()
        graph = {name: imported_modules(path, known) for name, path in known.items()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            self.fail(" imports ".join(reversed(error.args[1])))

    def test_shared_packages_know_no_resource(self) -> None:
        for path in modules(SHARED).values():
            self.assertNotIn("simulation", path.read_text().lower(), path)

    def test_operations_read_only_what_the_caller_owns(self) -> None:
        found = 0
        for path in settings.BASE_DIR.glob("*/api.py"):
            for use in re.findall(r"\.objects\.(\w+)", path.read_text()):
                found += 1
                self.assertIn(use, {"for_owner"}, path)
        self.assertGreater(found, 0)

    def test_folders_stay_small(self) -> None:
        folders = Counter(path.parent for path in modules().values() if path.name != "__init__.py")
        for folder, number in folders.items():
            self.assertLessEqual(number, MOST_MODULES, folder)

    def test_modules_and_functions_stay_small(self) -> None:
        for path in modules().values():
            most = LONGER.get(str(path.relative_to(settings.BASE_DIR)), MOST_LINES)
            self.assertLessEqual(len(path.read_text().splitlines()), most, path)
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    self.assertLessEqual(lines, MOST_LINES_OF_A_FUNCTION, f"{path} {node.name}")

    def test_names_of_modules_say_what_they_are_for(self) -> None:
        for name in modules():
            self.assertFalse(VAGUE & set(name.split(".")), name)
