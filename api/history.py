"""Who wrote what: an entry of Django's admin log for each write, in the write's own transaction.

Its message begins with the id of the request, by which an index finds it:
`7c1a… Changed name, end_date. Key: gf_Zk3x9QaB.`
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Func, Model, QuerySet
from django.utils import timezone

from api.compiled import CompiledInsert
from api.request_ids import current_request_id

ACTIONS = {ADDITION: "Added", CHANGE: "Changed", DELETION: "Deleted"}


class RequestId(Func):
    """The id of the request that wrote: the first word of an entry's message."""

    template = "split_part(%(expressions)s, ' ', 1)"
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Do what `split_part` does; a message of one word holds no id."""
        template = "substr(%(expressions)s, 1, instr(%(expressions)s, ' ') - 1)"
        return self.as_sql(compiler, connection, template=template, **context)


def record(
    using: str, user: int, key: str, row: Model, action: int, fields: Iterable[str] = (), also: str = ""
) -> None:
    """Note a write of one row, in the transaction that it is in; `key` is empty where a page wrote.

    `also` says what else there is to know, in a sentence.
    """
    write(using, user, row, str(row.pk), message(f"{ACTIONS[action]} {', '.join(fields)}", key, also), action)


def record_many(using: str, user: int, key: str, row: Model, number: int) -> None:
    """Note that so many rows were made at once; one of them stands for all."""
    write(using, user, row, None, message(f"Added {number}", key), ADDITION)


def message(what: str, key: str = "", also: str = "") -> str:
    """Return the text of an entry: the request's id, what was done, and with which key."""
    sentences = (what.strip(), f"Key: {key}" if key else "", also)
    return " ".join([current_request_id.get(), *(f"{sentence}." for sentence in sentences if sentence)])


def write(using: str, user: int, row: Model, object_id: str | None, text: str, action: int) -> None:
    """Make an entry."""
    insert_entry().rows(
        using,
        action_time=timezone.now(),
        user_id=user,
        content_type_id=ContentType.objects.db_manager(using).get_for_model(row).pk,
        object_id=object_id,
        object_repr=str(row)[:200] if object_id else str(row._meta.verbose_name_plural),
        action_flag=action,
        change_message=text,
    )


@cache
def insert_entry() -> CompiledInsert:
    """Return the statement that makes an entry."""
    return CompiledInsert(LogEntry)


def entries_of(row: Model) -> "QuerySet[LogEntry]":
    """Return what was written to a row, the latest first."""
    kind = ContentType.objects.get_for_model(row)
    return LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")


def entries_by_request(request_id: str) -> "QuerySet[LogEntry]":
    """Return what one request wrote."""
    return LogEntry.objects.alias(request_id=RequestId("change_message")).filter(request_id=request_id)
