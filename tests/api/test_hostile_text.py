"""Property-based tests of the code that parses text from clients."""

import csv
import re
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from django.http import HttpRequest
from django.test import SimpleTestCase
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.keys import is_well_formed, new_key
from api.bulk.rows import read_csv, read_ndjson, row_numbers
from api.operations.idempotency import read_key
from api.operations.preconditions import if_match, unchanged
from api.problems.problem import Problem
from api.selections import Selection
from ops.middleware.requests import REQUEST_ID
from ops.proxies import bare, client_address
from owned.exports import write_csv, write_ndjson
from owned.keyset import Cursors, InvalidCursor

FIELDS = ("name", "start_date")
THOROUGH = hypothesis_settings(max_examples=300, deadline=None)

keys = st.builds(new_key)
edits = st.tuples(st.integers(0, 100), st.characters())


def similar_to(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw a text with one character inserted, deleted or replaced, or any other text."""
    changed = st.builds(
        lambda text, edit, cut: text[: edit[0]] + edit[1] + text[edit[0] + cut :],
        texts,
        edits,
        st.integers(0, 2),
    )
    return st.one_of(changed, st.text())


class HostileTextTests(SimpleTestCase):
    @given(similar_to(keys))
    @THOROUGH
    def test_well_formed_keys_have_the_documented_format(self, text: str) -> None:
        if is_well_formed(text):
            self.assertRegex(text, r"\Agf_[0-9A-Za-z]{36}\Z")

    @given(keys, edits)
    @THOROUGH
    def test_a_key_with_one_wrong_character_is_not_well_formed(self, key: str, edit: tuple[int, str]) -> None:
        place = edit[0] % len(key)
        wrong = key[:place] + edit[1] + key[place + 1 :]
        self.assertEqual(is_well_formed(wrong), wrong == key)

    @given(st.data())
    @THOROUGH
    def test_only_an_unmodified_cursor_is_accepted(self, data: st.DataObject) -> None:
        cursors = Cursors("/api/things", 1, Selection())
        cursor = cursors.make(datetime(2026, 1, 1, tzinfo=UTC), "2" * 20)
        text = data.draw(similar_to(st.just(cursor)))
        try:
            self.assertEqual(cursors.read(text), cursors.read(cursor))
        except InvalidCursor:
            pass
        else:
            self.assertEqual(text, cursor)

    @given(similar_to(st.sampled_from(['"7"', 'W/"7"', '"1", W/"22" ,"x"', "*", "7"])))
    @THOROUGH
    def test_a_precondition_is_parsed_or_rejected(self, text: str) -> None:
        request = HttpRequest()
        request.META.update(HTTP_IF_MATCH=text, HTTP_IF_NONE_MATCH=text, HTTP_IF_MODIFIED_SINCE=text)
        now = datetime.now(UTC)
        try:
            wanted = if_match(request)
        except Problem as problem:
            self.assertEqual(problem.type.status, 400)
            self.assertFalse(unchanged(request, 7, now))
        else:
            assert wanted is not None
            self.assertEqual(unchanged(request, 7, now), bool(wanted.tags & {"*", '"7"'}))
            self.assertTrue(all(tag in text for tag in wanted.tags))

    @given(
        st.one_of(
            similar_to(st.just("Thu, 01 Jan 2026 00:00:00 GMT")), st.just("Thu, 01 Jan 0001 00:00:00 GMT")
        )
    )
    @THOROUGH
    def test_an_invalid_if_modified_since_is_ignored(self, text: str) -> None:
        request = HttpRequest()
        request.META["HTTP_IF_MODIFIED_SINCE"] = text
        self.assertIsInstance(unchanged(request, 7, datetime(2026, 1, 1, tzinfo=UTC)), bool)

    @given(similar_to(st.sampled_from(['"one"', "one", '"a\\"b"', '"'])))
    @THOROUGH
    def test_an_idempotency_key_is_visible_ascii_or_rejected(self, text: str) -> None:
        try:
            self.assertRegex(read_key(text), r"\A[\x21-\x7e]{1,255}\Z")
        except Problem as problem:
            self.assertEqual(problem.type.status, 422)

    @given(
        similar_to(
            st.sampled_from(["192.0.2.1", "192.0.2.1, 10.0.0.1", "[2001:db8::1]:80", "::ffff:192.0.2.1"])
        )
    )
    @THOROUGH
    def test_a_client_has_an_address_whatever_its_headers_say(self, text: str) -> None:
        self.assertIsNotNone(bare(client_address(text, "127.0.0.1")))

    @given(st.text())
    def test_a_request_id_cannot_inject_log_lines(self, text: str) -> None:
        if REQUEST_ID.fullmatch(text):
            self.assertTrue(text.isascii() and text.isprintable() and " " not in text)

    @given(similar_to(st.just('name,start_date\r\n"a, b",2026-01-01\r\n\'=1+1,x\r\n')))
    @THOROUGH
    def test_csv_is_parsed_or_rejected(self, text: str) -> None:
        self.assert_items(lambda: read_csv(text, FIELDS))
        self.assertEqual(row_numbers(text), sorted(set(row_numbers(text))))

    @given(similar_to(st.just('{"name": "a", "id": 1}\n\n{"name": []}\n[1]\n')))
    @THOROUGH
    def test_ndjson_is_parsed_or_rejected(self, text: str) -> None:
        self.assert_items(lambda: read_ndjson(text))

    def assert_items(self, read: Any) -> None:
        """Check that `read` returns items without server-set fields, or raises a problem."""
        try:
            items = read()["items"]
        except Problem as problem:
            self.assertIn(problem.type.status, (400, 422))
            return
        for item in items:
            if isinstance(item, dict):
                self.assertNotIn("id", item)

    @given(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=5
        )
    )
    @THOROUGH
    def test_exports_are_lossless_and_contain_no_formulas(self, names: list[str]) -> None:
        rows = [(name, "2026-01-01") for name in names]
        text = b"".join(write_csv([rows] if rows else [], FIELDS)).decode()
        self.assertEqual([item["name"] for item in read_csv(text, FIELDS)["items"]], names)
        for row in csv.reader(StringIO(text, newline="")):
            self.assertFalse(any(re.match(r"[=+\-@\t\r]", cell) for cell in row))
        lines = b"".join(write_ndjson([rows] if rows else [], FIELDS)).decode()
        self.assertEqual([item["name"] for item in read_ndjson(lines)["items"]], names)
