"""Execute wrappers for database calls that bypass `cursor.execute`."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")


def watched(connection: BaseDatabaseWrapper, statement: str, act: Callable[[], T]) -> T:
    """Call `act` through the connection's `execute_wrappers`, as if it executed the statement."""
    if not connection.execute_wrappers:
        return act()

    def execute(sql: str, params: Any, many: bool, context: dict[str, Any]) -> T:  # noqa: FBT001 (Django's signature)
        return act()

    wrapped: Callable[..., T] = execute
    for wrapper in reversed(connection.execute_wrappers):
        wrapped = partial(wrapper, wrapped)
    return wrapped(statement, None, False, {"connection": connection, "cursor": None})
