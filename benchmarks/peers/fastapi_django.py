"""FastAPI with the Django ORM: sync endpoints and dependencies, which run in threads, under uvicorn."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio.to_thread
import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_settings")
django.setup()

from django.db import transaction
from django.db.models import Q
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader

from peers import cursors
from peers.django_tables.models import ApiKey, Simulation
from peers.pydantic_schemas import Bulk, Created, ListQuery, Page, SimulationIn, SimulationOut

THREADS = 8  # per process; with Starlette's default of 40, most only wait for the GIL and PostgreSQL


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Limit the threads, and thereby the database connections: Django opens one per thread."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


app = FastAPI(lifespan=lifespan)
header = APIKeyHeader(name="X-API-Key")


def authenticate(request: Request, key: Annotated[str, Security(header)]) -> ApiKey:
    """Return the caller's key. Raises 401, or 403 for a write with a read-only key."""
    api_key = ApiKey.objects.valid(key)
    if api_key is None:
        raise HTTPException(401, "X-API-Key header invalid.")
    if api_key.read_only and request.method != "GET":
        raise HTTPException(403, "This key may read but not write.")
    return api_key


Caller = Annotated[ApiKey, Depends(authenticate)]


def look_up(id: str, caller: Caller) -> Simulation:
    """Return one simulation of the caller's. Raises 404."""
    simulation = Simulation.objects.filter(owner_id=caller.user_id, id=id).first()
    if simulation is None:
        raise HTTPException(404, "Object not found.")
    return simulation


@app.get("/api/simulations", response_model=Page)
def list_simulations(caller: Caller, query: Annotated[ListQuery, Query()]) -> dict[str, object]:
    """One page of the caller's simulations."""
    rows = Simulation.objects.filter(owner_id=caller.user_id)
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


@app.post("/api/simulations", response_model=SimulationOut, status_code=201)
def create_simulation(caller: Caller, body: SimulationIn) -> Simulation:
    """Create a simulation."""
    return Simulation.objects.create(owner_id=caller.user_id, **body.model_dump())


@app.post("/api/simulations/bulk", status_code=201)
def create_simulations(caller: Caller, body: Bulk) -> Created:
    """Create many simulations, all or none."""
    rows = [Simulation(owner_id=caller.user_id, **item.model_dump()) for item in body.items]
    Simulation.objects.bulk_create(rows)
    return Created(created=len(rows), ids=[row.id for row in rows])


@app.get("/api/simulations/{id}", response_model=SimulationOut)
def get_simulation(simulation: Annotated[Simulation, Depends(look_up)]) -> Simulation:
    """One simulation."""
    return simulation


@app.put("/api/simulations/{id}", response_model=SimulationOut)
def replace_simulation(caller: Caller, id: str, body: SimulationIn) -> Simulation:
    """Set all fields of one simulation."""
    with transaction.atomic():
        simulation = Simulation.objects.select_for_update().filter(owner_id=caller.user_id, id=id).first()
        if simulation is None:
            raise HTTPException(404, "Object not found.")
        simulation.change(**body.model_dump())
    return simulation
