"""Reading from a standby of PostgreSQL, where REPLICA_URL is set: lists, exports and pages.

After each write, the place in the primary's log of changes (its LSN) is kept in Redis by owner. Whoever reads
next asks the standby how far it is, and reads from the primary until it has passed that place: all of an
owner's keys see all that any of them wrote, however far behind the standby is. Where Redis or the standby
does not answer, all is read from the primary.
"""

import logging
import time
from functools import cache, partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, router, transaction
from django.db.models import Model
from redis import Redis
from redis.exceptions import RedisError

REPLICA = "replica"
KEPT = 3600  # seconds that a place is remembered: a standby that is further behind has to be repaired
PAUSE = 5  # seconds for which a process reads from the primary alone, when one of the others did not answer
EVERYTHING = 2**53 - 1  # the largest score that Redis keeps exactly; 9 petabytes of changes
WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
# A standby that was promoted has all that it will ever be asked for.
REPLAYED = """SELECT pg_wal_lsn_diff(
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, '0/0'
)::bigint"""

logger = logging.getLogger(__name__)

_left_alone_until = 0.0


def note_write(using: str, owner: int) -> None:
    """Remember, once what was just written is committed, how far a standby has to be for its owner."""
    if settings.REPLICA_URL:
        transaction.on_commit(partial(_keep_place, using, owner), using=using)


def alias_for(model: type[Model], owner: int) -> str:
    """Return the database that an owner's rows of a model are read from."""
    if settings.REPLICA_URL and time.monotonic() >= _left_alone_until and _has_caught_up(owner):
        return REPLICA
    return router.db_for_read(model)


def _keep_place(using: str, owner: int) -> None:
    try:
        place = _ask(using, WRITTEN)
    except (OperationalError, InterfaceError):  # but it is committed
        place = EVERYTHING
    try:
        with _redis().pipeline() as redis:
            redis.zadd(f"written:{owner}", {"place": place}, gt=True)  # of two writers, the later one's stays
            redis.expire(f"written:{owner}", KEPT)
            redis.execute()
    except RedisError as error:
        logger.error("what user %s wrote may show late, because Redis cannot be used: %s", owner, error)


def _has_caught_up(owner: int) -> bool:
    global _left_alone_until
    try:
        place = _redis().zscore(f"written:{owner}", "place") or 0
        return _ask(REPLICA, REPLAYED) >= place
    except RedisError as error:
        logger.error("all is read from the primary, because Redis cannot be used: %s", error)
    except (OperationalError, InterfaceError) as error:
        logger.error("all is read from the primary, because the replica cannot be used: %s", error)
        connections[REPLICA].close()
    _left_alone_until = time.monotonic() + PAUSE
    return False


def _ask(using: str, query: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
