"""Features that ninja documents work on a ContractAPI; tests/example/api.py has the operations."""

import json
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import override_settings

from tests.base import issue_key
from tests.example.base import ExampleTestCase
from tests.example.models import Label, Place, Sample
from tests.example.schemas import SampleSelection

EVERY_TYPE = {
    "amount": "1.10",
    "token": "0190b8a6-6d3e-7cc0-a9e4-1f2d3c4b5a69",
    "kind": "solid",
    "kinds": ["liquid"],
    "at": "2026-06-01T12:00:00.000001Z",
    "day": "2026-06-01",
    "clock": "12:00:00",
    "lasts": "PT1H",
    "maybe": None,
    "unique": [1],
    "part": {"length": 1.5, "colours": ["red"]},
}


class ResponseTests(ExampleTestCase):
    def test_a_list_of_a_schema_is_validated(self) -> None:
        for name in ("b", "a"):
            self.sample(name=name)
        response = self.get("/samples/plain")
        self.assertEqual([sample["name"] for sample in response.json()], ["a", "b"])
        self.assertEqual(set(response.json()[0]), {"id", "name", "number"})

    def test_204_has_no_body(self) -> None:
        response = self.get("/native/nothing")
        self.assertEqual((response.status_code, response.content), (204, b""))

    def test_without_a_response_schema_anything_is_returned(self) -> None:
        self.assertEqual(self.get("/native/undeclared").json(), {"anything": [1, None, "x"]})

    def test_a_status_chooses_the_schema(self) -> None:
        response = self.post("/native/accepted")
        self.assertEqual((response.status_code, response.json()), (202, {"state": "queued"}))

    def test_a_declared_error_response_is_not_replaced_by_a_problem(self) -> None:
        response = self.get("/native/own-error")
        self.assertEqual((response.status_code, response.json()), (409, {"why": "declared"}))

    def test_headers_of_the_response_argument_are_sent(self) -> None:
        self.assertEqual(self.get("/native/headers")["X-Own"], "yes")

    def test_a_view_decorator_is_applied(self) -> None:
        response = self.get("/native/decorated")
        self.assertEqual((response.status_code, response["X-Shouted"]), (200, "yes"))

    def test_a_stream_is_sent(self) -> None:
        self.assertEqual(b"".join(self.get("/native/stream")), b"ab")

    def test_large_integers_and_decimals_are_exact(self) -> None:
        self.assertEqual(json.loads(self.get("/native/huge").content), {"number": 2**70, "price": "0.10"})

    def test_a_write_is_rolled_back_if_its_response_is_invalid(self) -> None:
        self.client.raise_request_exception = False
        for path in ("unanswerable", "invalid-response"):
            with self.subTest(path), self.assertLogs("django.request", "ERROR"):
                self.assertProblem(self.post(f"/native/{path}"), 500, "internal-error")
                self.assertFalse(Sample.objects.exists())

    def test_an_aliased_schema_keeps_its_options(self) -> None:
        response = self.get(f"/samples/{self.sample(name='x').pk}/aliased")
        self.assertEqual(response.json(), {"sampleName": "x", "shout": "X"})
        self.assertEqual(response.headers.get("ETag"), '"1"')

    def test_a_resolver_and_a_nested_schema_are_used(self) -> None:
        place = Place.objects.create(owner=self.alice, name="here")
        sample = self.sample(name="x", price="1.10", place=place)
        response = self.get(f"/samples/{sample.pk}/resolved").json()
        nested = {"id": place.pk, "name": "here"}
        expected = {"id": sample.pk, "title": "Sample x", "price": "1.1000000000", "place": nested}
        self.assertEqual(response, expected)

    def test_a_mask_is_applied_to_an_object_and_to_a_list(self) -> None:
        sample = self.sample()
        self.assertEqual(self.get(f"/samples/{sample.pk}/masked").json()["secret"], "******")
        page = self.get("/samples/masked").json()
        self.assertEqual([item["secret"] for item in page["items"]], ["******"])

    def test_columns_outside_the_schema_are_not_sent(self) -> None:
        sample = self.sample(secret="confidential")
        for path in ("", f"/{sample.pk}", "/latest", "/plain", f"/{sample.pk}/resolved"):
            with self.subTest(path):
                self.assertNotIn(b"confidential", self.get(f"/samples{path}").content)


