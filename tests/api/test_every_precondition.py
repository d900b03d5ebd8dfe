"""Conditional requests to every operation on an object in the OpenAPI document."""

from typing import Any

from django.test import override_settings
from django.utils.http import http_date

from tests.operations import Operation, OperationTestCase, sibling

CHANGES = ("replace", "update", "delete")

MATCHING = ('"1"', "*", ' "1" ', 'W/"1"', '"7", "1"', '"7",W/"1" , "8"', '"a,b", "1"')
STALE = ('"2"', 'W/"2"', '"0"', '"7", "8"', '""', '"01"', '"*"')
MALFORMED = ("", "1", '"1', "1, 2", '"1" "2"', '"1",', ',"1"', "*, *", 'w/"1"', '"a"b"')


class EveryPreconditionTests(OperationTestCase):
    def conditional(self, operation: Operation, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(operation, headers=sent)

    def test_changes_succeed_if_the_version_matches(self) -> None:
        for header in MATCHING:
            for operation in self.each(*CHANGES):
                with self.subTest(header):
                    response = self.conditional(operation, If_Match=header)
                    self.assertEqual(response.status_code, 200, response.content)

    def test_changes_fail_if_the_version_does_not_match(self) -> None:
        for operation in self.each(*CHANGES):
            before = self.rows()
            for header in STALE:
                with self.subTest(header):
                    response = self.conditional(operation, If_Match=header)
                    self.assertProblem(response, 412, "precondition-failed")
            self.assertEqual(self.rows(), before)

    def test_changes_fail_if_the_version_is_outdated(self) -> None:
        for operation in self.each(*CHANGES):
            change = sibling(operation, "update").on(operation.id)
            tag = self.send(change)["ETag"]
            self.assertEqual(tag, '"2"')
            stale = self.conditional(operation, If_Match='"1"')
            self.assertProblem(stale, 412, "precondition-failed")
            self.assertEqual(self.conditional(operation, If_Match=tag).status_code, 200)

    def test_changes_reject_a_malformed_if_match(self) -> None:
        for operation in self.each(*CHANGES):
            before = self.rows()
            for header in MALFORMED:
                with self.subTest(header):
                    response = self.conditional(operation, If_Match=header)
                    problem = self.assertProblem(response, 400, "malformed-request")
                    self.assertEqual([e["header"] for e in problem["errors"]], ["If-Match"])
            self.assertEqual(self.rows(), before)

    def test_a_missing_object_is_not_found_whatever_if_match_says(self) -> None:
        for operation in self.each(*CHANGES):
            for id, key in (("2" * 20, self.key), (operation.id, self.bobs_key)):
                response = self.send(operation.on(id), key=key, headers={"If-Match": '"99"'})
                self.assertProblem(response, 404, "not-found")

    def test_changes_require_if_match_if_configured(self) -> None:
        for operation in self.each(*CHANGES):
            before = self.rows()
            with override_settings(REQUIRE_IF_MATCH=True):
                self.assertProblem(self.send(operation), 428, "precondition-required")
                self.assertEqual(self.rows(), before)
                self.assertEqual(self.conditional(operation, If_Match='"1"').status_code, 200)

    def test_changes_raise_the_version_and_reads_do_not(self) -> None:
        for operation in self.each("replace", "update"):
            get = sibling(operation, "get").on(operation.id)
            for version in (2, 3):
                tag = f'"{version}"'
                self.assertEqual(self.send(operation)["ETag"], tag)
                self.assertEqual((self.send(get)["ETag"], self.send(get)["ETag"]), (tag, tag))
        for operation in self.each("update"):
            self.assertEqual(self.send(operation, body={})["ETag"], '"1"')

    def test_get_returns_304_if_nothing_has_changed(self) -> None:
        for operation in self.each("get"):
            full = self.send(operation)
            modified = full["Last-Modified"]
            for headers in (
                *({"If_None_Match": header} for header in MATCHING),
                {"If_Modified_Since": modified},
                {"If_Modified_Since": http_date(2_000_000_000)},
                {"If_None_Match": '"1"', "If_Modified_Since": http_date(0)},
                {"If_None_Match": "not a tag", "If_Modified_Since": modified},
            ):
                for method in ("GET", "HEAD"):
                    with self.subTest(method, **headers):
                        sent = {name.replace("_", "-"): value for name, value in headers.items()}
                        response = self.call(method, operation.path, headers=sent)
                        self.assertEqual((response.status_code, response.content), (304, b""))
                        self.assertEqual(response["ETag"], full["ETag"])
                        self.assertNotIn("Content-Type", response)

    def test_get_returns_the_full_response_when_the_condition_does_not_match(self) -> None:
        for operation in self.each("get"):
            full = self.send(operation)
            modified = full["Last-Modified"]
            for headers in (
                *({"If_None_Match": header} for header in (*STALE, *MALFORMED)),
                {"If_Modified_Since": http_date(0)},
                {"If_Modified_Since": "yesterday"},
                {"If_Modified_Since": ""},
                {"If_None_Match": '"7"', "If_Modified_Since": modified},  # RFC 9110, 13.1.3
            ):
                with self.subTest(**headers):
                    response = self.conditional(operation, **headers)
                    self.assertEqual((response.status_code, response.content), (200, full.content))

    def test_get_returns_the_full_response_after_a_change(self) -> None:
        for operation in self.each("get"):
            self.send(sibling(operation, "update").on(operation.id))
            self.assertEqual(self.conditional(operation, If_None_Match='"1"').status_code, 200)
            self.assertEqual(self.conditional(operation, If_None_Match='"2"').status_code, 304)
