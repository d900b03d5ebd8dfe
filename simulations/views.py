"""Pages where users view and edit their simulations."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import model_to_dict
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.requests import SignedInRequest
from api.bulk.exports import export
from api.paging import find_page
from api.schemas import PageQuery
from owned.keyset import InvalidCursor
from owned.models import VersionConflict
from owned.querysets import OwnedQuerySet
from simulations.forms import SORT_KEYS, FilterForm, SimulationForm, query_of
from simulations.models import Simulation
from simulations.schemas import SimulationOut, SimulationSelection

ROWS = 50  # per page of the list
COLUMNS = ("name", "start_date", "end_date", "created_at")

asks = require_http_methods(["GET", "HEAD", "POST"])


class Head(NamedTuple):
    """A column heading that sorts the list."""

    label: str
    query: str
    sorted: str  # a value of `aria-sort`, or empty


@login_required
@require_safe
def show_list(request: SignedInRequest) -> HttpResponse:
    """Show a page of the list, with the filters and pagination of the API."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "simulations/list.html", {"form": form})
    where, query = form.read, query_of(form.read)
    page = PageQuery(limit=ROWS, cursor=request.GET.get("cursor") or None)
    try:
        found = find_page(request.path, request.user.pk, mine_of(request), where, page, SimulationOut)
    except InvalidCursor:
        messages.warning(request, "That page link has expired; showing the first page.")
        return redirect(f"{request.path}?{query}")
    following = found["next_cursor"] and query_of(where, cursor=found["next_cursor"])
    context = {"items": found["items"], "next": following, "first": page.cursor is None}
    return render(
        request, "simulations/list.html", {"form": form, "query": query, "heads": heads(where), **context}
    )


def heads(where: SimulationSelection) -> list[Head]:
    """Return the column headings. The heading of the current sort reverses it."""
    heads = []
    for key in COLUMNS:
        ascending, descending = where.sort == key, where.sort == f"-{key}"
        direction = "ascending" if ascending else "descending" if descending else ""
        heads.append(Head(SORT_KEYS[key], query_of(where, sort=f"-{key}" if ascending else key), direction))
    return heads


@login_required
@require_safe
def download(request: SignedInRequest) -> HttpResponseBase:
    """Export the filtered list as CSV. If a filter is invalid, redirect to the list to show the error."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('simulations:list')}?{request.GET.urlencode()}")
    return export(request, mine_of(request), form.read, SimulationOut, "csv")


@login_required
@require_safe
def detail(request: SignedInRequest, id: str) -> HttpResponse:
    """Show one simulation."""
    row = find_or_404(mine_of(request), id)
    address = request.build_absolute_uri(reverse("api:get_simulation", args=[id]))
    return render(request, "simulations/detail.html", {"row": row, "address": address})


@login_required
@asks
def create(request: SignedInRequest) -> HttpResponse:
    """Create a simulation."""
    form = SimulationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            row = mine_of(request).create(**form.read.model_dump())
            messages.success(request, "The simulation was created.")
            return redirect("simulations:detail", row.pk)
    return render(request, "simulations/form.html", {"form": form})


@login_required
@asks
def edit(request: SignedInRequest, id: str) -> HttpResponse:
    """Edit a simulation, unless it was changed or deleted after the form was loaded."""
    if request.method == "POST":
        form = SimulationForm(request.POST)
        try:
            return save(request, form, id)
        except Simulation.DoesNotExist:
            return render(request, "simulations/gone.html", {"form": form}, status=404)
    row = find_or_404(mine_of(request), id)
    form = SimulationForm(initial=model_to_dict(row, fields=SimulationForm.base_fields))
    return render(request, "simulations/form.html", {"form": form, "id": id, "version": row.version})


def save(request: SignedInRequest, form: SimulationForm, id: str) -> HttpResponse:
    """Save a form, or show its errors or the conflicting version. Raises DoesNotExist."""
    row, version = mine_of(request).get(pk=id), request.POST.get("version", "")
    context: dict[str, Any] = {"form": form, "id": id, "version": version}
    if not form.is_valid():
        return render(request, "simulations/form.html", context)
    try:
        require_version(row, version)
        with form.refusals():
            row.change(**form.read.model_dump())
            messages.success(request, "The simulation was saved.")
            return redirect("simulations:detail", id)
    except VersionConflict:
        row = mine_of(request).get(pk=id)
        context |= {"version": row.version, "theirs": row, "differences": form.beside(row)}
        return render(request, "simulations/form.html", context, status=409)
    return render(request, "simulations/form.html", context)


@login_required
@asks
def delete(request: SignedInRequest, id: str) -> HttpResponse:
    """Ask for confirmation, then delete a simulation, unless it was changed in between."""
    mine, changed = mine_of(request), False
    if request.method == "POST":
        try:
            row = mine.get(pk=id)
            require_version(row, request.POST.get("version", ""))
            row.delete()
            messages.success(request, "The simulation was deleted.")
            return redirect("simulations:list")
        except Simulation.DoesNotExist:
            return render(request, "simulations/gone.html", status=404)
        except VersionConflict:
            changed = True
    context = {"row": find_or_404(mine, id), "changed": changed}
    return render(request, "simulations/delete.html", context, status=409 if changed else 200)


def require_version(row: Simulation, version: str) -> None:
    """Raise VersionConflict unless a form was made from this version, whatever text it holds as one."""
    if version != str(row.version):
        raise VersionConflict


def mine_of(request: SignedInRequest) -> OwnedQuerySet[Simulation]:
    """Return what the user owns."""
    return Simulation.objects.for_owner(request.user)


def find_or_404(mine: OwnedQuerySet[Simulation], id: str) -> Simulation:
    """Return one simulation. Raises Http404."""
    try:
        return mine.get(pk=id)
    except Simulation.DoesNotExist:
        raise Http404 from None
