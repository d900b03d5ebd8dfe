"""Litestar with SQLAlchemy's asyncio extension, asyncpg and msgspec, under uvicorn with uvloop."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Litestar, Router, get, post, put
from litestar.connection import Request
from litestar.exceptions import NotAuthorizedException, NotFoundException, PermissionDeniedException
from litestar.params import Parameter
from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from peers import cursors
from peers.sqlalchemy_tables import (
    ApiKey,
    Simulation,
    find_key,
    find_simulation,
    random_id,
    reading,
    writing,
)

SortKey = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "name",
    "-name",
    "start_date",
    "-start_date",
    "end_date",
    "-end_date",
]


class SimulationIn(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a simulation that clients set."""

    name: str
    start_date: date
    end_date: date

    def __post_init__(self) -> None:
        """Trim the name, and check what annotations cannot express."""
        self.name = self.name.strip()
        if not 1 <= len(self.name) <= 300:
            raise ValueError("name must have 1 to 300 characters")
        if self.end_date < self.start_date:
            raise ValueError("end_date must not be before start_date")


class SimulationOut(msgspec.Struct):
    """A simulation."""

    id: str
    name: str
    start_date: date
    end_date: date
    created_at: datetime
    updated_at: datetime


class Bulk(msgspec.Struct, forbid_unknown_fields=True):
    """Many simulations at once."""

    items: Annotated[list[SimulationIn], msgspec.Meta(min_length=1, max_length=10_000)]


class Created(msgspec.Struct):
    """The result of a bulk create."""

    created: int
    ids: list[str]


class Page(msgspec.Struct):
    """One page of a list."""

    items: list[SimulationOut]
    next_cursor: str | None


def out(simulation: Simulation) -> SimulationOut:
    """Return the response for a row."""
    return msgspec.convert(simulation, SimulationOut, from_attributes=True)


async def open_session(request: Request[Any, Any, Any]) -> AsyncIterator[AsyncSession]:
    """Yield the request's session."""
    async with reading() if request.method == "GET" else writing() as session:
        yield session


async def authenticate(
    request: Request[Any, Any, Any],
    session: AsyncSession,
    key: Annotated[str, Parameter(header="X-API-Key")],
) -> ApiKey:
    """Return the caller's key. Raises 401, or 403 for a write with a read-only key."""
    api_key = await find_key(session, key)
    if api_key is None:
        raise NotAuthorizedException("X-API-Key header invalid.")
    if api_key.read_only and request.method != "GET":
        raise PermissionDeniedException("This key may read but not write.")
    return api_key


@get("/")
async def list_simulations(
    session: AsyncSession,
    caller: ApiKey,
    sort: SortKey = "-created_at",
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    cursor: str | None = None,
    q: str | None = None,
    name: str | None = None,
    start_date__gte: date | None = None,
    start_date__lte: date | None = None,
    end_date__gte: date | None = None,
    end_date__lte: date | None = None,
) -> Page:
    """One page of the caller's simulations."""
    descending, field = sort.startswith("-"), sort.removeprefix("-")
    key = getattr(Simulation, field)
    rows = select(Simulation).where(Simulation.owner_id == caller.user_id)
    if q is not None:
        rows = rows.where(Simulation.name.icontains(q, autoescape=True))
    if name is not None:
        rows = rows.where(Simulation.name == name)
    if start_date__gte is not None:
        rows = rows.where(Simulation.start_date >= start_date__gte)
    if start_date__lte is not None:
        rows = rows.where(Simulation.start_date <= start_date__lte)
    if end_date__gte is not None:
        rows = rows.where(Simulation.end_date >= end_date__gte)
    if end_date__lte is not None:
        rows = rows.where(Simulation.end_date <= end_date__lte)
    order = (key.desc(), Simulation.id.desc()) if descending else (key, Simulation.id)
    if cursor is not None:
        place, row = tuple_(*cursors.decode(cursor, field)), tuple_(key, Simulation.id)
        rows = rows.where(row < place if descending else row > place)
    found = list(await session.scalars(rows.order_by(*order).limit(limit + 1)))
    if len(found) <= limit:
        return Page([out(row) for row in found], None)
    found.pop()
    return Page([out(row) for row in found], cursors.encode(getattr(found[-1], field), found[-1].id))


@post("/")
async def create_simulation(session: AsyncSession, caller: ApiKey, data: SimulationIn) -> SimulationOut:
    """Create a simulation."""
    simulation = Simulation(owner_id=caller.user_id, **msgspec.structs.asdict(data))
    session.add(simulation)
    await session.commit()
    return out(simulation)


@post("/bulk")
async def create_simulations(session: AsyncSession, caller: ApiKey, data: Bulk) -> Created:
    """Create many simulations, all or none."""
    rows = [
        {"id": random_id(), "owner_id": caller.user_id, **msgspec.structs.asdict(item)} for item in data.items
    ]
    await session.execute(insert(Simulation), rows)
    await session.commit()
    return Created(created=len(rows), ids=[row["id"] for row in rows])


@get("/{id:str}")
async def get_simulation(session: AsyncSession, caller: ApiKey, id: str) -> SimulationOut:
    """One simulation."""
    simulation = await find_simulation(session, caller.user_id, id)
    if simulation is None:
        raise NotFoundException("Object not found.")
    return out(simulation)


@put("/{id:str}")
async def replace_simulation(
    session: AsyncSession, caller: ApiKey, id: str, data: SimulationIn
) -> SimulationOut:
    """Set all fields of one simulation."""
    simulation = await find_simulation(session, caller.user_id, id, lock=True)
    if simulation is None:
        raise NotFoundException("Object not found.")
    simulation.name, simulation.start_date, simulation.end_date = data.name, data.start_date, data.end_date
    await session.commit()
    return out(simulation)


app = Litestar(
    [
        Router(
            "/api/simulations",
            route_handlers=[
                list_simulations,
                create_simulation,
                create_simulations,
                get_simulation,
                replace_simulation,
            ],
            dependencies={"session": open_session, "caller": authenticate},
        )
    ],
    openapi_config=None,
)
