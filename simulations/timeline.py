"""The timeline: one bar per simulation, or a histogram if there are more than 1,000."""

from datetime import date
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.http import require_safe

from accounts.requests import SignedInRequest
from api.paging import planned_for_its_values
from owned.querysets import OwnedQuerySet
from simulations.forms import TimelineFilterForm, WindowForm, query_of
from simulations.histogram import columns
from simulations.models import Simulation
from simulations.schemas import SimulationSelection
from simulations.windows import Window, ticks_of, year_of

NAMED = 100  # most bars for which each gets its own row, with a name and a link
MOST = 1_000  # most bars
NAMES = 30_000  # most bytes for all names together
LINKS = 8  # URLs on the page that repeat the filters
SHORT_NAME, LONG_NAME = 60, 120  # bytes of a name, if each bar has its own row
WIDE = 1_000  # width of the drawing in its own units; it is stretched to the page
GAP = 12  # units between bars in the same lane


Row = tuple[str, str, date, date]


class Bar(NamedTuple):
    """The bar of a simulation. The coordinates are percentages of the window."""

    id: str
    name: str
    start_date: date
    end_date: date
    left: float
    width: float


@login_required
@require_safe
def show_timeline(request: SignedInRequest) -> HttpResponse:
    """Show the simulations that match the filters, between the dates `from` and `to`."""
    form, window_form = TimelineFilterForm(request.GET), WindowForm(request.GET)
    context: dict[str, Any] = {"form": form, "window_form": window_form}
    if form.is_valid() and window_form.is_valid():
        mine = Simulation.objects.for_owner(request.user).from_replica()
        window = window_form.read.window(lambda: whole(mine))
        context |= {"query": query_of(form.read), "links": links(form.read, window)}
        context |= drawing(mine, within(form.read, window), window)
    return render(request, "simulations/timeline.html", context)


def drawing(mine: OwnedQuerySet[Simulation], where: SimulationSelection, window: Window) -> dict[str, Any]:
    """Return the template context with `lines`, `lanes` or `columns`, depending on the number of rows."""
    today = timezone.localdate()
    context: dict[str, Any] = {
        "window": window,
        "ticks": [(round(window.left(tick.first), 2), tick.label) for tick in ticks_of(window)],
        "today": round(window.left(today), 2) if window.first <= today <= window.last else None,
        "list_query": query_of(where),
    }
    with planned_for_its_values(mine.db, where):
        rows = find_rows(mine, where)
        if len(rows) > MOST:
            counted = columns(mine, where, window)
            return {**context, "columns": counted, "most": max(column.number for column in counted)}
    bars = bars_of(rows, where, window)
    return {**context, "lines": bars} if len(bars) <= NAMED else {**context, "lanes": Lanes(bars)}


def whole(mine: OwnedQuerySet[Simulation]) -> Window:
    """Return the window from the first start date to the last end date, or this year if there is no row."""
    first = mine.order_by("start_date").values_list("start_date", flat=True).first()
    last = mine.order_by("-end_date").values_list("end_date", flat=True).first()
    return Window(first, last) if first and last else year_of(timezone.localdate())


def within(where: SimulationSelection, window: Window) -> SimulationSelection:
    """Narrow a selection to the simulations that a window shows."""
    return where.model_copy(
        update={
            "start_date__lte": min(where.start_date__lte or window.last, window.last),
            "end_date__gte": max(where.end_date__gte or window.first, window.first),
            "sort": "start_date",
        }
    )


def links(where: SimulationSelection, window: Window) -> list[tuple[str, str]]:
    """Return the links to other windows, as a label and a query string."""
    windows = {
        "Earlier": window.moved(-1),
        "Later": window.moved(1),
        "Zoom in": window.zoomed(1 / 2),
        "Zoom out": window.zoomed(2),
        "Today": window.around(timezone.localdate()),
    }
    dated = [
        (k, query_of(where, **{"from": w.first, "to": w.last})) for k, w in windows.items() if w != window
    ]
    return [*dated, ("Everything", query_of(where))]


def find_rows(mine: OwnedQuerySet[Simulation], where: SimulationSelection) -> list[Row]:
    """Return the rows to draw, at most one more than the limit."""
    rows = where.of(mine).order_by("end_date", "start_date")  # a range of the index `simulation_days`
    return list(rows.values_list("id", "name", "start_date", "end_date")[: MOST + 1])


def bars_of(rows: list[Row], where: SimulationSelection, window: Window) -> list[Bar]:
    """Return the bars, sorted by start date, with names truncated to keep the page small."""
    room = (NAMES - LINKS * len(query_of(where))) // max(len(rows), 1)
    if len(rows) <= NAMED:
        room = min(max(room, SHORT_NAME), LONG_NAME)
    bars = []
    for id, name, start, end in sorted(rows, key=lambda row: row[2]):
        left = window.left(start)
        bars.append(Bar(id, cut(name, room), start, end, round(left, 2), round(window.right(end) - left, 2)))
    return bars


def cut(text: str, room: int) -> str:
    """Truncate a text to `room` bytes of escaped HTML. Below 8 bytes, return an empty string."""
    if room < 8:
        return ""
    if len(text) <= room and len(escape(text).encode()) <= room:
        return text
    text = text[:room]
    while len(escape(text).encode()) > room - len("…".encode()):
        text = text[:-1]
    return f"{text}…"


class Lanes:
    """Many bars in few lanes. Each bar is in the first lane that has room for it."""

    def __init__(self, bars: list[Bar]) -> None:
        """Assign a lane to each bar. `bars` must be sorted by start date."""
        ends: list[int] = []
        placed = []
        for bar in bars:
            left, width = round(bar.left * WIDE / 100), round(bar.width * WIDE / 100)
            lane = next((n for n, end in enumerate(ends) if end + GAP <= left), len(ends))
            ends[lane : lane + 1] = [left + width]
            placed.append((left, lane, width, bar.name))
        self.step = max(4, min(10, 600 // len(ends)))
        self.thick = self.step - 2
        self.height = self.step * len(ends)
        half = self.step // 2
        self.bars = [(f"M{x} {lane * self.step + half}h{width}", name) for x, lane, width, name in placed]

    def __len__(self) -> int:
        return len(self.bars)
