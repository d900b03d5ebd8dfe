"""Creating many objects at once."""

from typing import Any

from django.db import transaction

from api.models import OwnedModel
from api.requests import ApiRequest
from api.schemas import Bulk, Created


def create_all(request: ApiRequest, model: type[OwnedModel], body: Bulk[Any]) -> Created:
    """Make all the objects for the caller, in their order, or none."""
    rows = [model(owner_id=request.auth.owner_id, **item.model_dump()) for item in body.items]
    with transaction.atomic():
        model.objects.bulk_create(rows)
    return Created(created=len(rows), ids=[row.pk for row in rows])
