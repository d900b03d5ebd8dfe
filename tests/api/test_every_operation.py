"""Rules for every operation in the OpenAPI document, whatever the resource."""

import json
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from jsonschema import Draft202012Validator, FormatChecker

from api.idempotency import lock_number
from config.environment import Rate
from tests.base import issue_key
from tests.operations import DOCUMENT, Operation, OperationTestCase, operations, resolve

# SQL statements per kind of operation, including authentication and a copy of the replaced version.
# Savepoints are not counted: each request with a transaction adds one.
QUERIES = {
    "list": 2,
    "create": 2,
    "bulk": 2,
    "export": 2,
    "get": 2,
    "replace": 4,
    "update": 4,
    "delete": 5,
    "read": 1,
}


class EveryOperationTests(OperationTestCase):
    def test_responses_match_the_document(self) -> None:
        for operation in self.each():
            response = self.send(operation)
            self.assertEqual(response.status_code, operation.success)
            self.assert_documented(operation, response)

    def test_operations_require_a_key(self) -> None:
        for operation in self.each():
            self.assert_unauthorized(self.send(operation, key=None))

    def test_operations_reject_an_invalid_key(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        keys = {
            "malformed": "gf_short",
            "wrong checksum": self.key[:-1] + ("0" if self.key[-1] != "0" else "1"),
            "unknown": "gf_" + "0" * 30 + "2EtP3d",
            "expired": issue_key(self.alice, expires_at=past),
            "revoked": issue_key(self.alice, revoked_at=past),
        }
        for operation in self.each():
            for reason, key in keys.items():
                with self.subTest(reason):
                    self.assert_unauthorized(self.send(operation, key=key))

    def test_operations_reject_the_key_of_an_inactive_user(self) -> None:
        ready = list(self.each())
        self.alice.is_active = False
        self.alice.save()
        for operation in ready:
            with self.subTest(operation.name):
                self.assert_unauthorized(self.send(operation))

    def test_writes_reject_a_read_only_key(self) -> None:
        read_only = issue_key(self.alice, read_only=True)
        for operation in self.each(writes=False):
            self.assertEqual(self.send(operation, key=read_only).status_code, 200)
        for operation in self.each(writes=True):
            before = self.rows()
            self.assertProblem(self.send(operation, key=read_only), 403, "read-only-key")
            self.assertEqual(self.rows(), before)

    def test_someone_elses_object_is_not_found(self) -> None:
        for operation in self.each(on_object=True):
            before = self.rows()
            someone_elses = self.send(operation, key=self.bobs_key)
            unknown = self.send(operation.on("2" * 20), key=self.bobs_key)
            problem = self.assertProblem(someone_elses, 404, "not-found")
            self.assertEqual(problem["detail"], "Object not found.")
            self.assertEqual(set(someone_elses.headers), set(unknown.headers))
            self.assertEqual(self.rows(), before)

    def test_a_malformed_id_is_not_found(self) -> None:
        for operation in operations():
            if operation.on_object:
                for id in ("1", "x" * 21, "0" * 20, "%00" * 20, "é" * 20, "2" * 19 + "%0A", "%F0%9F%90%9F"):
                    with self.subTest(operation.name, id=id):
                        self.assertProblem(self.send(operation.on(id)), 404, "not-found")

    def test_operations_reject_an_unknown_parameter(self) -> None:
        for operation in self.each():
            before = self.rows()
            response = self.call(operation.method, f"{operation.path}?colour=blue", operation.body)
            problem = self.assertProblem(response, 422, "validation-error")
            self.assertEqual(problem["errors"][0]["parameter"], "colour")
            self.assertEqual(self.rows(), before)

    def test_responses_are_private_and_vary_by_api_key(self) -> None:
        for operation in self.each():
            responses = [self.send(operation), self.call(operation.method, f"{operation.path}?colour=blue")]
            for response in responses:
                self.assertEqual(response["Cache-Control"], "private, no-cache")
                self.assertEqual(response["Vary"], "X-API-Key")

    def test_options_lists_the_methods_of_each_path(self) -> None:
        for operation in operations():
            allow = self.call("OPTIONS", operation.path, key=None)["Allow"].split(", ")
            self.assertIn(operation.method, allow)
            self.assertEqual("HEAD" in allow, "GET" in allow)

    def test_operations_use_a_constant_number_of_queries(self) -> None:
        for operation in self.each():
            with CaptureQueriesContext(connection) as queries:
                list(self.send(operation))
            sent = [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
            self.assertEqual(len(sent), QUERIES[operation.kind], sent)

    def test_each_documented_status_can_be_produced(self) -> None:
        for unbound in operations():
            for status in sorted(unbound.details["responses"]):
                if status == "409" and connection.vendor == "sqlite":
                    continue  # there the second writer waits, and gets the response of the first
                with self.subTest(unbound.name, status=status):
                    operation = unbound.on(self.object_id(unbound))
                    response = self.produce(int(status), operation)
                    self.assertEqual(response.status_code, int(status), list(response))
                    self.assert_documented(operation, response)
                    if int(status) >= 400:
                        slugs = operation.details["responses"][status]["$ref"].rsplit("/", 1)[1]
                        self.assertProblem(response, int(status), slugs.split("-or-")[0])

    def produce(self, status: int, operation: Operation) -> Any:
        """Send a request that results in this status. Without an entry here, the valid request is sent."""
        self.client.raise_request_exception = status != 500
        fault = {500: RuntimeError("broken"), 503: OperationalError("gone")}.get(status)
        send: dict[int, Callable[[], Any]] = {
            304: lambda: self.send(operation, headers={"If-None-Match": "*"}),
            400: lambda: self.send(operation, body=b"{", headers={"If-Match": "7"}),
            401: lambda: self.send(operation, key=None),
            403: lambda: self.send(operation, key=issue_key(self.alice, read_only=True)),
            404: lambda: self.send(operation.on("2" * 20)),
            413: lambda: self.send(operation, body=b" " * (10 * 2**20 + 1)),
            409: lambda: self.send_during_another_request(operation),
            412: lambda: self.send(operation, headers={"If-Match": '"99"'}),
            415: lambda: self.send(operation, content_type="text/plain"),
            422: lambda: self.call(operation.method, f"{operation.path}?colour=blue", operation.body),
        }
        quota = Rate(0, 60) if status == 429 else settings.RATE_LIMIT
        with (
            connection.execute_wrapper(failing(fault)) if fault else nullcontext(),
            override_settings(RATE_LIMIT=quota, REQUIRE_IF_MATCH=status == 428),
        ):
            return send.get(status, lambda: self.send(operation))()

    def send_during_another_request(self, operation: Operation) -> Any:
        """Send a POST while another connection holds the lock of its Idempotency-Key."""
        other = connection.copy()
        with closing(other), other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_number(self.alice.pk, "busy")])
            return self.send(operation, headers={"Idempotency-Key": "busy"})

    def assert_unauthorized(self, response: Any) -> None:
        problem = self.assertProblem(response, 401, "invalid-key")
        self.assertEqual(problem["detail"], "X-API-Key header invalid.")
        self.assertEqual(response["WWW-Authenticate"], 'ApiKey realm="goatfish"')

    def assert_documented(self, operation: Operation, response: Any) -> None:
        """Check that the document describes the response's media type, body and headers."""
        documented = resolve(operation.details["responses"][str(response.status_code)])
        if response.status_code == 304:
            self.assertEqual(response.content, b"")
        else:
            media_type = response["Content-Type"].split(";")[0]
            schema = documented["content"][media_type]["schema"]
            validator = Draft202012Validator({**schema, **DOCUMENT}, format_checker=FormatChecker())
            body = b"".join(response)
            validator.validate(json.loads(body) if media_type.endswith("json") else body.decode())
        optional = {"Link", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed"}
        headers = {name for name in DOCUMENT["components"]["headers"] if name in response.headers}
        self.assertLessEqual(set(documented["headers"]) - optional, headers)
        self.assertLessEqual(headers - {"RateLimit", "RateLimit-Policy"}, set(documented["headers"]))


def failing(error: Exception) -> Callable[..., Any]:
    """Return an execute wrapper that raises this error for each statement."""

    def wrapper(*args: Any) -> Any:
        raise error

    return wrapper
