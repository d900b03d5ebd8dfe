"""Stock django-ninja: schemas, `response=` and the documented renderer, under gunicorn."""

import os
from typing import Any

import django
import orjson

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_settings")
os.environ.setdefault("ROOT_URLCONF", __name__)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import NinjaAPI, Query, Router
from ninja.errors import HttpError
from ninja.renderers import BaseRenderer
from ninja.security import APIKeyHeader

from peers import cursors
from peers.django_tables.models import ApiKey, Simulation
from peers.pydantic_schemas import Bulk, Created, ListQuery, Page, SimulationIn, SimulationOut

router = Router()


class ORJSONRenderer(BaseRenderer):
    """Writes JSON with orjson. The default renderer is slower, and truncates times to milliseconds."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return the body of a response."""
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)


class KeyAuth(APIKeyHeader):
    """Requires a valid key in `X-API-Key`."""

    param_name = "X-API-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey | None:
        """Return the caller's key, or None. Raises 403 for a write with a read-only key."""
        api_key = ApiKey.objects.valid(key or "")
        if api_key and api_key.read_only and request.method != "GET":
            raise HttpError(403, "This key may read but not write.")
        return api_key


@router.get("", response=Page)
def list_simulations(request: Any, query: Query[ListQuery]) -> dict[str, object]:
    """One page of the caller's simulations."""
    rows = Simulation.objects.filter(owner_id=request.auth.user_id)
    if query.q is not None:
        rows = rows.filter(name__icontains=query.q)
    for name in ("name", "start_date__gte", "start_date__lte", "end_date__gte", "end_date__lte"):
        if (value := getattr(query, name)) is not None:
            rows = rows.filter(**{name: value})
    if query.cursor is not None:
        value, last = cursors.decode(query.cursor, query.key)
        way = "lt" if query.descending else "gt"
        rows = rows.filter(Q(**{f"{query.key}__{way}": value}) | Q(**{query.key: value, f"id__{way}": last}))
    items = list(rows.order_by(query.sort, "-id" if query.descending else "id")[: query.limit + 1])
    if len(items) <= query.limit:
        return {"items": items, "next_cursor": None}
    items.pop()
    return {"items": items, "next_cursor": cursors.encode(getattr(items[-1], query.key), items[-1].id)}


@router.post("", response={201: SimulationOut})
def create_simulation(request: Any, body: SimulationIn) -> tuple[int, Simulation]:
    """Create a simulation."""
    return 201, Simulation.objects.create(owner_id=request.auth.user_id, **body.model_dump())


@router.post("/bulk", response={201: Created})
def create_simulations(request: Any, body: Bulk) -> tuple[int, dict[str, object]]:
    """Create many simulations, all or none."""
    rows = [Simulation(owner_id=request.auth.user_id, **item.model_dump()) for item in body.items]
    Simulation.objects.bulk_create(rows)
    return 201, {"created": len(rows), "ids": [row.id for row in rows]}


@router.get("/{id}", response=SimulationOut)
def get_simulation(request: Any, id: str) -> Simulation:
    """One simulation."""
    return get_object_or_404(Simulation, owner_id=request.auth.user_id, id=id)


@router.put("/{id}", response=SimulationOut)
def replace_simulation(request: Any, id: str, body: SimulationIn) -> Simulation:
    """Set all fields of one simulation."""
    with transaction.atomic():
        rows = Simulation.objects.select_for_update()
        simulation = get_object_or_404(rows, owner_id=request.auth.user_id, id=id)
        simulation.change(**body.model_dump())
    return simulation


api = NinjaAPI(auth=KeyAuth(), renderer=ORJSONRenderer(), docs_url=None, openapi_url=None)
api.add_router("/simulations", router)
urlpatterns = [path("api/", api.urls)]

application = get_wsgi_application()
