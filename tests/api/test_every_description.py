"""Descriptions, headers and security of every operation in the OpenAPI document."""

from typing import Any

from django.test import SimpleTestCase
from ninja.operation import Operation as NinjaOperation

from config.api import api
from tests.operations import DOCUMENT, operations, resolve

ON_EVERY_RESPONSE = {"X-Request-ID", "RateLimit", "RateLimit-Policy"}
RESPONSE_HEADERS = {
    "list": {"Link"},
    "export": set[str](),
    "get": {"ETag", "Last-Modified"},
    "create": {"ETag", "Location", "Idempotent-Replayed"},
    "bulk": {"Idempotent-Replayed"},
    "replace": {"ETag"},
    "update": {"ETag"},
    "delete": set[str](),
    "read": set[str](),
}
REQUEST_HEADERS = {
    "get": {"If-None-Match", "If-Modified-Since"},
    "create": {"Idempotency-Key"},
    "bulk": {"Idempotency-Key"},
    "replace": {"If-Match"},
    "update": {"If-Match"},
    "delete": {"If-Match"},
}


def functions() -> dict[str, NinjaOperation]:
    """Return ninja's operations by the name of their view function."""
    return {
        operation.view_func.__name__: operation
        for _, router in api._routers
        for view in router.path_operations.values()
        for operation in view.operations
        if operation.include_in_schema
    }


class EveryDescriptionTests(SimpleTestCase):
    def test_each_operation_id_is_the_name_of_its_function(self) -> None:
        names = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
        self.assertEqual(sorted(names), sorted(functions()))

    def test_each_operation_has_a_summary_a_tag_and_its_docstring(self) -> None:
        for operation in operations():
            with self.subTest(operation.name):
                details = operation.details
                self.assertRegex(details["summary"], r"^[A-Z][a-z]+ .*[^.]$")
                self.assertEqual(len(details["tags"]), 1)
                docstring = functions()[operation.name].view_func.__doc__ or ""
                words = docstring.split()
                self.assertEqual(details["description"].split()[: len(words)], words)  # an example follows

    def test_each_response_documents_its_headers(self) -> None:
        for operation in operations():
            for status in operation.details["responses"]:
                with self.subTest(operation.name, status=status):
                    response = resolve(operation.details["responses"][status])
                    for header in response["headers"].values():
                        self.assertTrue(resolve(header)["description"])
                    named = set(response["headers"])
                    if int(status) < 300:
                        self.assertEqual(named, ON_EVERY_RESPONSE | RESPONSE_HEADERS[operation.kind])
                    elif int(status) >= 400:
                        schema = response["content"]["application/problem+json"]["schema"]
                        self.assertEqual(schema, {"$ref": "#/components/schemas/Problem"})
                    self.assertEqual("Retry-After" in named, status in ("409", "429", "503"))
                    self.assertEqual("WWW-Authenticate" in named, status == "401")

    def test_each_operation_documents_the_headers_it_reads(self) -> None:
        for operation in operations():
            parameters = [resolve(parameter) for parameter in operation.details["parameters"]]
            sent = {each["name"] for each in parameters if each["in"] == "header"}
            self.assertEqual(sent, REQUEST_HEADERS.get(operation.kind, set()), operation.name)

    def test_each_parameter_and_field_is_described(self) -> None:
        for operation in operations():
            for parameter in map(resolve, operation.details["parameters"]):
                with self.subTest(operation.name, parameter=parameter["name"]):
                    self.assertTrue(parameter.get("description") or parameter["schema"].get("description"))
            if "requestBody" in operation.details:
                for name, field in operation.fields.items():
                    with self.subTest(operation.name, field=name):
                        self.assertTrue(field["description"])
                        self.assertTrue(field["examples"])

    def test_each_operation_requires_an_api_key_and_nothing_else(self) -> None:
        schemes: dict[str, Any] = DOCUMENT["components"]["securitySchemes"]
        self.assertEqual([scheme["name"] for scheme in schemes.values()], ["X-API-Key"])
        for operation in operations():
            self.assertEqual(operation.details["security"], [{name: []} for name in schemes])
