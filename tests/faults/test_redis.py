"""Redis stops or does not respond for a while: no request fails."""

import re
import signal
import time

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import times
from tests.faults.redis_server import RedisServer, needs_redis, start_redis
from tests.faults.service import Server, wait_until


@needs_redis
class RedisTests(ExperimentTestCase):
    redis: RedisServer
    server: Server
    started: float

    @classmethod
    def setUpClass(cls) -> None:
        cls.redis = start_redis(cls)
        cls.variables = {"RATE_LIMIT": "1000000/day", "REDIS_URL": cls.redis.url, "WEB_CONCURRENCY": "1"}
        super().setUpClass()
        cls.started = time.monotonic()
        cls.server = cls.launch()

    def is_limited(self) -> bool:
        """Return whether responses have rate limit headers."""
        return self.server.client.get("/api/me").raise_for_status().headers.keys() >= {"ratelimit"}

    def test_limits_are_off_while_redis_is_down_and_return_with_it(self) -> None:
        with self.load("Redis killed, started again", self.server.address, graceful=True) as load:
            for _ in range(times(20, 2)):
                self.assertTrue(self.is_limited())
                self.redis.kill()
                self.assertFalse(self.is_limited())
                load.keep_working()
                self.redis.start()
                wait_until(self.is_limited)
        lines = re.findall("rate limits are off, because Redis cannot be used", self.server.log.read_text())
        self.assertGreater(len(lines), 0)
        self.assertLessEqual(len(lines), 1 + (time.monotonic() - self.started) // 60)  # one per minute

    def test_no_request_fails_while_redis_does_not_respond(self) -> None:
        with self.load("Redis suspended (SIGSTOP)", self.server.address, graceful=True) as load:
            for _ in range(times(10, 1)):
                self.redis.process.send_signal(signal.SIGSTOP)
                load.keep_working()
                self.redis.process.send_signal(signal.SIGCONT)
                wait_until(self.is_limited)
