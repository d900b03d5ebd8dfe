"""Rate limits that many processes count together in Redis, or cannot count without it."""

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
    """Two machines, as it were, of four worker processes each."""

    # Windows of a day: only a test that runs at midnight meets the end of one.
    variables = {"RATE_LIMIT": "100/day", "RATE_LIMIT_ANONYMOUS": "10/day", "WEB_CONCURRENCY": "4"}
    machines: list[httpx.Client]

    @classmethod
    def setUpClass(cls) -> None:
        cls.variables = {**cls.variables, "REDIS_URL": start_redis(cls).url}
        super().setUpClass()
        cls.machines = [cls.launch().client for _ in range(2)]

    def get_at_once(self, key: str) -> list[httpx.Response]:
        """Send 300 requests, in turns to each machine, by 50 callers at once."""

        def call(number: int) -> list[httpx.Response]:
            return [
                self.machines[(number + turn) % 2].get("/api/me", headers={"X-API-Key": key})
                for turn in range(ROUNDS)
            ]

        return [answer for call_answers in at_once(CALLERS, call) for answer in call_answers]

    def test_all_processes_share_the_quota_of_a_key(self) -> None:
        key = self.manage("issue_key", "alice").strip()
        answers = self.get_at_once(key)
        taken = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 429]
        self.assertEqual((len(taken), len(refused)), (100, CALLERS * ROUNDS - 100))
        self.assertEqual(sorted(remaining(answer) for answer in taken), list(range(100)))
        self.assertEqual({remaining(answer) for answer in refused}, {0})
        self.assertTrue(all(int(answer.headers["Retry-After"]) > 0 for answer in refused))

    def test_all_processes_share_the_limit_of_an_address_and_a_valid_key_still_works(self) -> None:
        answers = self.get_at_once(f"gf_{'0' * 36}")
        self.assertEqual(
            Counter(answer.status_code for answer in answers), {401: 10, 429: CALLERS * ROUNDS - 10}
        )
        refused = [answer for answer in answers if answer.status_code == 429]
        self.assertTrue(all(int(answer.headers["Retry-After"]) > 0 for answer in refused))
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

        answers = at_once(CALLERS, call)
        self.assertEqual(
            Counter(answer.status_code for answer in answers), {200: CALLERS // 2, 401: CALLERS // 2}
        )
        for answer in answers:
            self.assertNotIn("RateLimit", answer.headers)
            self.assertNotIn("RateLimit-Policy", answer.headers)
        lines = re.findall("rate limits are off, because Redis cannot be used", server.log.read_text())
        self.assertIn(len(lines), (1, 2))  # by the workers that had a request; there are two


def remaining(answer: httpx.Response) -> int:
    """Return `r` of the RateLimit header."""
    match = re.fullmatch(r'"key";r=([0-9]+);t=[0-9]+', answer.headers["RateLimit"])
    assert match is not None
    return int(match[1])
