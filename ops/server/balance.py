"""Balances connections across workers: what each worker tells the others, in memory that they share.

All workers are woken by a new connection, and whichever is first takes it. Kept-alive connections, as of a
proxy, then stay with one worker, often all of them, while the others have nothing to do.
"""

import time
from itertools import count
from mmap import mmap
from typing import Any

WORKERS = 256  # slots; with more workers, some share one
NO_WORKER = 2**16 - 1
# Seconds, in which an idle worker wakes. Five times as long costs 5 % of the requests of clients that open a
# connection for each.
PAUSE = 0.0001

# Made before gunicorn forks, so that all of its workers have it: a number of two bytes for each slot.
open_connections = memoryview(mmap(-1, 2 * WORKERS)).cast("H")
open_connections[:] = memoryview(bytes([0xFF]) * 2 * WORKERS).cast("H")  # NO_WORKER

free_slots: list[int] = []
new_slots = count()


def pre_fork(server: Any, worker: Any) -> None:
    """Assign a slot to a new worker: a number that the next worker has when this one ends."""
    worker.slot = free_slots.pop() if free_slots else next(new_slots)


def child_exit(server: Any, worker: Any) -> None:
    """Free the slot of a worker that has ended, even one that was killed."""
    tell(worker.slot, NO_WORKER)
    free_slots.append(worker.slot)


def tell(slot: int, connections: int) -> None:
    """Tell the other workers how many connections this one has."""
    open_connections[slot % WORKERS] = min(connections, NO_WORKER)


def let_others_accept(connections: int) -> None:
    """Pause if another worker has fewer connections, so that it accepts the new one unless it is busy."""
    if connections > min(open_connections):
        time.sleep(PAUSE)
