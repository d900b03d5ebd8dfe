"""Getting one object in order to change or delete it."""

from copy import copy
from typing import TypeVar

from django.http import HttpRequest

from api.preconditions import if_match
from owned.models import OwnedModel
from owned.querysets import OwnedQuerySet

ModelT = TypeVar("ModelT", bound=OwnedModel)


def get_to_change(request: HttpRequest, rows: OwnedQuerySet[ModelT], id: str) -> ModelT:
    """Return an object, locked until the request's transaction ends.

    Raises DoesNotExist, and a problem if `If-Match` does not allow the change.
    """
    expected = if_match(request)
    row = rows.get_for_update(id)
    if expected is not None:
        expected.check(row.version)
    return row


def delete(request: HttpRequest, rows: OwnedQuerySet[ModelT], id: str) -> ModelT:
    """Delete an object and return it as it was. Raises as `get_to_change` does."""
    row = get_to_change(request, rows, id)
    before = copy(row)  # Django takes the id from what it deletes
    row.delete()
    return before
