"""The operations on simulations."""

from django.http import HttpResponse
from ninja import Query, Router

from api.paging import page
from api.requests import ApiRequest
from api.schemas import Id, Page
from simulations.models import Simulation
from simulations.schemas import SimulationIn, SimulationOut, SimulationPatch, SimulationQuery

router = Router(tags=["simulations"])


@router.get("", response=Page[SimulationOut], summary="List simulations")
def list_simulations(request: ApiRequest, query: Query[SimulationQuery]) -> HttpResponse:
    """Your simulations, a page at a time.

    Send `next_cursor` back as `cursor`, or follow the `Link` header, until it is null: each simulation
    comes once, whatever is created or deleted meanwhile.
    """
    return page(request, Simulation.objects.owned_by(request.auth), query, SimulationOut)


@router.post("", response={201: SimulationOut}, summary="Create a simulation")
def create_simulation(request: ApiRequest, body: SimulationIn) -> Simulation:
    """Record a simulation of yours. `Location` tells its address."""
    return Simulation.objects.create(owner_id=request.auth.owner_id, **body.model_dump())


@router.get("/{id}", response=SimulationOut, summary="Get a simulation")
def get_simulation(request: ApiRequest, id: Id) -> Simulation:
    """One simulation of yours; `ETag` names the version that you see."""
    return Simulation.objects.owned_by(request.auth).find(id)


@router.put("/{id}", response=SimulationOut, summary="Replace a simulation")
def replace_simulation(request: ApiRequest, id: Id, body: SimulationIn) -> Simulation:
    """Set all fields of one simulation of yours."""
    return Simulation.objects.owned_by(request.auth).change(id, body.model_dump())


@router.patch("/{id}", response=SimulationOut, summary="Update a simulation")
@router.post("/{id}", response=SimulationOut, include_in_schema=False)
def update_simulation(request: ApiRequest, id: Id, body: SimulationPatch) -> Simulation:
    """Set some fields of one simulation of yours; `{}` changes nothing."""
    return Simulation.objects.owned_by(request.auth).change(id, body.model_dump(exclude_unset=True))


@router.delete("/{id}", response=SimulationOut, summary="Delete a simulation")
def delete_simulation(request: ApiRequest, id: Id) -> Simulation:
    """Delete one simulation of yours, for good; the answer is the simulation as it was."""
    return Simulation.objects.owned_by(request.auth).remove(id)
