"""Each promise in docs/contract.md names tests. All tests named there and in docs/security.md exist."""

import ast
import re
from functools import cache

from django.conf import settings
from django.test import SimpleTestCase

ROW = re.compile(r"^\|(.+)\|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py): (test_\w+)`")


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of all functions and methods in a test file."""
    tree = ast.parse((settings.BASE_DIR / "tests" / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


class ContractTests(SimpleTestCase):
    def setUp(self) -> None:
        rows: list[tuple[str, str]] = ROW.findall((settings.BASE_DIR / "docs" / "contract.md").read_text())
        self.rows = [row for row in rows if row[0].strip("- ") not in ("", "promise")]

    def test_every_promise_names_a_test(self) -> None:
        self.assertGreater(len(self.rows), 100)
        for promise, tests in self.rows:
            with self.subTest(promise.strip()):
                self.assertTrue(NAMED.search(tests))
                self.assertEqual(re.sub(r"[\s,]", "", NAMED.sub("", tests)), "")

    def test_every_named_test_exists(self) -> None:
        for page in ("contract.md", "security.md"):
            named = NAMED.findall((settings.BASE_DIR / "docs" / page).read_text())
            self.assertGreater(len(named), 30)
            for file, name in named:
                with self.subTest(file, name=name):
                    self.assertIn(name, functions(file))
