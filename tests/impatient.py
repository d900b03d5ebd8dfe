"""gunicorn's worker with other timeouts, for the tests of clients that stop.

Start it with `gunicorn --worker-class tests.impatient.Worker`.
"""

from gunicorn import util
from gunicorn.workers import gthread

from ops.server import workers

# How long gunicorn's own worker waits for a first byte, and for a client to close its side: here, forever.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 3600
util.close_graceful.__defaults__ = (3600, 65536)

workers.ClientSocket.STALLED = 1


class Worker(workers.Worker):
    """Gives up on a client that stalls for a second."""
