"""gunicorn's settings; `gunicorn` reads this file when it starts without arguments in this folder."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # gunicorn itself adds the folder only later
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

try:
    host = settings.HOST
except ImproperlyConfigured as error:
    sys.exit(str(error))  # one line that says how to fix it, instead of a traceback

from gunicorn import util

from ops.server.access_log import pre_request  # noqa: F401
from ops.server.balance import child_exit, pre_fork  # noqa: F401
from ops.server.refusals import write_problem

util.write_error = write_problem  # gunicorn has no setting for it

wsgi_app = "config.wsgi"
bind = [f"[{host}]:{settings.PORT}" if ":" in host else f"{host}:{settings.PORT}"]  # IPv6 takes brackets
workers = settings.WEB_CONCURRENCY
# Proxies whose X-Forwarded-Proto is believed; `ops.proxies` believes their X-Forwarded-For. A
# socket for both IPv4 and IPv6 (HOST=::) reports IPv4 addresses as IPv6.
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

# Threads keep idle connections open, which sync workers cannot, and a slow client occupies no whole worker.
# While some threads wait for the database, others compute: with 16 connections, eight threads make 1.4 times
# as many creates a second as two and 1.2 times as many gets, with no more CPU for each. A sync worker takes
# 20 % less CPU for a get but makes half the creates, and any silent client blocks it (docs/benchmarks.md).
worker_class = "ops.server.workers.Worker"  # gthread with timeouts for clients and balanced connections
threads = 8
sendfile = False  # Python's sendfile waits forever for a client that does not read
# Longer than the 60 seconds for which proxies commonly keep connections open: the proxy then closes first,
# and never sends a request on a connection that is being closed.
keepalive = 75
# No `max_requests`: a worker's memory does not grow in an hour of mixed load (docs/benchmarks.md), and a
# worker that is replaced closes connections on which a client may be sending.
# Requests may take this long to finish after SIGTERM. It is less than systemd's limit (90 seconds) and the
# container's `stop_grace_period`.
graceful_timeout = 30
# Workers touch a file every second to show that they run, and a slow disk would stall them.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# The largest value that gunicorn accepts: a list may name 100 ids and a cursor.
limit_request_line = 8190
# The control socket is in HOME, which may be read only, and nothing here uses it.
control_socket_disable = True

accesslog = "-"  # standard output
logger_class = "ops.server.access_log.AccessLogger"

if settings.METRICS_TOKEN:
    from ops.server.worker_metrics import child_exit, on_exit, on_starting, post_fork  # noqa: F401
