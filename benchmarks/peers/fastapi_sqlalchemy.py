"""FastAPI with SQLAlchemy's asyncio extension and asyncpg, under uvicorn with uvloop."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader
from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from peers import cursors
from peers.pydantic_schemas import Bulk, Created, ListQuery, Page, SimulationIn, SimulationOut
from peers.sqlalchemy_tables import (
    ApiKey,
    Simulation,
    find_key,
    find_simulation,
    random_id,
    reading,
    writing,
)

app = FastAPI()
header = APIKeyHeader(name="X-API-Key")


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield the request's session."""
    async with reading() if request.method == "GET" else writing() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


async def authenticate(request: Request, session: Session, key: Annotated[str, Security(header)]) -> ApiKey:
    """Return the caller's key. Raises 401, or 403 for a write with a read-only key."""
    api_key = await find_key(session, key)
    if api_key is None:
        raise HTTPException(401, "X-API-Key header invalid.")
    if api_key.read_only and request.method != "GET":
        raise HTTPException(403, "This key may read but not write.")
    return api_key


Caller = Annotated[ApiKey, Depends(authenticate)]


@app.get("/api/simulations", response_model=Page)
async def list_simulations(
    session: Session, caller: Caller, query: Annotated[ListQuery, Query()]
) -> dict[str, object]:
    """One page of the caller's simulations."""
    key = getattr(Simulation, query.key)
    rows = select(Simulation).where(Simulation.owner_id == caller.user_id)
    if query.q is not None:
        rows = rows.where(Simulation.name.icontains(query.q, autoescape=True))
    if query.name is not None:
        rows = rows.where(Simulation.name == query.name)
    if query.start_date__gte is not None:
        rows = rows.where(Simulation.start_date >= query.start_date__gte)
    if query.start_date__lte is not None:
        rows = rows.where(Simulation.start_date <= query.start_date__lte)
    if query.end_date__gte is not None:
        rows = rows.where(Simulation.end_date >= query.end_date__gte)
    if query.end_date__lte is not None:
        rows = rows.where(Simulation.end_date <= query.end_date__lte)
    order = (key.desc(), Simulation.id.desc()) if query.descending else (key, Simulation.id)
    if query.cursor is not None:
        place, row = tuple_(*cursors.decode(query.cursor, query.key)), tuple_(key, Simulation.id)
        rows = rows.where(row < place if query.descending else row > place)
    items = list(await session.scalars(rows.order_by(*order).limit(query.limit + 1)))
    if len(items) <= query.limit:
        return {"items": items, "next_cursor": None}
    items.pop()
    return {"items": items, "next_cursor": cursors.encode(getattr(items[-1], query.key), items[-1].id)}


@app.post("/api/simulations", response_model=SimulationOut, status_code=201)
async def create_simulation(session: Session, caller: Caller, body: SimulationIn) -> Simulation:
    """Create a simulation."""
    simulation = Simulation(owner_id=caller.user_id, **body.model_dump())
    session.add(simulation)
    await session.commit()
    return simulation


@app.post("/api/simulations/bulk", status_code=201)
async def create_simulations(session: Session, caller: Caller, body: Bulk) -> Created:
    """Create many simulations, all or none."""
    rows = [{"id": random_id(), "owner_id": caller.user_id, **item.model_dump()} for item in body.items]
    await session.execute(insert(Simulation), rows)
    await session.commit()
    return Created(created=len(rows), ids=[row["id"] for row in rows])


@app.get("/api/simulations/{id}", response_model=SimulationOut)
async def get_simulation(session: Session, caller: Caller, id: str) -> Simulation:
    """One simulation."""
    simulation = await find_simulation(session, caller.user_id, id)
    if simulation is None:
        raise HTTPException(404, "Object not found.")
    return simulation


@app.put("/api/simulations/{id}", response_model=SimulationOut)
async def replace_simulation(session: Session, caller: Caller, id: str, body: SimulationIn) -> Simulation:
    """Set all fields of one simulation."""
    simulation = await find_simulation(session, caller.user_id, id, lock=True)
    if simulation is None:
        raise HTTPException(404, "Object not found.")
    simulation.name, simulation.start_date, simulation.end_date = body.name, body.start_date, body.end_date
    await session.commit()
    return simulation
