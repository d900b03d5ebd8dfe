"""The range of dates that a timeline shows, and its division into periods."""

from collections.abc import Callable
from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.inputs import Date, Interval

MOST_PERIODS = 120
MOST_DAYS = 62  # above this, periods are months or longer
TICKS = 8
LAST_DAY = date.max.toordinal()


class Window(Interval):
    """A visible range of dates, and ways to zoom and move it."""

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    def left(self, day: date) -> float:
        """Return the position of the start of a day, as a percentage, limited to 0-100."""
        return min(max((day - self.first).days * 100 / self.days, 0), 100)

    def right(self, day: date) -> float:
        """Return the position of the end of a day, as a percentage, limited to 0-100."""
        return min(max(((day - self.first).days + 1) * 100 / self.days, 0), 100)

    def zoomed(self, factor: float) -> "Window":
        """Return a window with the same center and `factor` times the days."""
        days = max(1, int(self.days * factor))
        return window_of(self.first.toordinal() + (self.days - days) // 2, days)

    def moved(self, direction: int) -> "Window":
        """Return a window of the same length, half a window later (1) or earlier (-1)."""
        return window_of(self.first.toordinal() + direction * ceil(self.days / 2), self.days)

    def around(self, day: date) -> "Window":
        """Return a window of the same length, centered on a day."""
        return window_of(day.toordinal() - self.days // 2, self.days)


def window_of(first: int, days: int) -> Window:
    """Return a window of a number of days from an ordinal, moved to fit between the years 1 and 9999."""
    days = min(days, LAST_DAY)
    first = min(max(first, 1), LAST_DAY - days + 1)
    return Window(date.fromordinal(first), date.fromordinal(first + days - 1))


def year_of(day: date) -> Window:
    """Return the calendar year of a day."""
    return Window(day.replace(month=1, day=1), day.replace(month=12, day=31))


class WindowIn(BaseModel):
    """The dates from `from` to `to`."""

    first: Date | None = Field(None, alias="from")
    last: Date | None = Field(None, alias="to")

    @field_validator("last")
    @classmethod
    def _in_order(cls, last: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("first")
        if first is not None and last is not None and last < first:
            raise PydanticCustomError("date_order", "must not be before the From date")
        return last

    def window(self, whole: Callable[[], Window]) -> Window:
        """Return the window. Dates that were not sent come from `whole()`."""
        if self.first and self.last:
            return Window(self.first, self.last)
        all = whole()
        first, last = self.first or all.first, self.last or all.last
        return Window(first if self.first else min(first, last), last if self.last else max(first, last))


class Period(NamedTuple):
    """The visible part of a day, month, year, decade or century."""

    label: str
    first: date
    last: date


def periods_of(window: Window) -> list[Period]:
    """Divide a window into at most 120 periods: days up to 62 days, otherwise months or longer."""
    if window.days <= MOST_DAYS:
        days = [window.first + timedelta(n) for n in range(window.days)]
        return [Period(str(day), day, day) for day in days]
    for months in (1, 12, 120, 1200):
        low, high = (_month(day) // months for day in (window.first, window.last))
        if high - low < MOST_PERIODS:
            break
    starts = [window.first, *(_first_day(n * months) for n in range(low + 1, high + 1))]
    ends = [*(start - timedelta(1) for start in starts[1:]), window.last]
    return [Period(_label(first, months), first, last) for first, last in zip(starts, ends, strict=True)]


def ticks_of(window: Window) -> list[Period]:
    """Return up to 8 periods to label on the axis, without those too close to the right edge."""
    periods = periods_of(window)
    return [p for p in periods[:: ceil(len(periods) / TICKS)] if window.left(p.first) < 92]


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _label(day: date, months: int) -> str:
    if months == 1:
        return f"{day:%Y-%m}"
    years = months // 12
    first = day.year - day.year % years
    return f"{first:04}" if years == 1 else f"{first:04} to {first + years - 1}"
