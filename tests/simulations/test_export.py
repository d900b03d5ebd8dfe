"""`GET /api/simulations/export`."""

import csv
import json
import tracemalloc
from io import StringIO
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from simulations.models import Simulation
from tests.base import VALID, ApiTestCase

NAMES = (
    "plain", "=1+1", "+1", "-1", "@sum", "'quoted", "''", "'", "'=x", "tab\tinside", 'say "hi"', "a, b",
    "two\nlines", "two\r\nlines", "🐟 שלום % _ \\", "a\u2028b", "ends with '", "x" * 300,
)  # fmt: skip


class ExportTests(ApiTestCase):
    def export(self, query: str = "", key: str = "") -> Any:
        response = self.call("GET", f"/api/simulations/export{query}", key=key)
        self.assertEqual(response.status_code, 200)
        return response

    def test_export_returns_csv_with_every_field(self) -> None:
        row = self.simulation()
        shown = self.call("GET", f"/api/simulations/{row.pk}").json()
        response = self.export()
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(response["Content-Disposition"], 'attachment; filename="simulations.csv"')
        self.assertTrue(response.streaming)
        self.assertEqual(list(csv.DictReader(StringIO(response.getvalue().decode(), newline=""))), [shown])

    def test_export_returns_ndjson_on_request(self) -> None:
        row = self.simulation()
        shown = self.call("GET", f"/api/simulations/{row.pk}").json()
        response = self.export("?format=ndjson")
        self.assertEqual(response["Content-Type"], "application/x-ndjson")
        self.assertEqual([json.loads(line) for line in response.getvalue().splitlines()], [shown])

    def test_an_empty_export_has_only_the_csv_header(self) -> None:
        self.assertEqual(self.export().getvalue(), b"id,name,start_date,end_date,created_at,updated_at\r\n")
        self.assertEqual(self.export("?format=ndjson").getvalue(), b"")

    def test_export_supports_the_filters_and_sort_of_the_list(self) -> None:
        for name in ("ab", "aa", "b"):
            self.simulation(name=name)
        self.simulation(self.bob, name="a")
        lines = self.export("?format=ndjson&q=a&sort=name").getvalue().splitlines()
        self.assertEqual([json.loads(line)["name"] for line in lines], ["aa", "ab"])

    def test_export_rejects_pagination_parameters(self) -> None:
        for parameter in ("limit=1", "cursor=x", "count=true", "format=xml", "format="):
            response = self.call("GET", f"/api/simulations/export?{parameter}")
            problem = self.assertProblem(response, 422, "validation-error")
            self.assertEqual(problem["errors"][0]["parameter"], parameter.split("=")[0])

    def test_export_is_safe_to_open_in_a_spreadsheet(self) -> None:
        for name in NAMES:
            self.simulation(name=name)
        cells = [row[1] for row in csv.reader(StringIO(self.export().getvalue().decode(), newline=""))]
        self.assertFalse([cell for cell in cells if cell[0] in "=+-@\t\r"])

    def test_an_export_can_be_imported_without_loss(self) -> None:
        for name in NAMES:
            self.simulation(name=name)
        for format, media_type in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
            with self.subTest(format):
                Simulation.objects.filter(owner=self.bob).delete()
                first = self.export(f"?format={format}").getvalue()
                read = self.call(
                    "POST", "/api/simulations/bulk", first, key=self.bobs_key, content_type=media_type
                )
                self.assertEqual(read.status_code, 201, read.content)
                second = self.export(f"?format={format}", self.bobs_key).getvalue()
                self.assertEqual(self.client_fields(first, format), self.client_fields(second, format))
                named = Simulation.objects.filter(owner=self.bob).order_by("-created_at")
                self.assertEqual([row.name for row in named], list(reversed(NAMES)))

    def client_fields(self, exported: bytes, format: str) -> list[dict[str, str]]:
        """Return the rows of a file without ids and times."""
        text = exported.decode()
        lines = (
            csv.DictReader(StringIO(text, newline=""))
            if format == "csv"
            else map(json.loads, text.strip().split("\n"))
        )
        return [{name: row[name] for name in VALID} for row in lines]

    def test_export_streams_more_than_one_chunk(self) -> None:
        self.call("POST", "/api/simulations/bulk", {"items": [VALID] * 5_000})
        self.assertEqual(len(self.export("?format=ndjson").getvalue().splitlines()), 5_000)
        self.assertEqual(len(self.export().getvalue().splitlines()), 5_001)

    def test_export_uses_constant_memory(self) -> None:
        rows = [{**VALID, "name": "x" * 300}] * 5_000
        for format in ("csv", "ndjson"):
            peaks = []
            for _ in range(2):
                self.call("POST", "/api/simulations/bulk", {"items": rows})
                peaks.append(self.peak_of(f"/api/simulations/export?format={format}"))
            self.assertLess(peaks[1], 1.25 * peaks[0])

    def peak_of(self, path: str) -> int:
        """Return the peak memory use, in bytes, while a client reads the response in chunks."""
        tracemalloc.start()
        try:
            response: Any = self.client.get(path, headers={"X-API-Key": self.key})
            for _ in response:
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_head_does_not_run_the_export(self) -> None:
        self.simulation()
        response = self.call("HEAD", "/api/simulations/export")
        self.assertEqual((response.status_code, response.getvalue()), (200, b""))
        with CaptureQueriesContext(connection) as queries:
            self.call("HEAD", "/api/simulations/export")
        self.assertFalse([query for query in queries if "simulations_simulation" in query["sql"]])
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
