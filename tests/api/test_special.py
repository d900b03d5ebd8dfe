"""Schemas that are not flat, headers of an operation's own, and nested routers: tests/example/special.py."""

import csv
import json
import tracemalloc
from io import StringIO
from typing import Any

from django.test import SimpleTestCase, override_settings

from api.checks import check_api
from api.operations.flat import flat_fields
from api.schemas import OwnedOut
from tests.example import special
from tests.example.base import ExampleTestCase
from tests.example.models import Place, Sample


@override_settings(ROOT_URLCONF="tests.example.special")
class SpecialTestCase(ExampleTestCase):
    pass


class ExportTests(SpecialTestCase):
    def lines(self, kind: str) -> list[dict[str, Any]]:
        response = self.get(f"/samples/export/{kind}?format=ndjson")
        return [json.loads(line) for line in response.getvalue().splitlines()]

    def rows(self, kind: str) -> list[dict[str, str]]:
        response = self.get(f"/samples/export/{kind}")
        return list(csv.DictReader(StringIO(response.getvalue().decode(), newline="")))

    def test_an_export_masks_what_its_schema_masks(self) -> None:
        sample = self.sample(name="x")
        expected = [{"id": sample.pk, "name": "x", "secret": "******"}]
        self.assertEqual(self.lines("masked"), expected)
        self.assertEqual(self.rows("masked"), expected)

    def test_an_export_has_the_aliases_and_computed_fields_of_its_schema(self) -> None:
        self.sample(name="x", code="=1")
        self.assertEqual(self.lines("aliased"), [{"sampleName": "x", "code": "=1", "shout": "X"}])
        self.assertEqual(self.rows("aliased"), [{"sampleName": "x", "code": "'=1", "shout": "X"}])

    def test_an_export_shows_what_is_no_column(self) -> None:
        place = Place.objects.create(owner=self.alice, name="here")
        self.sample(name="x", price="1.10", place=place)
        self.sample(name="y")
        nested = {"id": place.pk, "name": "here"}
        self.assertEqual([line["place"] for line in self.lines("resolved")], [None, nested])
        rows = self.rows("resolved")
        self.assertEqual([row["title"] for row in rows], ["Sample y", "Sample x"])
        self.assertEqual((rows[0]["place"], json.loads(rows[1]["place"])), ("", nested))

    def test_an_empty_export_has_the_header(self) -> None:
        self.assertEqual(self.get("/samples/export/aliased").getvalue(), b"sampleName,code,shout\r\n")

    def test_the_memory_of_an_export_does_not_grow_with_its_rows(self) -> None:
        for _ in range(6):
            Sample.objects.for_owner(self.alice).create_many([{"name": "x" * 20}] * 1_000)
        tracemalloc.start()
        response = self.client.get("/api/samples/export/masked", headers={"X-API-Key": self.key})
        size = sum(len(part) for part in response)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertGreater(size, 6_000 * 40)
        self.assertLess(peak, 20 * 2**20)


class FlatTests(SpecialTestCase):
    def test_a_field_that_a_schema_leaves_out_is_not_in_a_list(self) -> None:
        sample = self.sample()
        self.assertEqual(self.get("/samples/leaves-out").json()["items"], [{"id": sample.pk}])

    def test_a_list_has_what_a_schema_changes_after_its_validation(self) -> None:
        self.sample()
        self.assertEqual(self.get("/samples/changed").json()["items"][0]["secret"], "*")

    def test_a_list_leaves_out_null_if_its_operation_does(self) -> None:
        sample = self.sample()
        self.assertEqual(self.get("/samples/codes").json()["items"], [{"id": sample.pk}])

    def test_the_declared_schema_of_a_list_masks_whatever_paginate_is_given(self) -> None:
        self.sample()
        self.assertEqual(self.get("/samples/other").json()["items"][0]["secret"], "******")


class OwnReadingTests(SimpleTestCase):
    def test_no_schema_of_a_model_with_its_own_from_db_is_flat(self) -> None:
        class Masked(Sample):
            class Meta:
                proxy = True
                app_label = "example"

            @classmethod
            def from_db(cls, *args: Any, **kwargs: Any) -> Any:
                row = super().from_db(*args, **kwargs)
                row.name = "*"
                return row

        class NameOut(OwnedOut):
            name: str

        self.assertEqual(flat_fields(NameOut, Sample), ("id", "name"))
        self.assertIsNone(flat_fields(NameOut, Masked))


