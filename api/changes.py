"""Changing and deleting one object under `If-Match`."""

from typing import Any, TypeVar

from django.db import transaction
from django.http import HttpRequest

from api.preconditions import if_match
from api.problems.problem import Problem
from api.problems.types import PRECONDITION_FAILED
from owned.models import OwnedModel, VersionConflict
from owned.querysets import OwnedQuerySet

ModelT = TypeVar("ModelT", bound=OwnedModel)


def change(request: HttpRequest, mine: OwnedQuerySet[ModelT], id: str, values: dict[str, Any]) -> ModelT:
    """Set fields of one object. Raises DoesNotExist and a 412 problem."""
    try:
        with transaction.atomic():
            return checked(request, mine, id).change(**values)
    except VersionConflict:
        raise Problem(PRECONDITION_FAILED, "Someone else changed the object; get it again.") from None


def remove(request: HttpRequest, mine: OwnedQuerySet[ModelT], id: str) -> ModelT:
    """Delete one object; returns it as it was. Raises DoesNotExist and a 412 problem."""
    with transaction.atomic():
        row = checked(request, mine, id)
        row.delete()
        row.pk = id
        return row


def checked(request: HttpRequest, mine: OwnedQuerySet[ModelT], id: str) -> ModelT:
    """Return one object, locked, at a version that the client named."""
    condition = if_match(request)
    row = mine.get_for_update(id)
    if condition is not None:
        condition.check(row.version)
    return row