class ErrorTests(ExampleTestCase):
    def test_an_http_error_keeps_its_status_and_message(self) -> None:
        for status, slug in (
            (403, "forbidden"),
            (404, "not-found"),
            (409, "conflict"),
            (400, "malformed-request"),
        ):
            with self.subTest(status):
                problem = self.assertProblem(self.get(f"/native/error/{status}"), status, slug)
                self.assertEqual(problem["detail"], "No.")

    def test_a_status_without_a_problem_page_has_the_type_about_blank(self) -> None:
        for path, status, title in (
            ("error/402", 402, "Payment Required"),
            ("error/418", 418, "I'm a Teapot"),
            ("teapot", 418, "I'm a Teapot"),
        ):
            with self.subTest(path):
                response = self.get(f"/native/{path}")
                problem = response.json()
                self.assertEqual(response["Content-Type"], "application/problem+json")
                self.assertEqual((problem["type"], problem["title"]), ("about:blank", title))
                self.assertEqual((response.status_code, problem["status"]), (status, status))
                self.assertEqual(problem["request_id"], response["X-Request-ID"])

    def test_permission_denied_is_forbidden(self) -> None:
        self.assertProblem(self.get("/native/denied"), 403, "forbidden")

    def test_http404_is_not_found(self) -> None:
        for path in ("missing", "shortcut/nobody"):
            with self.subTest(path):
                problem = self.assertProblem(self.get(f"/native/{path}"), 404, "not-found")
                self.assertEqual(problem["detail"], "Object not found.")

    def test_get_object_or_404_returns_the_object(self) -> None:
        self.sample(name="found")
        self.assertEqual(self.get("/native/shortcut/found").json()["name"], "found")

    def test_a_taken_unique_value_is_a_conflict_that_names_the_field(self) -> None:
        body = {"name": "x", "code": "taken"}
        self.assertEqual(self.post("/samples", body).status_code, 201)
        problem = self.assertProblem(self.post("/samples", body), 409, "conflict")
        self.assertIn("code", problem["detail"])
        self.assertNotIn("taken", problem["detail"])
        self.assertEqual(Sample.objects.count(), 1)
        self.assertProblem(self.post("/samples/bulk", {"items": [body]}), 409, "conflict")
        self.assertEqual(self.post("/samples", body, key=self.bobs_key).status_code, 201)

    def test_a_protected_object_is_not_deleted(self) -> None:
        place = Place.objects.create(owner=self.alice, name="here")
        self.sample(place=place)
        self.assertProblem(self.call("DELETE", f"/api/places/{place.pk}"), 409, "conflict")
        self.assertTrue(Place.objects.exists())


class AccessTests(ExampleTestCase):
    def test_an_operation_without_authentication_is_public(self) -> None:
        self.assertEqual(self.get("/native/open", key=None).json(), {"auth": False})

    def test_operations_and_routers_can_have_their_own_authentication(self) -> None:
        for path in ("native/token", "guarded"):
            with self.subTest(path):
                headers = {"Authorization": "Bearer letmein"}
                self.assertEqual(self.get(f"/{path}", key=None, headers=headers).status_code, 200)
                self.assertProblem(self.get(f"/{path}"), 401, "invalid-key")

    def test_an_operation_can_have_its_own_throttle(self) -> None:
        self.assertEqual(self.get("/native/throttled").status_code, 200)
        response = self.get("/native/throttled")
        self.assertProblem(response, 429, "rate-limited")
        self.assertGreater(int(response["Retry-After"]), 0)
        self.assertIn("RateLimit", response)

    def test_a_read_only_key_cannot_write_whatever_the_operation_declares(self) -> None:
        key = issue_key(self.alice, read_only=True)
        for path, body in (
            ("/samples", {"name": "x"}),
            ("/native/accepted", b""),
            ("/native/async/create", {"name": "x"}),
        ):
            with self.subTest(path):
                self.assertProblem(self.post(path, body, key=key), 403, "read-only-key")
        self.assertFalse(Sample.objects.exists())

    def test_an_unknown_parameter_is_invalid_everywhere(self) -> None:
        for path in ("nothing", "open", "undeclared", "async/get/" + "2" * 20):
            with self.subTest(path):
                problem = self.assertProblem(self.get(f"/native/{path}?colour=blue"), 422, "validation-error")
                self.assertEqual(problem["errors"][0]["parameter"], "colour")


