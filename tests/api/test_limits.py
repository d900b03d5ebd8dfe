"""Counting of requests: in fixed windows, each request once."""

import sys
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from django.core.cache import cache
from django.test import SimpleTestCase, override_settings

from api.limits import count
from config.environment import Rate
from tests.base import ApiTestCase


class WindowTests(ApiTestCase):
    @override_settings(RATE_LIMIT=Rate(1, 60))
    def test_a_new_window_starts_when_the_previous_one_ends(self) -> None:
        for now, status, header in (
            (6_000.0, 200, '"key";r=0;t=60'),
            (6_059.0, 429, '"key";r=0;t=1'),
            (6_060.0, 200, '"key";r=0;t=60'),
        ):
            with mock.patch("api.limits.time.time", return_value=now):
                response = self.call("GET", "/api/me")
            self.assertEqual((response.status_code, response["RateLimit"]), (status, header))
            self.assertEqual(response["RateLimit-Policy"], '"key";q=1;w=60')
            self.assertEqual(response.get("Retry-After"), "1" if status == 429 else None)


class CountTests(SimpleTestCase):
    def test_concurrent_requests_are_each_counted_once(self) -> None:
        cache.clear()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)
        with ThreadPoolExecutor(8) as pool:
            counted = list(pool.map(lambda _: count("x", 10**9), range(2_000)))
        self.assertEqual(sorted(used for used, _ in counted), list(range(1, 2_001)))
