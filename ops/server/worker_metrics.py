"""gunicorn's hooks that let any worker report the metrics of all: prometheus-client's multiprocess mode.

prometheus-client names a worker's files after its process id, so that each new worker adds files. Here they
are named after its slot, which the next worker reuses: counters never fall, and the number of files is
bounded.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from ops.server import balance

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus-client


def on_starting(server: Any) -> None:
    """Create the folder of this server, and delete those of servers that were killed."""
    memory = Path(server.cfg.worker_tmp_dir or tempfile.gettempdir())
    for folder in memory.glob("goatfish-metrics-*"):
        with suppress(OSError):  # locked by a running server, or owned by another user
            lock(folder)
            shutil.rmtree(folder)
    draft = Path(tempfile.mkdtemp(prefix="goatfish-draft-", dir=memory))
    lock(draft)  # before another server that starts can find it
    os.environ[FOLDER] = str(draft.rename(draft.with_name(draft.name.replace("draft", "metrics"))))


def lock(folder: Path) -> None:
    """Lock a folder until this process and its workers end. Raises OSError if another server holds it."""
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)


def post_fork(server: Any, worker: Any) -> None:
    """Count in the files of the worker's slot."""
    values.ValueClass = values.MultiProcessValue(lambda: worker.slot)


def child_exit(server: Any, worker: Any) -> None:
    """Free the slot, and delete the gauges: what the worker was doing has ended."""
    mark_process_dead(worker.slot, os.environ[FOLDER])
    balance.child_exit(server, worker)


def on_exit(server: Any) -> None:
    """Delete the folder."""
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