class InputTests(ExampleTestCase):
    def test_every_type_survives_a_round_trip(self) -> None:
        response = self.post("/native/every-type", EVERY_TYPE)
        self.assertEqual(response.status_code, 200, response.content)
        self.assertEqual(response.json(), {**EVERY_TYPE, "clock": "12:00:00", "lasts": "P0DT01H00M00S"})

    def test_every_type_is_strict(self) -> None:
        wrong: dict[str, list[Any]] = {
            "amount": [True, None, "x", "1_000", " 1 "],
            "token": [1, "x"],
            "kind": ["gas", 1, True],
            "kinds": ["solid", [1]],
            "at": [0, "2026-06-01", "2026-06-01T12:00:00"],
            "day": [0, "2026-06-01T00:00:00Z", "2026-6-1"],
            "clock": [True, "noon"],
            "lasts": [True, "long"],
            "unique": ["x", [1.5]],
            "part": [[], {"length": "1.5", "colours": ["red"]}, {"length": 1, "colours": ["blue"]}],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value):
                    response = self.post("/native/every-type", {**EVERY_TYPE, name: value})
                    problem = self.assertProblem(response, 422, "validation-error")
                    self.assertTrue(problem["errors"][0]["pointer"].startswith(f"/{name}"), problem)

    def test_two_bodies_are_read_by_their_names(self) -> None:
        body = {"first": {"name": "a"}, "second": {"name": "b"}}
        self.assertEqual(self.post("/native/two", body).json(), {"first": "a", "second": "b"})
        problem = self.post("/native/two", {**body, "second": {"name": 1}}).json()
        self.assertEqual(problem["errors"][0]["pointer"], "/second/name")

    def send_form(self, path: str, **fields: Any) -> Any:
        headers = {"X-API-Key": self.key}
        return self.client.post(f"/api/native/{path}", fields, headers=headers)

    def test_a_form_is_read(self) -> None:
        self.assertEqual(self.send_form("form", name="x", count=2).json(), {"name": "x", "count": 2})
        problem = self.assertProblem(self.send_form("form", name="x", count="two"), 422, "validation-error")
        self.assertEqual(problem["errors"][0]["pointer"], "/count")

    def test_a_file_is_read_completely(self) -> None:
        content = b"x" * (3 * 2**20)
        response = self.send_form("file", file=SimpleUploadedFile("a.bin", content), note="n")
        expected = {"name": "a.bin", "size": len(content), "read": len(content), "note": "n"}
        self.assertEqual(response.json(), expected)

    def test_a_file_that_is_too_large_is_rejected(self) -> None:
        content = b"x" * (10 * 2**20 + 1)
        response = self.send_form("file", file=SimpleUploadedFile("a.bin", content))
        self.assertProblem(response, 413, "body-too-large")

    def test_a_file_and_a_body_are_read_together(self) -> None:
        fields = {"body": '{"name": "x"}', "file": SimpleUploadedFile("a.bin", b"1")}
        self.assertEqual(self.send_form("file-and-body", **fields).json(), {"name": "x", "file": "a.bin"})

    def test_a_form_can_be_retried_with_its_idempotency_key(self) -> None:
        for replayed in (False, True):
            headers = {"X-API-Key": self.key, "Idempotency-Key": "k"}
            file = SimpleUploadedFile("a.bin", b"1")
            fields = {"file": file}
            response = self.client.post("/api/native/file", fields, headers=headers)
            self.assertEqual(response.status_code, 200, response.content)
            self.assertEqual("Idempotent-Replayed" in response, replayed)


