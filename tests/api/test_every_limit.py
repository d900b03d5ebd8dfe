"""Rate limits on every operation in the OpenAPI document."""

import re
from typing import Any

from django.core.cache import cache
from django.test import override_settings

from config.environment import Rate
from tests.base import issue_key
from tests.operations import OperationTestCase

CENTURY = 36525 * 24 * 60 * 60  # seconds; long enough that no window ends during a test


def limited(quota: int) -> override_settings:
    return override_settings(RATE_LIMIT=Rate(quota, CENTURY))


class EveryLimitTests(OperationTestCase):
    def assert_rate_limit(self, response: Any, quota: int, remaining: int) -> None:
        policy = f'"key";q={quota};w={CENTURY}'
        self.assertEqual(response["RateLimit-Policy"], policy)
        header = re.fullmatch(r'"key";r=(\d+);t=(\d+)', response["RateLimit"])
        assert header is not None
        self.assertEqual(int(header[1]), remaining)
        self.assertTrue(1 <= int(header[2]) <= CENTURY)

    def test_every_response_has_the_remaining_quota(self) -> None:
        for operation in self.each():
            with limited(10):
                self.assert_rate_limit(self.send(operation), 10, 9)
                self.assert_rate_limit(self.send(operation, "?colour=blue"), 10, 8)
                self.assert_rate_limit(self.send(operation.on("2" * 20)), 10, 7)
                if operation.writes:
                    read_only = issue_key(self.alice, read_only=True)
                    self.assert_rate_limit(self.send(operation, key=read_only), 10, 9)

    def test_a_key_over_its_limit_is_rejected(self) -> None:
        for operation in self.each():
            before = self.rows()
            cache.clear()
            with limited(2):
                for _ in range(2):
                    self.send(operation, "?colour=blue")
                response = self.send(operation)
                problem = self.assertProblem(response, 429, "rate-limited")
                self.assert_rate_limit(response, 2, 0)
                self.assertIn(response["Retry-After"], problem["detail"])
                self.assertGreaterEqual(int(response["Retry-After"]), 1)
            cache.clear()
            self.assertEqual(self.rows(), before)

    def test_each_key_is_counted_separately(self) -> None:
        for operation in self.each():
            other = issue_key(self.alice)
            with limited(1):
                self.send(operation, "?colour=blue")
                self.assertEqual(self.send(operation, "?colour=blue").status_code, 429)
                self.assertEqual(self.send(operation, "?colour=blue", key=other).status_code, 422)
                self.assertLess(self.send(operation, key=self.bobs_key).status_code, 429)

    def test_the_limit_can_be_turned_off(self) -> None:
        for operation in self.each():
            with override_settings(RATE_LIMIT=None):
                response = self.send(operation)
                self.assertEqual(response.status_code, operation.success)
                self.assertNotIn("RateLimit", response)
                self.assertNotIn("RateLimit-Policy", response)

    def test_failed_authentication_is_limited_by_address(self) -> None:
        for operation in self.each():
            with override_settings(RATE_LIMIT_ANONYMOUS=Rate(2, CENTURY)):
                for key in (None, "gf_short"):
                    self.assertProblem(self.send(operation, key=key), 401, "invalid-key")
                for key in (None, "gf_short"):
                    response = self.send(operation, key=key)
                    self.assertProblem(response, 429, "rate-limited")
                    self.assertGreaterEqual(int(response["Retry-After"]), 1)
                    self.assertNotIn("RateLimit", response)
                self.assertEqual(self.send(operation).status_code, operation.success)

    def test_the_limit_on_failed_authentication_can_be_turned_off(self) -> None:
        for operation in self.each():
            with override_settings(RATE_LIMIT_ANONYMOUS=None):
                for _ in range(3):
                    self.assertProblem(self.send(operation, key=None), 401, "invalid-key")
