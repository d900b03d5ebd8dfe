"""Pages to upload simulations: choose a CSV file, preview it, confirm it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import SignedInRequest
from api.bulk.rows import read_csv_of
from api.bulk.schemas import Bulk
from api.bulk.uploads import UploadForm, keep, take
from api.problems.problem import LISTED_ERRORS
from simulations.models import Simulation
from simulations.schemas import SimulationIn

FIRST_ROWS = 10


class SimulationUploadForm(UploadForm):
    """Accepts the CSV format of bulk create."""

    schema = Bulk[SimulationIn]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: SignedInRequest) -> HttpResponse:
    """Show a preview of an uploaded file. Nothing is saved yet."""
    if request.method != "POST":
        return render(request, "simulations/upload.html", {"form": SimulationUploadForm()})
    form = SimulationUploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "simulations/upload.html", {"form": form})
    sheet = form.cleaned_data["file"]
    context = {
        "form": SimulationUploadForm(),
        "sheet": sheet,
        "errors": sheet.errors[:LISTED_ERRORS],
        "first_rows": list(zip(sheet.numbers, sheet.rows, strict=True))[:FIRST_ROWS],
        "token": None if sheet.errors else keep(request.user.pk, sheet),
    }
    return render(request, "simulations/upload.html", context)


@login_required
@require_POST
def confirm(request: SignedInRequest) -> HttpResponse:
    """Create the simulations of the previewed file. A double click creates them once."""
    with transaction.atomic():
        text = take(request.user.pk, request.POST.get("token", ""))
        if text is not None:
            rows = Bulk[SimulationIn].model_validate(read_csv_of(SimulationIn)(text))
            made = len(Simulation.objects.for_owner(request.user).create_many(rows.items))
    if text is None:
        messages.warning(
            request, "This preview has expired: the file was already saved or replaced. Upload it again."
        )
        return redirect("simulations:upload")
    messages.success(request, f"{made} simulation{'s' if made > 1 else ''} created.")
    return redirect("simulations:list")
