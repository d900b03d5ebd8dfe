"""The stretch of days that a timeline shows, and the periods that it falls into."""

from collections.abc import Callable
from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.inputs import Date, Interval

MOST_PERIODS = 120
MOST_DAYS = 62  # past that, months
TICKS = 8
LAST_DAY = date.max.toordinal()


class Window(Interval):
    """The days that are seen, and how to see others."""

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1

    def left(self, day: date) -> float:
        """Return where a day begins, in percent of the whole; what is outside is at the edge."""
        return min(max((day - self.first).days * 100 / self.days, 0), 100)

    def right(self, day: date) -> float:
        """Return where a day ends."""
        return min(max(((day - self.first).days + 1) * 100 / self.days, 0), 100)

    def zoomed(self, factor: float) -> "Window":
        """Return so many times the days around the same middle."""
        days = max(1, int(self.days * factor))
        return window_of(self.first.toordinal() + (self.days - days) // 2, days)

    def moved(self, direction: int) -> "Window":
        """Return as many days, half a window later (1) or earlier (-1)."""
        return window_of(self.first.toordinal() + direction * ceil(self.days / 2), self.days)

    def around(self, day: date) -> "Window":
        """Return as many days with one in the middle."""
        return window_of(day.toordinal() - self.days // 2, self.days)


def window_of(first: int, days: int) -> Window:
    """Return so many days from an ordinal on, as far as the calendar has them."""
    days = min(days, LAST_DAY)
    first = min(max(first, 1), LAST_DAY - days + 1)
    return Window(date.fromordinal(first), date.fromordinal(first + days - 1))


def year_of(day: date) -> Window:
    """Return the calendar's year."""
    return Window(day.replace(month=1, day=1), day.replace(month=12, day=31))


class WindowIn(BaseModel):
    """From which day to which."""

    first: Date | None = Field(None, alias="from")
    last: Date | None = Field(None, alias="to")

    @field_validator("last")
    @classmethod
    def _in_order(cls, last: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("first")
        if first is not None and last is not None and last < first:
            raise PydanticCustomError("date_order", "must not be before the first day")
        return last

    def window(self, whole: Callable[[], Window]) -> Window:
        """Return the days that are meant; what is left out is as the whole has it."""
        if self.first and self.last:
            return Window(self.first, self.last)
        all = whole()
        first, last = self.first or all.first, self.last or all.last
        return Window(first if self.first else min(first, last), last if self.last else max(first, last))


class Period(NamedTuple):
    """A day, month, year, decade or century, as far as a window shows it."""

    label: str
    first: date
    last: date


def periods_of(window: Window) -> list[Period]:
    """Divide a window: into months, unless these are few or too many."""
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
    """Return a few periods whose beginnings tell where one is, none so late that its label has no room."""
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
