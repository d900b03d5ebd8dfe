"""Traces two requests, and compares the calls with docs/life-of-a-request.md."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import connection

from tests.base import VALID, ApiTestCase
from tests.test_house import LAYERS

PAGE = settings.BASE_DIR / "docs" / "life-of-a-request.md"
SECTION = re.compile(r"^## (.+?)\n(.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py: [\w.]+)`")
COUNT = re.compile(r"\*\*(\d+) calls in (\d+) modules\*\*")
FILE = re.compile(r"`([\w/]+\.py)`")
MOST_CALLS, MOST_MODULES = 30, 15  # of a get


@contextmanager
def traced() -> Iterator[list[str]]:
    """Collect the calls of functions in our packages, but for comprehensions and lambdas."""
    calls: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event == "call" and not code.co_name.startswith("<") and path.is_relative_to(settings.BASE_DIR):
            module = path.relative_to(settings.BASE_DIR)
            if module.parts[0] in LAYERS:
                calls.append(f"{module}: {code.co_qualname.replace('.<locals>', '')}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def modules(calls: list[str]) -> set[str]:
    return {call.partition(":")[0] for call in calls}


class LifeOfARequestTests(ApiTestCase):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.page = PAGE.read_text()
        self.sections = dict(SECTION.findall(self.page))

    def calls_of(self, method: str, path: str, body: Any, status: int) -> list[str]:
        """Return the calls of a request that is not the first of its kind."""
        self.call(method, path, body)
        with traced() as calls:
            response = self.call(method, path, body)
        self.assertEqual(response.status_code, status)
        return calls

    def assert_page_names(self, calls: list[str], section: str) -> None:
        text = self.sections[section]
        steps = STEP.findall(text)
        self.assertEqual(steps, [str(number) for number in range(1, len(steps) + 1)])
        named = NAMED.findall(text)
        self.assertEqual([call for call, _ in groupby(calls)], named)
        if connection.vendor == "postgresql":
            stated = [(int(each), int(among)) for each, among in COUNT.findall(text)]
            self.assertEqual([(len(calls), len(modules(calls)))], stated)

    def test_the_page_names_the_functions_of_a_get_in_order(self) -> None:
        path = f"/api/simulations/{self.simulation().pk}"
        self.assert_page_names(self.calls_of("GET", path, b"", 200), "A get")

    def test_the_page_names_the_functions_of_a_create_in_order(self) -> None:
        self.assert_page_names(self.calls_of("POST", "/api/simulations", VALID, 201), "A create")

    def test_a_get_takes_few_calls_in_few_modules(self) -> None:
        calls = self.calls_of("GET", f"/api/simulations/{self.simulation().pk}", b"", 200)
        self.assertLessEqual(len(calls), MOST_CALLS, calls)
        self.assertLessEqual(len(modules(calls)), MOST_MODULES, sorted(modules(calls)))

    def test_each_file_that_the_page_names_exists(self) -> None:
        for file in FILE.findall(self.page):
            self.assertTrue((settings.BASE_DIR / file).exists(), file)