class ObjectTests(ExampleTestCase):
    def test_a_url_without_an_id_has_no_etag(self) -> None:
        self.sample()
        first = self.get("/samples/latest", headers={"If-None-Match": '"1"'})
        self.assertEqual(first.status_code, 200)
        self.assertNotIn("ETag", first)

    def test_the_location_of_a_clone_is_the_new_object(self) -> None:
        sample = self.sample()
        response = self.post(f"/samples/{sample.pk}/clone")
        self.assertEqual(response.status_code, 201)
        self.assertEqual(response["Location"], f"/api/samples/{response.json()['id']}")
        self.assertEqual(self.call("GET", response["Location"]).json(), response.json())

    def test_pagination_works_if_the_schema_lacks_the_sort_key(self) -> None:
        for number in range(3):
            self.sample(number=number)
        seen, cursor = [], ""
        while cursor is not None:
            page = self.get("/samples?limit=1" + (f"&cursor={cursor}" if cursor else "")).json()
            seen += [item["number"] for item in page["items"]]
            self.assertEqual(set(page["items"][0]), {"id", "name", "number"})
            cursor = page["next_cursor"]
        self.assertEqual(seen, [2, 1, 0])

    def test_a_filter_across_many_to_many_does_not_repeat_rows(self) -> None:
        sample = self.sample()
        for _ in range(2):
            sample.labels.add(Label.objects.create(name="label"))
        page = self.get("/samples?labels__name=label&count=true").json()
        self.assertEqual((len(page["items"]), page["count"]), (1, 1))

    def test_a_many_to_many_relation_can_be_set(self) -> None:
        sample = self.sample()
        self.assertEqual(self.post(f"/samples/{sample.pk}/label/red").status_code, 204)
        self.assertEqual([label.name for label in sample.labels.all()], ["red"])

    def test_a_foreign_key_to_someone_elses_object_is_invalid(self) -> None:
        theirs = Place.objects.create(owner=self.bob, name="theirs")
        mine = Place.objects.create(owner=self.alice, name="mine")
        for id in (theirs.pk, "2" * 20):
            for path, body in (
                ("/samples", {"name": "x", "place_id": id}),
                ("/samples/bulk", {"items": [{"name": "x", "place_id": id}]}),
            ):
                with self.subTest(path, id=id):
                    problem = self.assertProblem(self.post(path, body), 422, "validation-error")
                    self.assertIn("place", problem["errors"][0]["pointer"])
        self.assertFalse(Sample.objects.exists())
        self.assertEqual(self.post("/samples", {"name": "x", "place_id": mine.pk}).status_code, 201)
        self.assertEqual(self.post("/samples", {"name": "x", "place_id": None}).status_code, 201)

    def test_an_integer_beyond_its_column_is_invalid_and_nothing_is_stored(self) -> None:
        beyond_32_bits = (
            () if connection.vendor == "sqlite" else (2**31, -(2**31) - 1)
        )  # SQLite's integers have 64
        for number in (*beyond_32_bits, 2**63, 2**70):
            for path, body in (
                ("/samples", {"name": "x", "number": number}),
                ("/samples/bulk", {"items": [{"name": "x", "number": number}]}),
            ):
                with self.subTest(path, number=number):
                    problem = self.assertProblem(self.post(path, body), 422, "validation-error")
                    self.assertIn("number", problem["errors"][0]["pointer"])
            self.assertFalse(Sample.objects.exists())

    def test_a_filter_by_an_integer_beyond_its_column_matches_correctly(self) -> None:
        self.sample(number=5)
        for number in (2**31, 2**70):
            for query, count in (
                (f"number__gte={number}", 0),
                (f"number__gte={-number}", 1),
                (f"number={number}", 0),
            ):
                with self.subTest(query):
                    page = self.get(f"/samples?{query}&count=true").json()
                    self.assertEqual((len(page["items"]), page["count"]), (count, count))

    def test_values_set_by_the_database_and_by_fields_are_in_the_response(self) -> None:
        created = self.post("/samples", {"name": "x", "number": 21}).json()
        first = self.get(f"/samples/{created['id']}/whole").json()
        self.assertEqual((first["level"], first["double"], first["hidden"]), (7, 42, "abc"))
        self.call("PATCH", f"/api/samples/{created['id']}", {"number": 1})
        second = self.get(f"/samples/{created['id']}/whole").json()
        self.assertEqual((second["double"], second["first_saved"]), (2, first["first_saved"]))
        self.assertGreater(second["last_saved"], first["last_saved"])
        self.assertGreater(second["save_number"], first["save_number"])

    def test_bulk_create_prepares_each_row_like_a_single_create(self) -> None:
        ids = self.post("/samples/bulk", {"items": [{"name": "a"}, {"name": "b"}]}).json()["ids"]
        rows = [self.get(f"/samples/{id}/whole").json() for id in ids]
        self.assertNotEqual(rows[0]["save_number"], rows[1]["save_number"])
        self.assertEqual({row["hidden"] for row in rows}, {"abc"})
        self.assertEqual({row["level"] for row in rows}, {7})

    def test_json_and_decimals_are_exported_as_json(self) -> None:
        self.post("/samples", {"name": "x", "data": {"a": [1, None, "é"]}})
        text = b"".join(self.get("/samples/export?format=ndjson")).decode()
        self.assertEqual(json.loads(text)["level"], 7)
        self.assertIn("double", b"".join(self.get("/samples/export")).decode().splitlines()[0])


