"""Who wrote what: an entry of Django's admin log for each write, in the write's own transaction.

Its message begins with the id of the request, by which an index finds it:
`7c1a… Changed name, end_date. Key: gf_Zk3x9QaB.`
"""

import secrets
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, Model, QuerySet
from django.utils import timezone

from ops.request_ids import current_request_id
from owned.compiled import Compiled, CompiledInsert, CompiledUpdate, Parameter, Plan, Row

NUMBER_BITS = 30
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
    write(using, user, row, str(row.pk), sentence(action, key, fields, also), action)


def record_many(using: str, user: int, key: str, row: Model, number: int) -> None:
    """Note that so many rows were made at once; one of them stands for all."""
    write(using, user, row, None, message(f"Added {number}", key), ADDITION)


class Recorded(Compiled):
    """A write of one row together with its entry: one statement on PostgreSQL, two elsewhere.

    An UPDATE's entry is made of the rows that it returns: where it changes none, there is none.
    """

    def __init__(self, write: CompiledInsert | CompiledUpdate, model: type[Model], label: str) -> None:
        """Keep the write, and which of the model's fields tells a row to people."""
        super().__init__(write.build)
        self.write = write
        self.label: Any = model._meta.get_field(label)
        self.place = model._meta.concrete_fields.index(self.label)

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL of both, for PostgreSQL."""
        write, quote = self.write.plan(connection), connection.ops.quote_name
        label = quote(self.label.column)
        written = write.sql if write.returns else f"{write.sql} RETURNING {label}"
        own = LogEntry._meta
        fields: list[Any] = list(own.concrete_fields)
        names = ", ".join(quote(field.column) for field in fields)
        values = ["%s" if field.name != "object_repr" else f"left({label}::text, 200)" for field in fields]
        # All names in it are the models' own.
        sql = (
            f"WITH written AS ({written}), entry AS (INSERT INTO {quote(own.db_table)} ({names}) "  # noqa: S608
            f"SELECT {', '.join(values)} FROM written) SELECT * FROM written"
        )
        noted = [Parameter(f"log {f.attname}", f) for f in fields if f.name != "object_repr"]
        return write._replace(sql=sql, parameters=[*write.parameters, *noted])

    def run(self, using: str, entry: dict[str, Any], values: dict[str, Any]) -> list[Row]:
        """Write, and return the rows as they are then, of an UPDATE. Raises IntegrityError."""
        connection = connections[using]
        if connection.vendor == "postgresql":
            # A savepoint keeps a statement that fails from spoiling a transaction around it.
            with transaction.atomic(using=using) if connection.in_atomic_block else nullcontext():
                return self.rows(using, **values, **{f"log {name}": value for name, value in entry.items()})
        with transaction.atomic(using=using):
            rows = self.write.rows(using, **values)
            inserts = isinstance(self.write, CompiledInsert)
            if inserts or rows:
                label = values[self.label.attname] if inserts else rows[0][self.place]
                insert_entry().rows(using, **entry, object_repr=str(label)[:200])
            return rows


def sentence(action: int, key: str, fields: Iterable[str] = (), also: str = "") -> str:
    """Return the text of an entry of one row."""
    return message(f"{ACTIONS[action]} {', '.join(fields)}", key, also)


def message(what: str, key: str = "", also: str = "") -> str:
    """Return the text of an entry: the request's id, what was done, and with which key."""
    sentences = (what.strip(), f"Key: {key}" if key else "", also)
    return " ".join([current_request_id.get(), *(f"{sentence}." for sentence in sentences if sentence)])


def write(using: str, user: int, row: Model, object_id: str | None, text: str, action: int) -> None:
    """Make an entry."""
    name = str(row)[:200] if object_id else str(row._meta.verbose_name_plural)
    insert_entry().rows(using, **entry(using, user, type(row), object_id, text, action), object_repr=name)


def entry(
    using: str, user: int, model: type[Model], object_id: str | None, text: str, action: int
) -> dict[str, Any]:
    """Return the columns of an entry, but for what tells the object to people.

    Its number is random: a sequence would be one for all owners, and the only thing that keeps their writes
    from going to databases of their own.
    """
    return {
        "id": secrets.randbits(NUMBER_BITS),
        "action_time": timezone.now(),
        "user_id": user,
        "content_type_id": ContentType.objects.db_manager(using).get_for_model(model).pk,
        "object_id": object_id,
        "action_flag": action,
        "change_message": text,
    }


@cache
def insert_entry() -> CompiledInsert:
    """Return the statement that makes an entry."""
    return CompiledInsert(LogEntry)


def entries_of(row: Model) -> "QuerySet[LogEntry]":
    """Return what was written to a row, the latest first."""
    kind = ContentType.objects.get_for_model(row)
    return LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")


def forget_before(time: datetime, batch: int = 1_000) -> int:
    """Delete the entries from before a time, a batch at a time; returns how many there were."""
    total, last = (
        0,
        datetime.min.replace(tzinfo=UTC),
    )  # past what was deleted, an index need not be read again
    while True:
        old = LogEntry.objects.filter(action_time__gte=last, action_time__lt=time).order_by("action_time")
        found = list(old.values_list("pk", "action_time")[:batch])
        if not found:
            return total
        last = found[-1][1]
        total += LogEntry.objects.filter(pk__in=[pk for pk, _ in found]).delete()[0]
