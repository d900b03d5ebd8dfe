"""A Redis that is gone, or silent, and comes back, while clients write: no request fails for it."""

import re
import signal
import time

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import times
from tests.faults.redis_server import RedisServer, needs_redis, start_redis
from tests.faults.service import Server, wait_until

LIMITED = {"RateLimit", "RateLimit-Policy"}


@needs_redis
class RedisTests(ExperimentTestCase):
    redis: RedisServer
    server: Server
    begun: float

    @classmethod
    def setUpClass(cls) -> None:
        cls.redis = start_redis(cls)
        cls.variables = {"RATE_LIMIT": "1000000/day", "REDIS_URL": cls.redis.url, "WEB_CONCURRENCY": "1"}
        super().setUpClass()
        cls.begun = time.monotonic()
        cls.server = cls.launch()

    def is_limited(self) -> bool:
        """Tell whether an answer says what is left of a limit."""
        return self.server.client.get("/api/me").raise_for_status().headers.keys() >= {"ratelimit"}

    def test_limits_are_off_while_redis_is_down_and_return_with_it(self) -> None:
        with self.load("Redis killed, started again", self.server.address, graceful=True) as load:
            for _ in range(times(20, 2)):
                self.assertTrue(self.is_limited())
                self.redis.kill()
                self.assertFalse(self.is_limited())
                load.go_on()
                self.redis.start()
                wait_until(self.is_limited)
        said = re.findall("rate limits are off, because Redis cannot be used", self.server.log.read_text())
        self.assertGreater(len(said), 0)
        self.assertLessEqual(len(said), 1 + (time.monotonic() - self.begun) // 60)  # one a minute

    def test_no_request_fails_while_redis_does_not_respond(self) -> None:
        with self.load("Redis silent (SIGSTOP)", self.server.address, graceful=True) as load:
            for _ in range(times(10, 1)):
                self.redis.process.send_signal(signal.SIGSTOP)
                load.go_on()
                self.redis.process.send_signal(signal.SIGCONT)
                wait_until(self.is_limited)
