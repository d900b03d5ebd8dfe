"""Where gunicorn's workers count, so that any of them can tell the sum: hooks of gunicorn's.

A server has a folder, in memory where it can. A worker has a place in it, the lowest that is free, and
counts in the files of that place: it goes on where the worker before it has ended, however that was. So
nothing is lost or falls, and there are files for as many workers as ever ran at one time. With files for
each process, as prometheus-client has them of itself, there would be more with each that comes and goes.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # by which prometheus-client finds it
PREFIX = "goatfish-metrics-"
KINDS = ("counter", "histogram", "gauge_livesum")  # of file, one a place


def on_starting(server: Any) -> None:
    """Make the server's folder, and remove those of servers that were killed."""
    memory = Path(server.cfg.worker_tmp_dir or tempfile.gettempdir())
    for left in memory.glob(f"{PREFIX}*"):
        remove_unless_held(left)
    draft = Path(tempfile.mkdtemp(prefix="goatfish-draft-", dir=memory))
    hold(draft)
    folder = draft.rename(memory / f"{PREFIX}{draft.name.removeprefix('goatfish-draft-')}")
    os.environ[FOLDER] = str(folder)


def pre_fork(server: Any, worker: Any) -> None:
    """Give a new worker its place, and the files that are missing there."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)
    for kind in KINDS:
        file = Path(os.environ[FOLDER], f"{kind}_{worker.place}.db")
        if not file.exists():
            # Made aside, because who reads one that is being made finds less than its head.
            draft = file.with_suffix(".new")
            MmapedDict(str(draft)).close()
            draft.replace(file)


def post_fork(server: Any, worker: Any) -> None:
    """Count in the files of the worker's place, and not of its process."""
    values.ValueClass = values.MultiProcessValue(lambda: worker.place)


def child_exit(server: Any, worker: Any) -> None:
    """Remove the gauges of a worker that has ended: what it had open is closed."""
    mark_process_dead(worker.place, os.environ[FOLDER])


def on_exit(server: Any) -> None:
    """Remove the folder."""
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def hold(folder: Path) -> None:
    """Lock a folder while this process or a worker of it lives. Raises OSError where another has done so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise


def remove_unless_held(folder: Path) -> None:
    """Remove a folder that no server counts in; one that belongs to somebody else stays."""
    with suppress(OSError):
        hold(folder)
        shutil.rmtree(folder)
