"""Versions of owned objects: what a change or a deletion replaces is copied here, inside the database.

Creating an object writes nothing here: the row itself says who made its current version.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models import Case, Exists, F, Max, OuterRef, QuerySet, Value, When
from django.utils import timezone

from owned.actors import current_actor
from owned.compiled import CompiledCopy, Parameter
from owned.ids import ID_LENGTH, NewID
from owned.statements import where
from owned.states import State, columns

CREATED, CHANGED, DELETED, RESTORED = "created", "changed", "deleted", "restored"


class VersionConflict(Exception):  # noqa: N818 (not an error of the program)
    """Someone else changed the object after it was loaded; nothing was written."""


class Stamped(models.Model):
    """Who made a version, in text that stays readable when the user and the key are gone."""

    changed_by = models.CharField(max_length=150, default="", editable=False)
    changed_key = models.CharField(max_length=16, default="", editable=False)
    changed_via = models.CharField(max_length=8, default="command", editable=False)
    changed_request = models.CharField(max_length=128, default="-", editable=False)

    class Meta:
        abstract = True


STAMPS = ("changed_by", "changed_key", "changed_via", "changed_request")


def stamps() -> dict[str, str]:
    """Return the fields that say who is writing now."""
    return dict(zip(STAMPS, current_actor(), strict=True))


class Version(Stamped):
    """A version of an object that is no longer current."""

    pk = models.CompositePrimaryKey("owner_id", "kind", "object_id", "version")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    kind = models.CharField(max_length=100)
    """The model, as `app_label.model_name`."""
    object_id = models.CharField(max_length=ID_LENGTH)
    version = models.PositiveIntegerField()
    action = models.CharField(max_length=8)
    at = models.DateTimeField()
    replaced_at = models.DateTimeField()
    state = models.JSONField()
    """The row at this version (see `owned.states`); of a deletion, the row that was deleted."""

    class Meta:
        indexes = [
            models.Index(fields=["object_id", "version"], name="version_object"),
            models.Index(fields=["changed_request", "at"], name="version_request"),
            models.Index(fields=["changed_by", "at"], name="version_user"),
            models.Index(fields=["replaced_at"], name="version_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} version {self.version}"


def superseded(rows: "QuerySet[Any]", now: Any) -> "QuerySet[Any, Any]":
    """Return, column by column, the versions that a change of these rows replaces."""
    action = Case(When(version=1, then=Value(CREATED)), default=Value(CHANGED), output_field=_text)
    made = {"action": action, "at": F("updated_at"), **{name: F(name) for name in STAMPS}}
    return _columns(rows, version=F("version"), replaced_at=now, **made)


def tombstones(rows: "QuerySet[Any]", actor: Any) -> "QuerySet[Any, Any]":
    """Return, column by column, the versions that say who deletes these rows."""
    made = {name: Value(value, _text) for name, value in zip(STAMPS, actor, strict=True)}
    made |= {"action": Value(DELETED, _text), "at": _now(), "replaced_at": _now()}
    return _columns(rows, version=F("version") + 1, **made)


def _now() -> Value:
    return Value(timezone.now(), _time)


_text, _time = models.CharField(), models.DateTimeField()


def _columns(rows: "QuerySet[Any]", **values: Any) -> "QuerySet[Any, Any]":
    kind = Value(kind_of(rows.model), _text)
    known = {"owner": F("owner_id"), "kind": kind, "object_id": F("id"), "state": State(rows.model)}
    return rows.order_by().values_list(*({**known, **values}[field.name] for field in columns(Version)))


def kind_of(model: type[models.Model]) -> str:
    """Return what versions call a model."""
    return columns(model)[-1].model._meta.label_lower


def next_versions(using: str, rows: Sequence[Any]) -> list[int]:
    """Return the version of each row that is about to be created: not 1 if a deleted row had its id."""
    given = [row.id for row in rows if not isinstance(row.id, NewID)]
    kept = Version.objects.using(using).filter(object_id__in=given)
    last = dict(kept.values_list("object_id").annotate(Max("version")).order_by()) if given else {}
    return [last.get(row.id, 0) + 1 for row in rows] if last else [1] * len(rows)


def number_new(using: str, rows: Sequence[Any]) -> None:
    """Set the versions of rows that are about to be created."""
    for row, version in zip(rows, next_versions(using, rows), strict=True):
        row.id = str(row.id) if row.id else row.id  # which is no NewID from now on
        row.version = version


@cache
def _copy_one(model: type[models.Model]) -> CompiledCopy:
    """Return the statement that copies one row at one version, and locks the row."""
    now = Parameter("now", _time)
    return CompiledCopy(
        columns(Version), lambda: superseded(where(model, "owner", "id", "version").select_for_update(), now)
    )


def keep_one(model: type[models.Model], using: str, **at: Any) -> bool:
    """Copy and lock the row of this `owner`, `id` and `version`; return whether there is one."""
    return bool(_copy_one(model).write(using, now=timezone.now(), **at))


def keep(rows: "QuerySet[Any]") -> int:
    """Copy and lock these rows, which are about to change, in the caller's transaction."""
    return _copy(rows, superseded(rows.select_for_update(), _now()))


def keep_deleted(rows: "QuerySet[Any]") -> int:
    """Copy and lock these rows, and what goes with them, in the transaction that is about to delete them.

    Returns how many of these rows there are.
    """
    number = keep(rows.exclude(_is_copied(rows.model)))  # not again, where objects refer to each other
    if number:
        _copy(rows, tombstones(kept(rows), current_actor()))
        for relation in rows.model._meta.get_fields(include_hidden=True):
            is_reverse = relation.auto_created and not relation.concrete
            if is_reverse and issubclass(relation.related_model, Stamped):
                _keep_related(rows, relation.field)
    return number


def _keep_related(rows: "QuerySet[Any]", key: Any) -> None:
    theirs: QuerySet[Any] = QuerySet(key.model, using=rows.db).filter(**{f"{key.name}__in": rows})
    if key.remote_field.on_delete is models.CASCADE:
        keep_deleted(theirs)
    elif key.remote_field.on_delete is models.SET_NULL:
        ids = list(theirs.exclude(_is_copied(key.model)).values_list("pk", flat=True))
        key.model._default_manager.using(rows.db).filter(pk__in=ids).update(**{key.name: None})


def kept(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return those of the rows that were just copied, without any that came after that."""
    return rows.filter(_is_copied(rows.model))


def _is_copied(model: type[models.Model]) -> Exists:
    at = {"owner": OuterRef("owner"), "object_id": OuterRef("pk"), "version": OuterRef("version")}
    return Exists(Version.objects.filter(kind=kind_of(model), **at))


def _copy(rows: "QuerySet[Any]", copies: "QuerySet[Any, Any]") -> int:
    try:
        return CompiledCopy(columns(Version), lambda: copies).write(rows.db)
    except EmptyResultSet:
        return 0


def forget_before(time: datetime, batch: int = 1_000) -> int:
    """Erase the versions that were replaced or deleted before a time, in batches; returns how many."""
    total, last = 0, datetime.min.replace(tzinfo=UTC)  # the index need not be read again where it was emptied
    while True:
        old = Version.objects.filter(replaced_at__gt=last, replaced_at__lt=time).order_by("replaced_at")
        times = list(old.values_list("replaced_at", flat=True)[:batch])
        if not times:
            return total
        total += old.filter(replaced_at__lte=times[-1]).delete()[0]
        last = times[-1]
