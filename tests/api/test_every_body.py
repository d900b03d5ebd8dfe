"""Validation of every body and field in the OpenAPI document."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.operations import Operation, OperationTestCase

SERVER_SET = ("id", "created_at", "updated_at", "owner", "owner_id", "version")

WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "string": (1, 1.5, True, ["x"], {"x": "x"}),
    "integer": ("1", 1.5, 1.0, True, [1], {}),
    "number": ("1", True, [1.5], {}),
    "boolean": ("true", 0, 1, [True], {}),
}


@dataclass(frozen=True)
class Body:
    """The body of an operation. In a bulk create, the tested object is the second of two items."""

    operation: Operation

    @property
    def example(self) -> dict[str, Any]:
        body = self.operation.body
        return dict(body["items"][0] if self.operation.kind == "bulk" else body)

    def wrap(self, value: Any) -> Any:
        return {"items": [self.example, value]} if self.operation.kind == "bulk" else value

    def pointer(self, name: str) -> str:
        return ("/items/1" if self.operation.kind == "bulk" else "") + name


class EveryBodyTests(OperationTestCase):
    def bodies(self) -> Iterator[Body]:
        """Yield each body. After the test of each, check that it wrote nothing."""
        for operation in self.each():
            if "requestBody" in operation.details:
                before = self.rows()
                yield Body(operation)
                self.assertEqual(self.rows(), before)

    def fields(self) -> Iterator[tuple[Body, str, dict[str, Any]]]:
        for body in self.bodies():
            for name, schema in body.operation.fields.items():
                with self.subTest(name):
                    yield body, name, schema

    def assert_rejected(self, body: Body, value: Any, name: str, code: str = "") -> None:
        response = self.send(body.operation, body=body.wrap(value))
        self.assertInvalid(response, "pointer", body.pointer(name), code)

    def assert_field_rejected(self, body: Body, name: str, value: Any, code: str = "") -> None:
        with self.subTest(name, value=repr(value)[:40]):
            self.assert_rejected(body, {**body.example, name: value}, f"/{name}", code)

    def test_operations_reject_invalid_json(self) -> None:
        for body in self.bodies():
            for text in (
                b"",
                b"{",
                b"{'a': 1}",
                b'{"a": NaN}',
                b'{"a": -Infinity}',
                b"\xef\xbb\xbf" + json.dumps(body.operation.body).encode(),
                b"[" * 100_000,
                b"1" * 5_000,
            ):
                with self.subTest(text[:20]):
                    self.assertProblem(self.send(body.operation, body=text), 400, "malformed-request")

    def test_operations_reject_other_media_types_and_encodings(self) -> None:
        media_types = {
            "text/plain",
            "",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        }
        media_types |= {"application/merge-patch+json", "text/csv", "application/x-ndjson", "application/xml"}
        for body in self.bodies():
            content = body.operation.details["requestBody"]["content"]
            for media_type in sorted(media_types - set(content)):
                with self.subTest(media_type):
                    response = self.send(body.operation, content_type=media_type)
                    self.assertProblem(response, 415, "unsupported-media-type")
            for media_type in content:
                latin = self.send(body.operation, body=b"\xfc", content_type=media_type)
                self.assertProblem(latin, 415, "unsupported-media-type")
                declared = self.send(body.operation, content_type=f"{media_type}; charset=latin-1")
                self.assertProblem(declared, 415, "unsupported-media-type")

    def test_operations_accept_declared_utf8_and_every_documented_json_type(self) -> None:
        for operation in self.each():
            for media_type in operation.details.get("requestBody", {"content": ()})["content"]:
                if media_type.endswith(("/json", "+json")):
                    response = self.send(operation, content_type=f'{media_type}; charset="UTF-8"')
                    self.assertEqual(response.status_code, operation.success, response.content)

    def test_operations_reject_a_body_that_is_too_large(self) -> None:
        for body in self.bodies():
            limit = (10 if body.operation.kind == "bulk" else 1) * 2**20
            response = self.send(body.operation, body=b" " * (limit + 1))
            self.assertProblem(response, 413, "body-too-large")
            response = self.send(body.operation, body=b" " * limit)
            self.assertProblem(response, 400, "malformed-request")

    def test_operations_reject_json_that_is_not_an_object(self) -> None:
        values: list[Any] = [[], "text", 1, None, True, [{}]]
        for body in self.bodies():
            for value in values:
                with self.subTest(value):
                    self.assert_rejected(body, value, "", "model_type")

    def test_operations_reject_unknown_and_server_set_fields(self) -> None:
        for body in self.bodies():
            for name in (*SERVER_SET, "colour"):
                self.assert_field_rejected(body, name, "x", "extra_forbidden")
            self.assert_rejected(body, {**body.example, "a/b~c": 1}, "/a~1b~0c", "extra_forbidden")

    def test_operations_reject_a_missing_required_field(self) -> None:
        for body in self.bodies():
            self.assertEqual(body.operation.kind == "update", not body.operation.required)
            for name in body.operation.required:
                rest = {key: value for key, value in body.example.items() if key != name}
                self.assert_rejected(body, rest, f"/{name}", "missing")

    def test_update_sets_each_field_on_its_own(self) -> None:
        for operation in self.each("update"):
            before = self.make(operation)
            target = operation.on(before["id"])
            self.assertEqual(self.send(target, body={}).json(), before)
            for name, value in operation.body.items():
                self.assertEqual(self.send(target, body={name: value}).json()[name], value)

    def test_replace_without_an_optional_field_sets_its_default(self) -> None:
        for operation in self.each("replace"):
            body = {name: operation.body[name] for name in operation.required}
            replaced = self.send(operation, body=body).json()
            for name, schema in operation.fields.items():
                if name not in operation.required:
                    self.assertEqual(replaced[name], schema.get("default"))

    def test_operations_reject_null(self) -> None:
        for body, name, schema in self.fields():
            if "type" in schema:
                self.assert_field_rejected(body, name, None)

    def test_operations_reject_a_value_of_the_wrong_type(self) -> None:
        for body, name, schema in self.fields():
            for value in WRONG_TYPES.get(schema.get("type", ""), ()):
                self.assert_field_rejected(body, name, value)

    def test_operations_reject_a_string_of_invalid_length_or_characters(self) -> None:
        for body, name, schema in self.fields():
            if schema.get("type") == "string":
                self.assert_field_rejected(body, name, "a\0b")
                self.assert_field_rejected(body, name, "a\ud800b")
            if "maxLength" in schema:
                self.assert_field_rejected(body, name, "x" * (schema["maxLength"] + 1), "string_too_long")
            if schema.get("minLength"):
                self.assert_field_rejected(body, name, "", "string_too_short")
                self.assert_field_rejected(body, name, " \t\u00a0\u2003\n", "string_too_short")

    def test_operations_reject_a_number_out_of_range(self) -> None:
        for body, name, schema in self.fields():
            if "minimum" in schema:
                self.assert_field_rejected(body, name, schema["minimum"] - 1, "greater_than_equal")
            if "maximum" in schema:
                self.assert_field_rejected(body, name, schema["maximum"] + 1, "less_than_equal")

    def test_operations_reject_other_date_formats(self) -> None:
        for body, name, schema in self.fields():
            if schema.get("format") == "date":
                for value in (
                    "",
                    "2026-1-1",
                    "20260101",
                    "2026-01-01T00:00:00Z",
                    " 2026-01-01",
                    "2026-02-29",
                ):
                    self.assert_field_rejected(body, name, value, "date_")

    def test_operations_report_every_invalid_field(self) -> None:
        for body in self.bodies():
            value: dict[str, Any] = {name: {} for name in (*body.operation.fields, "colour")}
            response = self.send(body.operation, body=body.wrap(value))
            problem = self.assertProblem(response, 422, "validation-error")
            found = {error["pointer"] for error in problem["errors"]}
            self.assertEqual(found, {body.pointer(f"/{name}") for name in value})
            self.assertEqual(problem["detail"], f"{len(value)} fields are invalid.")

    def test_bulk_creates_all_items_or_none(self) -> None:
        for operation in self.each("bulk"):
            one = operation.body["items"][0]
            for items, pointer, code in (
                ([one, {}, one], None, "missing"),
                ([], "/items", "too_short"),
                ([one] * 10_001, "/items", "too_long"),
                (None, "/items", "list_type"),
            ):
                before = self.rows()
                response = self.send(operation, body={"items": items})
                errors = self.assertProblem(response, 422, "validation-error")["errors"]
                if pointer:
                    self.assertEqual([(e["pointer"], e["code"]) for e in errors], [(pointer, code)])
                else:
                    self.assertTrue(all(error["pointer"].startswith("/items/1/") for error in errors))
                self.assertEqual(self.rows(), before)
            created = self.send(operation, body={"items": [operation.varied(n) for n in range(4)]}).json()
            self.assertEqual((created["created"], len(set(created["ids"]))), (4, 4))