class AsyncTests(ExampleTestCase):
    def test_an_async_operation_returns_an_object(self) -> None:
        sample = self.sample()
        response = self.get(f"/native/async/get/{sample.pk}")
        self.assertEqual((response.status_code, response.json()["name"]), (200, "Sample"))
        self.assertProblem(self.get(f"/native/async/get/{'2' * 20}"), 404, "not-found")
        self.assertProblem(self.get(f"/native/async/get/{sample.pk}", key=None), 401, "invalid-key")

    def test_an_async_write_is_one_transaction(self) -> None:
        self.assertEqual(self.post("/native/async/create", {"name": "x"}).status_code, 201)
        self.assertProblem(self.post("/native/async/fail"), 409, "conflict")
        self.assertEqual([sample.name for sample in Sample.objects.all()], ["x"])

    def test_an_async_write_can_be_retried(self) -> None:
        for replayed in (False, True):
            response = self.post("/native/async/create", {"name": "x"}, headers={"Idempotency-Key": "k"})
            self.assertEqual(response.status_code, 201, response.content)
            self.assertEqual("Idempotent-Replayed" in response, replayed)
        self.assertEqual(Sample.objects.count(), 1)


class DjangoTests(ExampleTestCase):
    def test_third_party_middleware_and_its_hooks_run(self) -> None:
        middleware = [*settings.MIDDLEWARE, "tests.example.middleware.Recorder"]
        with override_settings(MIDDLEWARE=middleware):
            response = self.get("/native/undeclared")
            self.assertEqual(response["X-Hooks"], "request process_view")
            self.client.raise_request_exception = False
            failed = self.post("/native/unanswerable")
            self.assertEqual(
                (failed.status_code, failed["X-Hooks"]), (503, "request process_view process_exception")
            )

    def test_atomic_requests_roll_back_after_an_error(self) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = True
        self.addCleanup(connection.settings_dict.__setitem__, "ATOMIC_REQUESTS", False)
        self.assertEqual(self.post("/samples", {"name": "x"}).status_code, 201)
        self.client.raise_request_exception = False
        with self.assertLogs("django.request", "ERROR"):
            self.post("/native/unanswerable")
        self.assertEqual(Sample.objects.count(), 1)


