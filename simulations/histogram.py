"""How many simulations were active in each period, counted by the database."""

from datetime import date
from typing import NamedTuple

from django.db.models import Case, Count, Expression, Value, When

from owned.querysets import OwnedQuerySet
from simulations.models import Simulation
from simulations.schemas import SimulationSelection
from simulations.windows import Period, Window, periods_of


class Column(NamedTuple):
    """How many were active in a period, and where its column is, in percent of the drawing."""

    label: str
    number: int
    left: float
    width: float
    top: float
    height: float


def columns(mine: OwnedQuerySet[Simulation], where: SimulationSelection, window: Window) -> list[Column]:
    """Count what was active in each period, in one query that returns no row of a simulation."""
    periods = periods_of(window)
    firsts = [period.first for period in periods]
    groups = (
        where.of(mine)
        .order_by()
        .values(begun=period_at("start_date", firsts), over=period_at("end_date", firsts))
        .annotate(number=Count("*"))
    )
    numbers = [0] * len(periods)
    for group in groups:
        for place in range(group["begun"], group["over"] + 1):
            numbers[place] += group["number"]
    most = max(*numbers, 1)
    return [column(window, p, n, n * 100 / most) for p, n in zip(periods, numbers, strict=True)]


def column(window: Window, period: Period, number: int, height: float) -> Column:
    """Place the column of a period."""
    left = window.left(period.first)
    width = window.right(period.last) - left
    return Column(period.label, number, *(round(n, 2) for n in (left, width, 100 - height, height)))


def period_at(field: str, firsts: list[date], low: int = 0, high: int | None = None) -> Expression:
    """Return the number of the period in which a day is; one before them all counts as in the first.

    A tree of comparisons: a row takes seven of them, not a hundred.
    """
    high = len(firsts) if high is None else high
    if high - low == 1:
        return Value(low)
    middle = (low + high) // 2
    earlier = When(**{f"{field}__lt": firsts[middle]}, then=period_at(field, firsts, low, middle))
    return Case(earlier, default=period_at(field, firsts, middle, high))
