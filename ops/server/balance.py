"""Balances connections across workers: what each worker tells the others, in memory that they share.

All workers are woken by a new connection, and whichever is first takes it. Kept-alive connections, as of a
proxy, then stay with one worker, often all of them, while the others have nothing to do.
"""

import time
from itertools import count
from mmap import mmap
from typing import Any

WORKERS = 256  # of which the connections are known; more share their places
NOBODY = 2**16 - 1
TURN = 0.0001  # seconds, in which an idle worker is awake; five times as long costs 5 % of unkept connections

# Made before gunicorn forks, so that all of its workers have it.
open_connections = memoryview(mmap(-1, 2 * WORKERS)).cast("H")
for place in range(WORKERS):
    open_connections[place] = NOBODY

free_slots: list[int] = []
new_slots = count()


def pre_fork(server: Any, worker: Any) -> None:
    """Assign a slot to a new worker: a number that the next worker has when this one ends."""
    worker.slot = free_slots.pop() if free_slots else next(new_slots)


def child_exit(server: Any, worker: Any) -> None:
    """Free the slot of a worker that has ended, even one that was killed."""
    tell(worker.slot, NOBODY)
    free_slots.append(worker.slot)


def tell(slot: int, connections: int) -> None:
    """Tell the other workers how many connections this one has."""
    open_connections[slot % WORKERS] = min(connections, NOBODY)


def let_others_accept(connections: int) -> None:
    """Give a worker with fewer connections the time to accept a new one; it may be too busy to do so."""
    if connections > min(open_connections):
        time.sleep(TURN)
