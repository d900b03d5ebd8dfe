"""How gunicorn serves Goatfish, when it is started without arguments from this folder."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # gunicorn reads this file before it looks for modules here

from django.core.exceptions import ImproperlyConfigured

try:
    from config import settings
except ImproperlyConfigured as error:
    sys.exit(str(error))  # one line that says how to mend it, not a traceback

from gunicorn import util

from ops.server.refusals import write_problem

util.write_error = write_problem  # there is no setting for it

wsgi_app = "config.wsgi"
# An IPv6 address stands in brackets, or its colons are taken for the port's.
bind = [f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"]
workers = settings.WEB_CONCURRENCY
# Whose X-Forwarded-Proto tells that a client came by TLS; `ops.proxies` believes the same about its address.
# Of IPv4, also as they look on a socket of both kinds, which HOST=:: makes.
forwarded_allow_ips = ",".join(
    [
        *(str(network) for network in settings.TRUSTED_PROXIES),
        *(
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in settings.TRUSTED_PROXIES
            if network.version == 4
        ),
    ]
)

# Threads keep idle connections open, which sync workers cannot, and let a slow client wait without a worker.
# While some wait for the database to commit, others compute: with 16 connections, eight make 1.4 times as
# many creates a second as two and 1.2 times as many gets, with no more CPU for each. A sync worker takes 20 %
# less for a get but makes half the creates, and any client that sends nothing blocks it (docs/benchmarks.md).
worker_class = "ops.server.workers.Worker"  # gthread, with a bound on how long a thread waits for a client
threads = 8
# Longer than the 60 seconds for which a proxy commonly keeps its own side open: the proxy closes first, and
# never sends a request into a connection that is just being closed.
keepalive = 75
# No `max_requests`: a worker's memory is the same after an hour of mixed load (docs/benchmarks.md), and one
# that is recycled closes connections on which a client may just be sending.
# What is under way at SIGTERM may end within this, and before systemd (90 seconds) or a container's
# `stop_grace_period` kills it.
graceful_timeout = 30
# Workers touch a file each second to show that they live; on a slow disk that stalls them.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# The largest that gunicorn takes: a list may name 100 ids and carry a cursor.
limit_request_line = 8190
# A socket in HOME that nothing here uses, and which fails where HOME is read-only.
control_socket_disable = True

# To standard output; a request's line names its id, as the log and every error body do.
accesslog = "-"
logger_class = "ops.server.access_log.AccessLogger"

# Counted for `/metrics` across all workers, or not at all.
if settings.METRICS_TOKEN:
    from ops.server.worker_metrics import child_exit, on_exit, on_starting, post_fork, pre_fork  # noqa: F401
