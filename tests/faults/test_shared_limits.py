"""Rate limits that several processes share in Redis, and that are off without it."""

import re
from collections import Counter

import httpx

from tests.faults.redis_server import needs_redis, start_redis
from tests.faults.service import ServiceTestCase, at_once
from tests.live import free_port

CALLERS = 50
ROUNDS = 6


@needs_redis
class SharedLimitTests(ServiceTestCase):
    """Two services, as on two machines, with four worker processes each."""

    # Windows last a day, so only a test that runs at midnight can see one end.
    variables = {"RATE_LIMIT": "100/day", "RATE_LIMIT_ANONYMOUS": "10/day", "WEB_CONCURRENCY": "4"}
    machines: list[httpx.Client]

    @classmethod
    def setUpClass(cls) -> None:
        cls.variables = {**cls.variables, "REDIS_URL": start_redis(cls).url}
        super().setUpClass()
        cls.machines = [cls.launch().client for _ in range(2)]

    def get_at_once(self, key: str) -> list[httpx.Response]:
        """Send 300 requests from 50 concurrent callers, alternating between the machines."""

        def call(number: int) -> list[httpx.Response]:
            return [
                self.machines[(number + turn) % 2].get("/api/me", headers={"X-API-Key": key})
                for turn in range(ROUNDS)
            ]

        return [response for call_responses in at_once(CALLERS, call) for response in call_responses]

    def test_all_processes_share_the_quota_of_a_key(self) -> None:
        key = self.manage("issue_key", "alice").strip()
        responses = self.get_at_once(key)
        accepted = [response for response in responses if response.status_code == 200]
        rejected = [response for response in responses if response.status_code == 429]
        self.assertEqual((len(accepted), len(rejected)), (100, CALLERS * ROUNDS - 100))
        self.assertEqual(sorted(remaining(response) for response in accepted), list(range(100)))
        self.assertEqual({remaining(response) for response in rejected}, {0})
        self.assertTrue(all(int(response.headers["Retry-After"]) > 0 for response in rejected))

    def test_all_processes_share_the_limit_of_an_address_and_a_valid_key_still_works(self) -> None:
        responses = self.get_at_once(f"gf_{'0' * 36}")
        self.assertEqual(
            Counter(response.status_code for response in responses), {401: 10, 429: CALLERS * ROUNDS - 10}
        )
        rejected = [response for response in responses if response.status_code == 429]
        self.assertTrue(all(int(response.headers["Retry-After"]) > 0 for response in rejected))
        key = self.manage("issue_key", "alice").strip()
        for machine in self.machines:
            self.assertEqual(machine.get("/api/me", headers={"X-API-Key": key}).status_code, 200)


class UnreachableRedisTests(ServiceTestCase):
    variables = {"RATE_LIMIT": "5/day", "RATE_LIMIT_ANONYMOUS": "5/day"}

    @classmethod
    def setUpClass(cls) -> None:
        cls.variables = {**cls.variables, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
        super().setUpClass()

    def test_without_redis_requests_are_unlimited_and_each_worker_logs_it_once(self) -> None:
        server = self.launch()

        def call(number: int) -> httpx.Response:
            headers = {"X-API-Key": "gf_unknown"} if number % 2 else {}
            return server.client.get("/api/me", headers=headers)

        responses = at_once(CALLERS, call)
        self.assertEqual(
            Counter(response.status_code for response in responses), {200: CALLERS // 2, 401: CALLERS // 2}
        )
        for response in responses:
            self.assertNotIn("RateLimit", response.headers)
            self.assertNotIn("RateLimit-Policy", response.headers)
        lines = re.findall("rate limits are off, because Redis cannot be used", server.log.read_text())
        self.assertIn(len(lines), (1, 2))  # one for each of the two workers that had a request


def remaining(response: httpx.Response) -> int:
    """Return the remaining quota, `r` in the RateLimit header."""
    match = re.fullmatch(r'"key";r=([0-9]+);t=[0-9]+', response.headers["RateLimit"])
    assert match is not None
    return int(match[1])
