"""The history of an object: who made each of its versions, when, how, and what changed."""

from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import F, QuerySet
from django.db.models.fields.json import KT

from owned.states import read_states
from owned.versions import CHANGED, CREATED, DELETED, RESTORED, STAMPS, Version, kind_of


class Change(NamedTuple):
    """A field that a version changed."""

    label: str
    old: Any
    new: Any


class Entry(NamedTuple):
    """A version of an object."""

    object_id: str
    version: int
    action: str
    at: datetime
    changed_by: str
    changed_key: str
    changed_via: str
    changed_request: str
    name: str
    """What the object was called at this version."""
    changes: list[Change] = []


def history_of(
    model: type[models.Model], object_id: str, *, owner: Any = None, limit: int = 100
) -> list[Entry]:
    """Return the latest versions of an object, the current one first; of a deleted object too."""
    mine = {} if owner is None else {"owner_id": owner}
    rows: list[Any] = list(QuerySet(model).filter(pk=object_id, **mine))
    found: list[tuple[Any, Any]] = [(_current(row), row) for row in rows]
    versions = Version.objects.filter(kind=kind_of(model), object_id=object_id, **mine).order_by("-version")
    found += read_states(model, versions, ("version", "action", "at", *STAMPS), limit + 1)
    entries = []
    for (made, row), older in zip_longest(found, found[1:]):
        (version, action, *rest), changes = made, []
        if older is not None:
            action = RESTORED if older[0][1] == DELETED else action
            changes = [] if action == DELETED else changes_between(older[1], row)
        entries.append(Entry(object_id, version, action, *rest, str(row), changes))  # type: ignore[call-arg]
    return entries[:limit]


def _current(row: Any) -> tuple[Any, ...]:
    action = CREATED if row.version == 1 else CHANGED
    return row.version, action, row.updated_at, *(getattr(row, name) for name in STAMPS)


def changes_between(old: models.Model, new: models.Model) -> list[Change]:
    """Return the fields in which two versions of an object differ, but for those that every change sets."""
    always = {"version", "updated_at", *STAMPS}
    return [
        Change(str(field.verbose_name).capitalize(), _value(old, field), _value(new, field))
        for field in new._meta.concrete_fields
        if field.name not in always and getattr(old, field.attname) != getattr(new, field.attname)
    ]


def _value(row: models.Model, field: "models.Field[Any, Any]") -> Any:
    try:
        return getattr(row, field.name)
    except ObjectDoesNotExist:  # the object that a key referred to
        return getattr(row, field.attname)


def find_versions(model: Any, term: str, limit: int = 100) -> list[Entry]:
    """Return the latest versions that a request made, or a user, or that an object has; the latest first."""
    label = model._meta.get_field(model.label).attname
    own: Any = (F("id"), F("version"), F("updated_at"), *map(F, STAMPS), F(label))
    past: Any = (F("object_id"), F("version"), F("at"), *map(F, STAMPS), KT(f"state__{label}"))
    entries = set()
    for name in ("changed_request", "changed_by", "object_id"):
        rows: QuerySet[Any] = (
            QuerySet(model).filter(**{name.replace("object_id", "id"): term}).order_by("-updated_at")
        )
        for id, version, *rest in rows.values_list(*own)[:limit]:
            entries.add((id, version, CREATED if version == 1 else CHANGED, *rest))
        versions = Version.objects.filter(kind=kind_of(model), **{name: term}).order_by("-at")
        entries.update(versions.values_list(*past[:2], F("action"), *past[2:])[:limit])
    found = [Entry(*entry) for entry in entries]
    return sorted(found, key=lambda entry: (entry.at, entry.version), reverse=True)[:limit]
