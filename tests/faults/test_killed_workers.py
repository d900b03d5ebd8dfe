"""Workers that are killed at random times while clients write."""

import os
import random
import signal
from contextlib import suppress

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import times
from tests.faults.processes import children


class KilledWorkerTests(ExperimentTestCase):
    def test_killed_workers_lose_no_acknowledged_writes(self) -> None:
        server = self.launch()
        with self.load("a worker killed (SIGKILL)", server.address) as load:
            for _ in range(times(100, 5)):
                with suppress(ProcessLookupError):
                    os.kill(random.choice(children(server.process.pid)), signal.SIGKILL)
                load.recover()
