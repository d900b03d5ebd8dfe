"""Pagination, sorting and filters of every list and export in the OpenAPI document."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from django.test import override_settings

from tests.operations import Operation, OperationTestCase, operations, sibling

COMMON = {"limit", "cursor", "count", "sort", "id"}
TIMES = ("created_at", "updated_at")


@override_settings(RATE_LIMIT=None)
class EveryListTests(OperationTestCase):
    def lists(self, count: int = 7) -> Iterator[Operation]:
        """Yield each list. Bob owns one object; alice owns `count`, some of them with equal fields."""
        for operation in self.each("list"):
            for number in range(count):
                self.make(operation, number % 3)
            self.make(operation, key=self.bobs_key)
            yield operation

    def items(self, operation: Operation, query: str = "") -> list[dict[str, Any]]:
        response = self.send(operation, query)
        self.assertEqual(response.status_code, 200, response.content)
        return list(response.json()["items"])

    def ids(self, operation: Operation, query: str = "") -> list[str]:
        return [str(item["id"]) for item in self.items(operation, query)]

    def paginate(self, operation: Operation, query: str) -> Iterator[list[str]]:
        """Yield the ids of each page, following the Link headers from the first page to the last."""
        path: str | None = operation.path + query
        while path:
            response = self.get(path)
            self.assertEqual(response.status_code, 200, response.content)
            page, parameters = response.json(), parse_qs(urlsplit(path).query)
            yield [item["id"] for item in page["items"]]
            link = re.fullmatch(r'<http://testserver(.+)>; rel="next"', response.get("Link", ""))
            self.assertEqual(link is None, page["next_cursor"] is None)
            path = link[1] if link else None
            if link:
                self.assertEqual(
                    parse_qs(urlsplit(link[1]).query), {**parameters, "cursor": [page["next_cursor"]]}
                )

    def test_lists_return_only_the_callers_objects(self) -> None:
        for operation in self.lists():
            self.assertEqual(len(self.items(operation)), 7)
            theirs = self.send(operation, key=self.bobs_key).json()["items"]
            self.assertEqual(len(theirs), 1)
            get = sibling(operation, "get")
            for item in self.items(operation):
                self.assertEqual(item, self.send(get.on(item["id"])).json())

    def test_lists_are_empty_without_objects(self) -> None:
        for operation in self.each("list"):
            self.assertEqual(self.send(operation).json(), {"items": [], "next_cursor": None})

    def test_pages_contain_every_object_and_none_is_empty(self) -> None:
        for operation in self.lists():
            all_ids = self.ids(operation)
            for limit, lengths in ((3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (1000, [7])):
                pages = list(self.paginate(operation, f"?limit={limit}"))
                self.assertEqual([len(page) for page in pages], lengths)
                self.assertEqual([id for page in pages for id in page], all_ids)

    def test_lists_sort_by_each_key_in_both_directions_with_ties_by_id(self) -> None:
        for operation in self.lists():
            sorts = operation.parameters["sort"]["enum"]
            for key in (sort for sort in sorts if not sort.startswith("-")):
                with self.subTest(key):
                    self.assertIn(f"-{key}", sorts)
                    up = self.items(operation, f"?sort={key}")
                    values = [item[key] for item in up]
                    self.assertEqual(values, sorted(values))
                    # Ties are reversed as well, so something orders them: the id.
                    down = self.ids(operation, f"?sort=-{key}")
                    self.assertEqual(down, [item["id"] for item in reversed(up)])
                    for sort, expected in ((key, down[::-1]), (f"-{key}", down)):
                        pages = list(self.paginate(operation, f"?sort={sort}&limit=2"))
                        self.assertEqual([len(page) for page in pages], [2, 2, 2, 1])
                        self.assertEqual([id for page in pages for id in page], expected)

    def test_lists_return_the_newest_first_by_default(self) -> None:
        for operation in self.each("list"):
            created = [self.make(operation)["id"] for _ in range(3)]
            self.assertEqual(self.ids(operation), created[::-1])
            self.assertEqual(operation.parameters["sort"]["default"], "-created_at")

    def test_lists_never_skip_or_repeat_rows_during_changes(self) -> None:
        for operation in self.lists(9):
            delete = sibling(operation, "delete")
            for sort in operation.parameters["sort"]["enum"]:
                existing, seen = set(self.ids(operation)), []
                for page in self.paginate(operation, f"?sort={sort}&limit=3"):
                    seen += page
                    self.make(operation, 0)
                    self.send(delete.on(page[0]))
                self.assertEqual(len(seen), len(set(seen)), sort)
                self.assertLessEqual(existing, set(seen), sort)

    def test_limit_is_from_1_to_1000_and_defaults_to_100(self) -> None:
        for operation in self.lists(3):
            limit = operation.parameters["limit"]
            self.assertEqual((limit["minimum"], limit["maximum"], limit["default"]), (1, 1000, 100))
            self.assertEqual(len(self.items(operation, "?limit=1")), 1)
            self.assertEqual(len(self.items(operation, "?limit=1000")), 3)
            for wrong in ("0", "1001", "-1", "1.0", "1_0", "%201", "abc", "true", "9" * 30, "٣"):
                self.assertInvalid(self.send(operation, f"?limit={wrong}"), "parameter", "limit")

    def test_lists_return_100_items_per_page_by_default(self) -> None:
        for operation in self.each("list"):
            for _ in range(101):
                self.make(operation)
            self.assertEqual([len(page) for page in self.paginate(operation, "")], [100, 1])

    def test_count_includes_matching_rows_on_all_pages(self) -> None:
        for operation in self.lists():
            first = self.items(operation)[0]["id"]
            for query, count in (("?limit=2", 7), (f"?id={first}", 1), ("?id=x", 0)):
                page = self.send(operation, f"{query}&count=true").json()
                self.assertEqual(page["count"], count)
                self.assertNotIn("count", self.send(operation, f"{query}&count=false").json())
            second = f"?limit=2&count=true&cursor={self.cursor(operation, '?limit=2')}"
            self.assertEqual(self.send(operation, second).json()["count"], 7)

    def cursor(self, operation: Operation, query: str) -> str:
        return str(self.send(operation, query).json()["next_cursor"])

    def test_lists_reject_a_modified_cursor_or_one_of_another_list(self) -> None:
        for operation in self.lists():
            sort = operation.parameters["sort"]["enum"][0]
            one = self.ids(operation)[0]
            cursor = self.cursor(operation, f"?sort={sort}&limit=2")
            self.assertEqual(len(self.items(operation, f"?sort={sort}&limit=9&cursor={cursor}")), 5)
            place, signature = cursor.rsplit(".", 1)
            flipped = ("AA" if signature[:2] != "AA" else "BB") + signature[2:]
            for query in (
                f"?cursor={cursor}",
                f"?sort=-{sort}&cursor={cursor}",
                f"?sort={sort}&id={one}&cursor={cursor}",
                f"?sort={sort}&created_at__gte=2020-01-01T00:00:00Z&cursor={cursor}",
                *(
                    f"?sort={sort}&cursor={forged}"
                    for forged in (place, f".{signature}", f"{place}x.{signature}", f"{place}.{flipped}", "x")
                ),
                f"?sort={sort}&cursor=é.🐟",
            ):
                with self.subTest(query):
                    self.assertInvalid(self.send(operation, query), "parameter", "cursor", "invalid_cursor")
            theirs = self.send(operation, f"?sort={sort}&cursor={cursor}", key=self.bobs_key)
            self.assertInvalid(theirs, "parameter", "cursor", "invalid_cursor")
            for other in operations("list"):
                if other.path != operation.path:
                    response = self.send(other, f"?sort={sort}&cursor={cursor}")
                    self.assertInvalid(response, "parameter", "cursor", "invalid_cursor")

    def test_id_matches_the_given_ids(self) -> None:
        for operation in self.lists():
            ids = self.ids(operation)
            theirs = self.send(operation, key=self.bobs_key).json()["items"][0]["id"]
            for wanted in (ids[:1], ids[2:5], []):
                query = "&".join(f"id={id}" for id in [*wanted, theirs, "2" * 20, "invalid"])
                self.assertEqual(self.ids(operation, f"?{query}"), wanted)
            self.assertEqual(self.ids(operation, "?" + "&".join(["id=x"] * 99 + [f"id={ids[0]}"])), ids[:1])
            self.assertInvalid(self.send(operation, "?" + "&".join(["id=x"] * 101)), "parameter", "id")

    def test_time_filters_match_from_and_before_a_time(self) -> None:
        for operation in self.lists():
            changed = self.ids(operation)[3]
            self.send(sibling(operation, "update").on(changed), body=operation_body(operation))
            for key in TIMES:
                rows = self.items(operation, f"?sort={key}")
                for index in (0, 3, 6):
                    time = quote(rows[index][key])
                    self.assertEqual(self.items(operation, f"?sort={key}&{key}__gte={time}"), rows[index:])
                    self.assertEqual(self.items(operation, f"?sort={key}&{key}__lt={time}"), rows[:index])
                with_offset = quote(rows[2][key].replace("Z", "+00:00"))
                self.assertEqual(self.items(operation, f"?sort={key}&{key}__gte={with_offset}"), rows[2:])

    def test_filters_apply_the_lookup_in_their_name(self) -> None:
        lookups = {
            "": lambda field, value: field == value,
            "gte": lambda field, value: field >= value,
            "lte": lambda field, value: field <= value,
            "lt": lambda field, value: field < value,
            "gt": lambda field, value: field > value,
        }
        for operation in self.lists():
            rows = self.items(operation)
            for parameter in set(operation.parameters) - COMMON:
                name, _, lookup = parameter.partition("__")
                if name in rows[0] and lookup in lookups:
                    for value in {row[name] for row in rows}:
                        sent = quote(value if isinstance(value, str) else json.dumps(value))
                        expected = [row for row in rows if lookups[lookup](row[name], value)]
                        found = self.items(operation, f"?{parameter}={sent}")
                        self.assertEqual(found, expected, parameter)

    def test_filters_are_combined_with_and(self) -> None:
        for operation in self.lists():
            first, second = self.items(operation)[:2]
            both = f"?id={first['id']}&created_at__lt={quote(first['created_at'])}"
            self.assertEqual(self.ids(operation, both), [])
            both = f"?id={second['id']}&created_at__lt={quote(first['created_at'])}"
            self.assertEqual(self.ids(operation, both), [second["id"]])

    def test_head_returns_the_link_header_of_get(self) -> None:
        for operation in self.lists():
            get, head = self.send(operation, "?limit=2"), self.call("HEAD", operation.path + "?limit=2")
            self.assertEqual((head.status_code, head["Link"]), (200, get["Link"]))


def operation_body(operation: Operation) -> Any:
    return sibling(operation, "update").varied(2)


class EverySelectionTests(OperationTestCase):
    """Sorting, filters and their errors, which lists and exports have in common."""

    def test_lists_and_exports_reject_an_unknown_sort(self) -> None:
        for operation in self.each("list", "export"):
            key = operation.parameters["sort"]["enum"][-1].removeprefix("-")
            for sort in ("id", "-id", "owner", "owner__username", "version", f"--{key}", f"%2B{key}"):
                self.assertInvalid(self.send(operation, f"?sort={sort}"), "parameter", "sort")
            for sort in (key.upper(), f"{key},created_at"):
                self.assertInvalid(self.send(operation, f"?sort={sort}"), "parameter", "sort")

    def test_lists_and_exports_reject_an_empty_or_repeated_parameter(self) -> None:
        for operation in self.each("list", "export"):
            for name, schema in operation.parameters.items():
                cases = {"=": "empty", "": "empty", "=%00": "nul"}
                if schema["type"] != "array":
                    cases[f"=1&{name}=1"] = "repeated"
                for query, code in cases.items():
                    with self.subTest(name + query):
                        self.assertInvalid(self.send(operation, f"?{name}{query}"), "parameter", name, code)

    def test_lists_and_exports_reject_a_parameter_of_the_wrong_type(self) -> None:
        wrong = {
            "boolean": ("1", "True", "yes", "on", "null"),
            "integer": ("1.5", "1_0", "%201", "one", "1e2"),
            "date": ("2026-1-1", "20260101", "2026-02-30", "0", "2026-01-01T00:00:00Z"),
            "date-time": ("2026-01-01", "2026-01-01T00:00:00", "0", "2026-13-01T00:00:00Z", "now"),
        }
        for operation in self.each("list", "export"):
            for name, schema in operation.parameters.items():
                for value in wrong.get(schema.get("format", schema["type"]), ()):
                    with self.subTest(name, value=value):
                        self.assertInvalid(self.send(operation, f"?{name}={value}"), "parameter", name)
                if "maxLength" in schema:
                    long = "x" * (schema["maxLength"] + 1)
                    self.assertInvalid(self.send(operation, f"?{name}={long}"), "parameter", name)

    def test_export_returns_the_rows_of_the_list(self) -> None:
        for export in self.each("export"):
            created = [self.make(export, number % 3)["id"] for number in range(5)]
            self.make(export, key=self.bobs_key)
            listing = sibling(export, "list")
            self.assertEqual(
                set(export.parameters) - {"format"}, set(listing.parameters) - {"limit", "cursor", "count"}
            )
            queries = [f"&sort={sort}" for sort in listing.parameters["sort"]["enum"]]
            for query in ("", *queries, f"&id={created[0]}&id={created[2]}", "&id=x"):
                shown = self.send(listing, f"?limit=1000{query}").json()["items"]
                lines = self.send(export, f"?format=ndjson{query}").getvalue().splitlines()
                self.assertEqual([json.loads(line) for line in lines], shown)

    def test_bulk_create_accepts_an_export(self) -> None:
        for export in self.each("export"):
            rows = [self.make(export, number) for number in range(3)]
            bulk, listing = sibling(export, "bulk"), sibling(export, "list")
            fields = [name for name in rows[0] if name in bulk.fields]
            for media_type, format in (("text/csv", "csv"), ("application/x-ndjson", "ndjson")):
                text = self.send(export, f"?format={format}&sort=created_at").getvalue()
                ids = self.send(bulk, body=text, content_type=media_type).json()["ids"]
                query = "?" + "&".join(f"id={id}" for id in ids)
                copies = {item["id"]: item for item in self.send(listing, query).json()["items"]}
                for row, id in zip(rows, ids[:3], strict=True):
                    self.assertEqual([copies[id][name] for name in fields], [row[name] for name in fields])
