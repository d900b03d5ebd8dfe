"""The number of simulations that were active in each period."""

from datetime import date
from typing import NamedTuple

from django.db.models import Case, Count, Expression, Value, When

from owned.querysets import OwnedQuerySet
from simulations.models import Simulation
from simulations.schemas import SimulationSelection
from simulations.windows import Period, Window, periods_of


class Column(NamedTuple):
    """The number of active simulations in a period. The coordinates are percentages of the drawing."""

    label: str
    number: int
    left: float
    width: float
    top: float
    height: float


def columns(mine: OwnedQuerySet[Simulation], where: SimulationSelection, window: Window) -> list[Column]:
    """Count the active simulations in each period. The database does it, in one query."""
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
    """Return the column of a period."""
    left = window.left(period.first)
    width = window.right(period.last) - left
    return Column(period.label, number, *(round(n, 2) for n in (left, width, 100 - height, height)))


def period_at(field: str, firsts: list[date], low: int = 0, high: int | None = None) -> Expression:
    """Return an expression for the index of the period that contains a date field.

    Earlier dates count as the first period. The expression is a binary tree of comparisons, so that each
    row needs 7 of them and not 100.
    """
    high = len(firsts) if high is None else high
    if high - low == 1:
        return Value(low)
    middle = (low + high) // 2
    earlier = When(**{f"{field}__lt": firsts[middle]}, then=period_at(field, firsts, low, middle))
    return Case(earlier, default=period_at(field, firsts, middle, high))
