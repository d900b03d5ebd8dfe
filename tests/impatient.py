"""gunicorn's worker, for the tests of clients that stop: `gunicorn --worker-class tests.impatient.Worker`."""

from gunicorn import util
from gunicorn.workers import gthread

from ops.server import workers

# How long gunicorn's own worker waits for a first byte, and for a client to close its side: here, for ever.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 3600
util.close_graceful.__defaults__ = (3600, 65536)


class Worker(workers.Worker):
    """Gives up a client that has stopped after a second."""

    STALLED = 1