class ConditionTests(SpecialTestCase):
    def test_a_response_that_shows_another_row_is_sent_again_after_that_row_changes(self) -> None:
        place = Place.objects.create(owner=self.alice, name="here")
        path = f"/samples/{self.sample(place=place).pk}/resolved"
        first = self.get(path)
        self.assertEqual(first["ETag"], '"1"')
        self.assertNotIn("Last-Modified", first)
        place.change(name="there")
        for name, value in (("If-None-Match", '"1"'), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")):
            with self.subTest(name):
                again = self.get(path, headers={name: value})
                self.assertEqual(again.status_code, 200)
                self.assertEqual(again.json()["place"]["name"], "there")

    def test_a_flat_response_has_both_validators(self) -> None:
        path = f"/samples/{self.sample().pk}"
        self.assertIn("Last-Modified", self.get(path))
        response = self.get(path, headers={"If-None-Match": '"1"'})
        self.assertEqual((response.status_code, response["X-Own"]), (304, "yes"))
        self.assertNotIn("Content-Type", response)


class HeaderTests(SpecialTestCase):
    def test_headers_and_cookies_of_the_response_argument_are_sent_with_an_object(self) -> None:
        response = self.get(f"/samples/{self.sample().pk}")
        self.assertEqual((response["X-Own"], response.cookies["own"].value), ("yes", "yes"))
        self.assertEqual(response["Content-Type"], "application/json")

    def test_an_operation_can_set_cache_control_and_vary(self) -> None:
        response = self.get(f"/samples/{self.sample().pk}")
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertEqual(response["Vary"], "Accept, X-API-Key")

    def test_a_405_of_an_operation_is_sent(self) -> None:
        problem = self.get("/others/raised").json()
        self.assertEqual((problem["status"], problem["detail"]), (405, "Not today."))
        declared = self.get("/others/declared")
        self.assertEqual((declared.status_code, declared.json()), (405, {"why": "declared"}))
        self.assertEqual(self.get("/others/page").json()["status"], 405)

    def test_the_problem_for_a_compressed_page_is_not_compressed(self) -> None:
        response = self.get("/others/compressed", headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("Content-Encoding", response)
        self.assertEqual(response.json()["status"], 418)

    def test_a_new_object_has_a_location_only_if_a_get_shows_it(self) -> None:
        response = self.post("/samples")
        self.assertEqual(response["Location"], f"/api/samples/{response.json()['id']}")
        response = self.post(f"/samples/{response.json()['id']}/place")
        self.assertEqual(response.status_code, 201)
        self.assertNotIn("Location", response)


class RetryTests(SpecialTestCase):
    key_header = {"Idempotency-Key": "k"}

    def test_a_retry_has_the_headers_of_the_first_response(self) -> None:
        first, again = (self.post("/samples", headers=self.key_header) for _ in range(2))
        self.assertEqual((again["X-Own"], again["Idempotent-Replayed"]), ("yes", "true"))
        for name in ("Location", "ETag", "Content-Type", "Content-Length"):
            self.assertEqual(again[name], first[name])

    def test_a_redirect_is_stored(self) -> None:
        for replayed in (False, True):
            response = self.post("/others/redirect", headers=self.key_header)
            self.assertEqual((response.status_code, response["Location"]), (302, "/elsewhere"))
            self.assertEqual("Idempotent-Replayed" in response, replayed)
        self.assertEqual(Sample.objects.count(), 1)

    def test_a_stream_cannot_be_stored_so_nothing_is_written(self) -> None:
        for _ in range(2):
            response = self.post("/others/stream", headers=self.key_header)
            problem = self.assertProblem(response, 422, "validation-error")
            self.assertEqual(problem["errors"][0]["header"], "Idempotency-Key")
        self.assertFalse(Sample.objects.exists())
        self.assertEqual(self.post("/others/stream").status_code, 200)


class RouterTests(SpecialTestCase):
    def test_post_does_what_patch_does_wherever_it_is_declared(self) -> None:
        for path in ("parent/child", "direct"):
            with self.subTest(path):
                sample = self.sample()
                response = self.post(f"/{path}/{sample.pk}", {"name": "changed"})
                self.assertEqual((response.status_code, response.json()["name"]), (200, "changed"))

    def test_the_document_does_not_have_that_post(self) -> None:
        paths = self.get("/openapi.json", key=None).json()["paths"]
        self.assertEqual(set(paths["/api/parent/child/{id}"]), {"patch"})
        self.assertEqual(set(paths["/api/direct/{id}"]), {"patch"})

    def test_a_key_in_the_query_is_accepted(self) -> None:
        self.assertEqual(self.get("/others/query-key?key=letmein", key=None).json(), "in")
        self.assertProblem(self.get("/others/query-key?key=x", key=None), 401, "invalid-key")
        problem = self.get("/others/query-key?key=letmein&colour=blue", key=None)
        self.assertProblem(problem, 422, "validation-error")

    def test_the_contract_can_serve_all_of_it(self) -> None:
        self.assertEqual(check_api(special.api), [])
