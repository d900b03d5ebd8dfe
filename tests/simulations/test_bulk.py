"""`POST /api/simulations/bulk`."""

import json
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from simulations.models import Simulation
from tests.base import VALID, ApiTestCase

CSV, NDJSON = "text/csv", "application/x-ndjson"
HEADER = "name,start_date,end_date\n"


class BulkTests(ApiTestCase):
    def bulk(self, body: Any, content_type: str = "application/json", **changes: Any) -> Any:
        data = body.encode() if isinstance(body, str) else body
        return self.call("POST", "/api/simulations/bulk", data, content_type=content_type, **changes)

    def stored(self) -> list[tuple[str, str, str]]:
        rows = Simulation.objects.order_by("-created_at").values_list("name", "start_date", "end_date")
        return [(name, str(start), str(end)) for name, start, end in rows]

    def assert_errors(self, response: Any, *expected: tuple[str, str]) -> None:
        problem = self.assertProblem(response, 422, "validation-error")
        self.assertEqual([(error["pointer"], error["code"]) for error in problem["errors"]], list(expected))
        self.assertFalse(Simulation.objects.exists())

    def test_bulk_creates_all_rows_in_order(self) -> None:
        items = [{**VALID, "name": f"n{number}"} for number in range(5)]
        response = self.bulk({"items": items})
        self.assertEqual(response.status_code, 201)
        data = response.json()
        self.assertEqual(data["created"], 5)
        named = dict(Simulation.objects.filter(owner=self.alice).values_list("id", "name"))
        self.assertEqual([named[id] for id in data["ids"]], ["n0", "n1", "n2", "n3", "n4"])
        one = self.call("GET", f"/api/simulations/{data['ids'][0]}")
        self.assertEqual((one["ETag"], one.json()["created_at"]), ('"1"', one.json()["updated_at"]))

    def test_bulk_accepts_csv_columns_in_any_order(self) -> None:
        rows = (
            "\ufeffend_date,name,start_date",
            '2026-01-02,"a, ""b""\nc",2026-01-01',
            "",
            "2026-01-03, d ,2026-01-03",
        )
        body = "\r\n".join(rows)
        self.assertEqual(self.bulk(body, CSV).json()["created"], 2)
        self.assertEqual(
            self.stored(), [('a, "b"\nc', "2026-01-01", "2026-01-02"), ("d", "2026-01-03", "2026-01-03")]
        )

    def test_bulk_accepts_ndjson(self) -> None:
        lines = [json.dumps({**VALID, "name": name}) for name in ("a\u2028b", "b")]
        self.assertEqual(self.bulk("\r\n\n".join(lines) + "\n", NDJSON).json()["created"], 2)
        self.assertEqual([name for name, _, _ in self.stored()], ["a\u2028b", "b"])

    def test_bulk_ignores_server_set_fields_in_csv_and_ndjson(self) -> None:
        own = {"id": "2" * 20, "created_at": "2020-01-01T00:00:00Z", "updated_at": "nonsense"}
        self.assertEqual(self.bulk(json.dumps({**VALID, **own}), NDJSON).status_code, 201)
        csv = "id,created_at,updated_at," + HEADER + "x,y,z,a,2026-01-01,2026-01-01\n"
        self.assertEqual(self.bulk(csv, CSV).status_code, 201)
        self.assertFalse(Simulation.objects.filter(pk="2" * 20).exists())
        Simulation.objects.all().delete()
        self.assert_errors(
            self.bulk({"items": [{**VALID, **own}]}), *[(f"/items/0/{n}", "extra_forbidden") for n in own]
        )

    def test_bulk_removes_the_apostrophe_that_an_export_adds(self) -> None:
        for cell, name in (
            ("'=1+1", "=1+1"),
            ("''quoted'", "'quoted'"),
            ("'-", "-"),
            ("'plain", "'plain"),
            ("=1+1", "=1+1"),
            ("'", "'"),
        ):
            with self.subTest(cell):
                id = self.bulk(f"{HEADER}{cell},2026-01-01,2026-01-01", CSV).json()["ids"][0]
                self.assertEqual(Simulation.objects.get(pk=id).name, name)

    def test_bulk_reports_every_invalid_row_and_writes_nothing(self) -> None:
        good, bad_order, bad_name = VALID, {**VALID, "end_date": "2026-05-31"}, {**VALID, "name": " "}
        expected = (("/items/1/end_date", "date_order"), ("/items/2/name", "string_too_short"))
        items = [good, bad_order, bad_name]
        self.assert_errors(self.bulk({"items": items}), *expected)
        self.assert_errors(self.bulk("\n".join(map(json.dumps, items)), NDJSON), *expected)
        rows = "\n".join(",".join(item.values()) for item in items)
        self.assert_errors(self.bulk(HEADER + rows, CSV), *expected)

    def test_bulk_points_to_unreadable_rows(self) -> None:
        line = json.dumps(VALID)
        self.assert_errors(
            self.bulk(f"{line}\n{{\n[]\n{line}", NDJSON),
            ("/items/1", "unreadable_row"),
            ("/items/2", "model_type"),
        )
        for row in ('"a"b,2026-01-01,2026-01-01', "a,2026-01-01", "a,2026-01-01,2026-01-01,more", '"unended'):
            with self.subTest(row):
                self.assert_errors(
                    self.bulk(f"{HEADER}b,2026-01-01,2026-01-01\n{row}", CSV), ("/items/1", "unreadable_row")
                )

    def test_bulk_requires_each_field_once_in_the_csv_header(self) -> None:
        for header in (
            "name,start_date",
            "name,start_date,end_date,colour",
            "name,name,start_date,end_date",
            '"',
        ):
            with self.subTest(header):
                self.assert_errors(self.bulk(f"{header}\na,b,c,d", CSV), ("/items", "csv_header"))

    def test_bulk_accepts_1_to_10000_rows(self) -> None:
        csv_row, line = "a,2026-01-01,2026-01-01\n", json.dumps(VALID) + "\n"
        self.assert_errors(self.bulk({"items": []}), ("/items", "too_short"))
        self.assert_errors(self.bulk(HEADER, CSV), ("/items", "too_short"))
        self.assert_errors(self.bulk("\n", NDJSON), ("/items", "too_short"))
        self.assert_errors(self.bulk({"items": [VALID] * 10_001}), ("/items", "too_long"))
        self.assert_errors(self.bulk(HEADER + csv_row * 10_001, CSV), ("/items", "too_long"))
        self.assert_errors(self.bulk(line * 10_001, NDJSON), ("/items", "too_long"))
        self.assertEqual(self.bulk(HEADER + csv_row * 10_000, CSV).json()["created"], 10_000)

    def test_bulk_lists_the_first_100_errors_and_counts_all(self) -> None:
        problem = self.assertProblem(
            self.bulk({"items": [{**VALID, "name": ""}] * 250}), 422, "validation-error"
        )
        self.assertEqual(len(problem["errors"]), 100)
        self.assertEqual(problem["errors"][99]["pointer"], "/items/99/name")
        self.assertEqual(problem["detail"], "250 fields are invalid; the first 100 are listed.")

    def test_bulk_accepts_up_to_10_mebibytes(self) -> None:
        body = json.dumps({"items": [VALID]}).encode()
        self.assertEqual(self.bulk(body.ljust(10 * 2**20)).status_code, 201)
        self.assertProblem(self.bulk(body.ljust(10 * 2**20 + 1)), 413, "body-too-large")

    def test_bulk_rejects_other_shapes_and_media_types(self) -> None:
        bodies: list[Any] = [[], {"items": {}}, {"items": None}, {}, {"rows": []}]
        for body in bodies:
            self.assertProblem(self.bulk(body), 422, "validation-error")
        for media_type in ("text/plain", "application/merge-patch+json", "text/csv; charset=latin-1"):
            self.assertProblem(self.bulk({"items": [VALID]}, media_type), 415, "unsupported-media-type")
        self.assertProblem(self.bulk(b"", CSV), 400, "malformed-request")
        self.assertProblem(self.bulk("\ufeff{}"), 400, "malformed-request")
        self.assertProblem(self.bulk(b"\xff", CSV), 415, "unsupported-media-type")

    def test_bulk_uses_few_statements(self) -> None:
        self.call("GET", "/api/me")  # updates last_used_at of the key
        with CaptureQueriesContext(connection) as few:
            self.bulk({"items": [VALID] * 10})
        with CaptureQueriesContext(connection) as many:
            self.bulk({"items": [VALID] * 1_000})
        # SQLite takes 999 values in a statement.
        self.assertLessEqual(len(many), len(few) + (0 if connection.vendor == "postgresql" else 12))
