"""Safe retries of every POST in the OpenAPI document."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from api.models import StoredResponse
from tests.base import issue_key
from tests.operations import Operation, OperationTestCase, operations, sibling

RETRIED = ("create", "bulk")


class EveryRetryTests(OperationTestCase):
    def retry(self, operation: Operation, header: str = "first", **changes: Any) -> Any:
        return self.send(operation, headers={"Idempotency-Key": header}, **changes)

    def assert_replayed(self, retried: Any, first: Any) -> None:
        self.assertEqual((retried.status_code, retried.content), (first.status_code, first.content))
        for name in ("Content-Type", "ETag", "Location", "Cache-Control", "Vary"):
            self.assertEqual(retried.get(name), first.get(name), name)
        self.assertEqual(retried.get("Idempotent-Replayed"), "true")
        self.assertNotIn("Idempotent-Replayed", first)

    def retried(self) -> Iterator[tuple[Operation, Any, list[Any]]]:
        """Yield each operation after sending it once, with its response and all rows after it."""
        for operation in self.each(*RETRIED):
            StoredResponse.objects.all().delete()
            first = self.retry(operation)
            self.assertEqual(first.status_code, 201, first.content)
            yield operation, first, self.rows()

    def test_the_document_lists_idempotency_key_for_each_post(self) -> None:
        for operation in operations():
            parameters = {parameter.get("$ref", "") for parameter in operation.details["parameters"]}
            documented = "#/components/parameters/Idempotency-Key" in parameters
            self.assertEqual(documented, operation.kind in RETRIED)

    def test_a_retry_returns_the_first_response(self) -> None:
        for operation, first, rows in self.retried():
            for _ in range(2):
                self.assert_replayed(self.retry(operation), first)
            self.assertEqual(self.rows(), rows)

    def test_quotes_around_an_idempotency_key_are_ignored(self) -> None:
        for operation, first, rows in self.retried():
            self.assert_replayed(self.retry(operation, '"first"'), first)
            escaped = self.retry(operation, r'"a\"b\\c"')
            self.assert_replayed(self.retry(operation, r'a"b\c'), escaped)
            self.assertNotEqual(self.rows(), rows)

    def test_a_retry_can_use_another_api_key_of_the_same_owner(self) -> None:
        for operation, first, rows in self.retried():
            self.assert_replayed(self.retry(operation, key=issue_key(self.alice)), first)
            self.assertEqual(self.rows(), rows)

    def test_a_retry_with_a_read_only_key_is_rejected(self) -> None:
        for operation, _, _ in self.retried():
            response = self.retry(operation, key=issue_key(self.alice, read_only=True))
            self.assertProblem(response, 403, "read-only-key")

    def test_each_owner_has_separate_idempotency_keys(self) -> None:
        for operation, first, rows in self.retried():
            theirs = self.retry(operation, key=self.bobs_key)
            self.assertEqual(theirs.status_code, 201)
            self.assertNotIn("Idempotent-Replayed", theirs)
            self.assertNotEqual(theirs.content, first.content)
            self.assertEqual(self.rows(), rows)

    def test_another_idempotency_key_or_none_writes_again(self) -> None:
        for operation, first, _ in self.retried():
            for response in (self.retry(operation, "second"), self.retry(operation, "FIRST")):
                self.assertNotIn("Idempotent-Replayed", response)
                self.assertNotEqual(response.content, first.content)
            self.assertNotEqual(self.send(operation).content, first.content)

    def test_an_idempotency_key_cannot_be_reused_for_another_request(self) -> None:
        for operation, _, rows in self.retried():
            other = operation.varied(3)
            body = {"items": [other]} if operation.kind == "bulk" else other
            self.assertProblem(self.retry(operation, body=body), 422, "idempotency-key-reused")
            for elsewhere in operations(*RETRIED):
                if elsewhere.path != operation.path:
                    self.assertProblem(self.retry(elsewhere), 422, "idempotency-key-reused")
            self.assertEqual(self.rows(), rows)

    def test_responses_are_stored_for_24_hours(self) -> None:
        for operation, first, _ in self.retried():
            for age, replayed in ((timedelta(hours=23, minutes=59), True), (timedelta(hours=24), False)):
                StoredResponse.objects.update(created_at=timezone.now() - age)
                response = self.retry(operation)
                self.assertEqual(response.content == first.content, replayed)
                self.assertEqual("Idempotent-Replayed" in response, replayed)
            self.assert_replayed(self.retry(operation), response)

    def test_errors_are_not_stored(self) -> None:
        for operation in self.each(*RETRIED):
            key, before = operation.name, self.rows()
            for wrong, status in (({"body": b"{"}, 400), ({"body": {}}, 422), ({"content_type": "x/y"}, 415)):
                self.assertEqual(self.retry(operation, key, **wrong).status_code, status)
            self.assertEqual(self.rows(), before)
            response = self.retry(operation, key)
            self.assertEqual(response.status_code, 201)
            self.assertNotIn("Idempotent-Replayed", response)

    def test_a_retry_works_after_the_object_was_changed_or_deleted(self) -> None:
        for operation, first, _ in self.retried():
            created = first.json()
            id = created["ids"][0] if operation.kind == "bulk" else created["id"]
            for kind in ("update", "delete"):
                self.assertEqual(self.send(sibling(operation, kind).on(id)).status_code, 200)
                self.assert_replayed(self.retry(operation), first)
            get = sibling(operation, "get").on(id)
            self.assertProblem(self.send(get), 404, "not-found")

    def test_an_invalid_idempotency_key_is_rejected(self) -> None:
        for operation in self.each(*RETRIED):
            before = self.rows()
            for header in ("", '""', "x" * 256, f'"{"x" * 256}"', "clé", "a b", "a\tb"):
                with self.subTest(header[:10]):
                    self.assertInvalid(self.retry(operation, header), "header", "Idempotency-Key")
            self.assertEqual(self.rows(), before)
            longest = operation.name.ljust(255, "~")
            self.assertEqual(self.retry(operation, longest).status_code, 201)

    def test_other_methods_ignore_idempotency_key(self) -> None:
        for operation in self.each():
            if operation.method != "POST":
                for _ in range(2 if operation.kind != "delete" else 1):
                    response = self.retry(operation, "")
                    self.assertEqual(response.status_code, operation.success)
                    self.assertNotIn("Idempotent-Replayed", response)