class DocumentTests(ExampleTestCase):
    def test_every_operation_is_documented(self) -> None:
        document = self.get("/openapi.json", key=None)
        self.assertEqual(document.status_code, 200)
        paths = document.json()["paths"]
        self.assertEqual(set(paths["/api/native/error/{status}"]), {"get"})
        self.assertIn("multipart/form-data", paths["/api/native/file"]["post"]["requestBody"]["content"])
        self.assertEqual(set(paths["/api/samples/{id}"]), {"get", "put", "patch", "delete"})
        self.assertIn("204", paths["/api/native/nothing"]["get"]["responses"])
        self.assertNotIn("security", paths["/api/native/open"]["get"])

    def test_post_on_an_object_updates_it_like_patch(self) -> None:
        sample = self.sample()
        response = self.post(f"/samples/{sample.pk}", {"number": 4})
        self.assertEqual((response.status_code, response.json()["number"]), (200, 4))


class BulkTests(ExampleTestCase):
    def test_an_empty_cell_of_a_nullable_field_is_null(self) -> None:
        text = b"name,code,number,price,data,place_id\r\nx,,7,1.5,{},\r\n"
        response = self.post("/samples/bulk", text, content_type="text/csv")
        self.assertEqual(response.status_code, 201, response.content)
        sample = Sample.objects.get()
        self.assertEqual((sample.code, sample.place_id, sample.number), (None, None, 7))

    def test_a_list_that_ninja_validates_counts_only_when_asked(self) -> None:
        self.sample()
        self.assertNotIn("count", self.get("/samples/masked").json())
        self.assertEqual(self.get("/samples/masked?count=true").json()["count"], 1)


class UnstorableTests(ExampleTestCase):
    def assert_rejected(self, body: bytes, status: int, slug: str) -> dict[str, Any]:
        problem = self.assertProblem(self.post("/samples", body), status, slug)
        self.assertFalse(Sample.objects.exists())
        return problem

    def test_a_nul_or_a_lone_surrogate_is_named_wherever_it_is(self) -> None:
        for text, code in (("\\u0000", "nul_character"), ("\\ud800", "string_unicode")):
            for body, pointer in (
                ('{"name": "x", "data": {"a": ["%s"]}}', "/data/a/0"),
                ('{"name": "x", "code": "%s"}', "/code"),
            ):
                with self.subTest(body, code=code):
                    problem = self.assert_rejected((body % text).encode(), 422, "validation-error")
                    error = problem["errors"][0]
                    self.assertEqual((error["pointer"], error["code"]), (pointer, code))

    def test_a_number_beyond_a_double_is_not_json(self) -> None:
        self.assert_rejected(b'{"name": "x", "data": 1e400}', 400, "malformed-request")

    def test_a_body_that_is_nested_too_deeply_is_malformed(self) -> None:
        deep = b'{"name": "x", "data": ' + b"[" * 900 + b"]" * 900 + b"}"
        self.assert_rejected(deep, 400, "malformed-request")

    def test_what_no_column_takes_is_invalid_on_postgresql(self) -> None:
        if connection.vendor == "sqlite":
            return  # which stores texts and numbers of any length
        for fields in ({"code": "x" * 30}, {"price": "1e30"}, {"price": "12345678901.1"}):
            with self.subTest(fields):
                body = json.dumps({"name": "x", **fields}).encode()
                self.assert_rejected(body, 422, "validation-error")


class FilterTests(ExampleTestCase):
    def test_a_default_of_a_filter_is_applied(self) -> None:
        class Large(SampleSelection):
            number__gte: int | None = 5

        large, small = self.sample(name="large", number=9), self.sample(name="small", number=1)
        mine = Sample.objects.for_owner(self.alice)
        self.assertEqual(list(Large().of(mine)), [large])
        self.assertEqual(list(Large(number__gte=1, sort="name").of(mine)), [large, small])
