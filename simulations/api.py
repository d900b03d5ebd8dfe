"""The API operations on simulations."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from api.bulk.exports import ExportFormat, export
from api.bulk.schemas import Bulk, Created
from api.inputs import Id
from api.objects import delete, get_to_change
from api.paging import paginate
from api.requests import ApiRequest
from api.schemas import Page, PageQuery
from simulations.models import Simulation
from simulations.schemas import SimulationIn, SimulationOut, SimulationPatch, SimulationSelection

router = Router(tags=["simulations"])


@router.get("", response=Page[SimulationOut], summary="List simulations")
def list_simulations(
    request: ApiRequest, where: Query[SimulationSelection], page: Query[PageQuery]
) -> HttpResponse | dict[str, Any]:
    """Returns your simulations, one page at a time. Filters are combined with AND.

    To get the next page, send `next_cursor` as `cursor`, or follow the `Link` header, until `next_cursor` is
    null. Simulations that are created or deleted meanwhile never repeat or hide other simulations.
    """
    return paginate(request, Simulation.objects.for_owner(request.auth), where, page, SimulationOut)


@router.post("", response={201: SimulationOut}, summary="Create a simulation")
def create_simulation(request: ApiRequest, body: SimulationIn) -> Simulation:
    """Creates a simulation. The `Location` header contains its URL."""
    return Simulation.objects.for_owner(request.auth).create(**body.model_dump())


@router.post("/bulk", response={201: Created}, summary="Create many simulations")
def create_simulations(request: ApiRequest, body: Bulk[SimulationIn]) -> Created:
    """Creates up to 10,000 simulations from JSON, CSV or NDJSON. Either all of them are created or none."""
    ids = Simulation.objects.for_owner(request.auth).create_many(body.items)
    return Created(created=len(ids), ids=ids)


@router.get("/export", response=SimulationOut, summary="Export simulations")
def export_simulations(
    request: ApiRequest, where: Query[SimulationSelection], format: ExportFormat = "csv"
) -> StreamingHttpResponse:
    """Streams all of your simulations that match the filters. Bulk create accepts the exported file."""
    return export(request, Simulation.objects.for_owner(request.auth), where, SimulationOut, format)


@router.get("/{id}", response=SimulationOut, summary="Get a simulation")
def get_simulation(request: ApiRequest, id: Id) -> Simulation:
    """Returns a simulation. The `ETag` header identifies its version."""
    return Simulation.objects.for_owner(request.auth).get(pk=id)


@router.put("/{id}", response=SimulationOut, summary="Replace a simulation")
def replace_simulation(request: ApiRequest, id: Id, body: SimulationIn) -> Simulation:
    """Replaces all fields of a simulation."""
    simulation = get_to_change(request, Simulation.objects.for_owner(request.auth), id)
    return simulation.change(**body.model_dump())


@router.patch("/{id}", response=SimulationOut, summary="Update a simulation")
def update_simulation(request: ApiRequest, id: Id, body: SimulationPatch) -> Simulation:
    """Updates the fields that are sent and leaves the others unchanged. `{}` changes nothing."""
    simulation = get_to_change(request, Simulation.objects.for_owner(request.auth), id)
    return simulation.change(**body.model_dump(exclude_unset=True))


@router.delete("/{id}", response=SimulationOut, summary="Delete a simulation")
def delete_simulation(request: ApiRequest, id: Id) -> Simulation:
    """Deletes a simulation permanently. The response contains the deleted simulation."""
    return delete(request, Simulation.objects.for_owner(request.auth), id)
