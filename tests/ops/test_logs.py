"""The log in JSON."""

import json
import logging
import sys
from logging.config import dictConfig
from typing import Any

from django.conf import settings
from django.test import SimpleTestCase

from ops.logs import JSONFormatter, logging_as
from ops.middleware.requests import current_request_id


class JSONLogTests(SimpleTestCase):
    def line(self, message: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Format a record and parse it, after checking that it is one line."""
        record = logging.getLogger("a.b").makeRecord(
            "a.b", logging.ERROR, "", 0, message, arguments, **options
        )
        text = JSONFormatter().format(record)
        self.assertEqual(len(text.splitlines()), 1)
        read: dict[str, Any] = json.loads(text)
        return read

    def test_a_record_is_one_line_of_json(self) -> None:
        line = self.line('a "%s"\nof %d', "text", 2, exc_info=None)
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(
            line, {"level": "ERROR", "logger": "a.b", "request_id": "-", "message": 'a "text"\nof 2'}
        )

    def test_an_exception_is_logged_with_its_traceback(self) -> None:
        try:
            raise ValueError("why")
        except ValueError:
            line = self.line("failed", exc_info=sys.exc_info())
        self.assertTrue(line["exception"].startswith("Traceback "), line)
        self.assertTrue(line["exception"].endswith("ValueError: why"), line)

    def test_lone_surrogates_are_escaped(self) -> None:
        self.assertEqual(self.line("a \ud800 b", exc_info=None)["message"], "a \\ud800 b")

    def test_a_line_has_the_request_id(self) -> None:
        self.addCleanup(dictConfig, settings.LOGGING)
        dictConfig(logging_as("json"))
        (console,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, JSONFormatter))
        token = current_request_id.set("find-me")
        self.addCleanup(current_request_id.reset, token)
        record = logging.makeLogRecord({"msg": "here", "name": "a"})
        console.filter(record)
        self.assertEqual(json.loads(console.format(record))["request_id"], "find-me")
