"""The operations on simulations."""

from django.http import HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from api.bulk.exports import ExportFormat, export
from api.changes import change, remove
from api.inputs import Id
from api.paging import paginate
from api.requests import ApiRequest
from api.schemas import Bulk, Created, Page, PageQuery
from simulations.models import Simulation
from simulations.schemas import SimulationIn, SimulationOut, SimulationPatch, SimulationSelection

router = Router(tags=["simulations"])


@router.get("", response=Page[SimulationOut], summary="List simulations")
def list_simulations(
    request: ApiRequest, where: Query[SimulationSelection], page: Query[PageQuery]
) -> HttpResponse:
    """Your simulations, a page at a time.

    Send `next_cursor` back as `cursor`, or follow the `Link` header, until it is null: each simulation
    comes once, whatever is created or deleted meanwhile. Filters are ANDed.
    """
    return paginate(request, Simulation.objects.for_owner(request.auth), where, page, SimulationOut)


@router.post("", response={201: SimulationOut}, summary="Create a simulation")
def create_simulation(request: ApiRequest, body: SimulationIn) -> Simulation:
    """Record a simulation of yours. `Location` tells its address."""
    return Simulation.objects.for_owner(request.auth).create(**body.model_dump())


@router.post("/bulk", response={201: Created}, summary="Create many simulations")
def create_simulations(request: ApiRequest, body: Bulk[SimulationIn]) -> Created:
    """Record up to 10,000 simulations of yours, all or none, from JSON, CSV or NDJSON."""
    ids = Simulation.objects.for_owner(request.auth).create_many(body.items)
    return Created(created=len(ids), ids=ids)


@router.get("/export", response=SimulationOut, summary="Export simulations")
def export_simulations(
    request: ApiRequest, where: Query[SimulationSelection], format: ExportFormat = "csv"
) -> StreamingHttpResponse:
    """All simulations of yours that the filters keep, as one stream; bulk create reads it back."""
    return export(request, Simulation.objects.for_owner(request.auth), where, SimulationOut, format)


@router.get("/{id}", response=SimulationOut, summary="Get a simulation")
def get_simulation(request: ApiRequest, id: Id) -> Simulation:
    """One simulation of yours; `ETag` names the version that you see."""
    return Simulation.objects.for_owner(request.auth).get(pk=id)


@router.put("/{id}", response=SimulationOut, summary="Replace a simulation")
def replace_simulation(request: ApiRequest, id: Id, body: SimulationIn) -> Simulation:
    """Set all fields of one simulation of yours."""
    return change(request, Simulation.objects.for_owner(request.auth), id, body.model_dump())


@router.patch("/{id}", response=SimulationOut, summary="Update a simulation")
@router.post("/{id}", response=SimulationOut, include_in_schema=False)
def update_simulation(request: ApiRequest, id: Id, body: SimulationPatch) -> Simulation:
    """Set some fields of one simulation of yours; `{}` changes nothing."""
    sent = body.model_dump(exclude_unset=True)
    return change(request, Simulation.objects.for_owner(request.auth), id, sent)


@router.delete("/{id}", response=SimulationOut, summary="Delete a simulation")
def delete_simulation(request: ApiRequest, id: Id) -> Simulation:
    """Delete one simulation of yours, for good; the answer is the simulation as it was."""
    return remove(request, Simulation.objects.for_owner(request.auth), id)
