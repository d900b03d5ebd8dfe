"""The messages of `manage.py check` about rate limits."""

from django.core.checks import run_checks
from django.test import TestCase, override_settings

from config.environment import Rate


class RateLimitCheckTests(TestCase):
    def ids(self) -> set[str]:
        return {message.id or "" for message in run_checks()}

    @override_settings(REDIS_URL="", WEB_CONCURRENCY=2, RATE_LIMIT=Rate(1, 1))
    def test_check_reports_that_each_worker_counts_separately(self) -> None:
        self.assertIn("api.I001", self.ids())

    def test_check_reports_nothing_with_redis_one_worker_or_no_limits(self) -> None:
        shared = {"REDIS_URL": "redis://127.0.0.1", "WEB_CONCURRENCY": 2, "RATE_LIMIT": Rate(1, 1)}
        for changes in ({}, {"WEB_CONCURRENCY": 1}, {"RATE_LIMIT": None, "RATE_LIMIT_ANONYMOUS": None}):
            settings = {**shared, **({"REDIS_URL": ""} if changes else {}), **changes}
            with self.subTest(**settings), override_settings(**settings):
                self.assertNotIn("api.I001", self.ids())
