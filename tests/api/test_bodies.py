"""Validation of request bodies, mostly shown on create; test_every_body.py covers the other operations."""

import json
from io import BytesIO
from typing import Any

from simulations.models import Simulation
from tests.base import VALID, ApiTestCase


class BodyTests(ApiTestCase):
    def create(self, body: Any, **changes: Any) -> Any:
        return self.call("POST", "/api/simulations", body, **changes)

    def assert_rejected(self, response: Any, status: int, slug: str) -> dict[str, Any]:
        problem = self.assertProblem(response, status, slug)
        self.assertFalse(Simulation.objects.exists())
        return problem

    def assert_invalid(self, body: Any, pointer: str, code: str) -> None:
        problem = self.assert_rejected(self.create(body), 422, "validation-error")
        self.assertEqual([(e["pointer"], e["code"]) for e in problem["errors"]], [(pointer, code)])
        self.assertEqual(problem["detail"], "1 field is invalid.")

    def test_create_rejects_invalid_json(self) -> None:
        for body in (
            b"",
            b"{",
            b"[1, 2",
            b"{'name': 1}",
            b'{"name": NaN}',
            b'{"name": -Infinity}',
            b'\xef\xbb\xbf{"name": "after a byte order mark"}',
            b"[" * 100_000,
            b"1" * 5_000,
        ):
            with self.subTest(body[:20]):
                self.assert_rejected(self.create(body), 400, "malformed-request")

    def test_create_rejects_other_media_types(self) -> None:
        for media_type in (
            "text/plain",
            "",
            "application/x-www-form-urlencoded",
            "application/merge-patch+json",
        ):
            with self.subTest(media_type):
                response = self.create(VALID, content_type=media_type)
                self.assert_rejected(response, 415, "unsupported-media-type")

    def test_create_rejects_other_encodings(self) -> None:
        body = '{"name": "Größe", "start_date": "2026-01-01", "end_date": "2026-01-01"}'
        latin = self.create(body.encode("latin-1"))
        self.assert_rejected(latin, 415, "unsupported-media-type")
        declared = self.create(body.encode("utf-16"), content_type="application/json; charset=utf-16")
        self.assert_rejected(declared, 415, "unsupported-media-type")

    def test_create_accepts_a_declared_utf8_charset(self) -> None:
        response = self.create(VALID, content_type='application/json; charset="UTF-8"')
        self.assertEqual(response.status_code, 201)

    def test_create_rejects_a_body_over_one_mebibyte(self) -> None:
        body = b'{"name": "x", "start_date": "2026-01-01", "end_date": "2026-01-01"}'
        self.assert_rejected(self.create(body.ljust(2**20 + 1)), 413, "body-too-large")
        self.assertEqual(self.create(body.ljust(2**20)).status_code, 201)

    def test_bulk_rejects_an_incomplete_body(self) -> None:
        line = json.dumps(VALID).encode() + b"\n"
        incomplete = {
            "wsgi.input": BytesIO(line),
            "CONTENT_LENGTH": str(len(line * 2)),
            "HTTP_X_API_KEY": self.key,
        }
        response = self.client.generic(
            "POST",
            "/api/simulations/bulk",
            b"",
            "application/x-ndjson",
            **incomplete,  # type: ignore[arg-type]
        )
        self.assert_rejected(response, 400, "malformed-request")

    def test_create_rejects_json_that_is_not_an_object(self) -> None:
        bodies: list[Any] = [[], "text", 1, None, True]
        for body in bodies:
            with self.subTest(body):
                self.assert_invalid(body, "", "model_type")

    def test_create_rejects_unknown_and_server_set_fields(self) -> None:
        for name in ("id", "created_at", "updated_at", "owner", "owner_id", "version", "nmae"):
            self.assert_invalid({**VALID, name: "x"}, f"/{name}", "extra_forbidden")

    def test_pointers_escape_unusual_field_names(self) -> None:
        self.assert_invalid({**VALID, "a/b~c": 1}, "/a~1b~0c", "extra_forbidden")
        self.assert_invalid({**VALID, "": 1}, "/", "extra_forbidden")
        self.assert_invalid({**VALID, "\ud800": 1}, "", "string_unicode")

    def test_create_rejects_a_missing_field(self) -> None:
        for name in VALID:
            rest = {key: value for key, value in VALID.items() if key != name}
            self.assert_invalid(rest, f"/{name}", "missing")

    def test_create_rejects_a_name_that_is_not_a_string(self) -> None:
        for name in (None, 1, 1.5, True, ["x"], {"x": 1}):
            with self.subTest(name):
                self.assert_invalid({**VALID, "name": name}, "/name", "string_type")

    def test_create_rejects_an_empty_too_long_or_unstorable_name(self) -> None:
        self.assert_invalid({**VALID, "name": ""}, "/name", "string_too_short")
        self.assert_invalid({**VALID, "name": " \t\u00a0\u2003\n"}, "/name", "string_too_short")
        self.assert_invalid({**VALID, "name": "x" * 301}, "/name", "string_too_long")
        self.assert_invalid({**VALID, "name": "a\0b"}, "/name", "nul_character")
        self.assert_invalid({**VALID, "name": "a\ud800b"}, "/name", "string_unicode")

    def test_create_rejects_other_date_formats(self) -> None:
        for value in (
            0,
            1.5,
            None,
            True,
            "",
            "2026-1-1",
            "20260101",
            "2026-01-01T00:00:00Z",
            "1767225600",
            " 2026-01-01",
            "2026-01-01 ",
            "+2026-01-01",
            "2026-W01-1",
            "２０２６-01-01",
            ["2026-01-01"],
        ):
            with self.subTest(value):
                self.assert_invalid({**VALID, "start_date": value}, "/start_date", "date_format")

    def test_create_rejects_a_date_that_does_not_exist(self) -> None:
        for value in ("2026-02-29", "2026-13-01", "2026-00-01", "0000-01-01"):
            with self.subTest(value):
                self.assert_invalid({**VALID, "start_date": value}, "/start_date", "date_parsing")

    def test_create_reports_every_invalid_field(self) -> None:
        response = self.create({"name": "", "start_date": "x", "end_date": None, "id": 1})
        problem = self.assert_rejected(response, 422, "validation-error")
        pointers = {error["pointer"] for error in problem["errors"]}
        self.assertEqual(pointers, {"/name", "/start_date", "/end_date", "/id"})
        self.assertEqual(problem["detail"], "4 fields are invalid.")
