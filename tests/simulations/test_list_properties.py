"""`GET /api/simulations` compared with a plain Python model, on data that Hypothesis generates."""

import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from owned.ids import ALPHABET
from simulations.models import Simulation
from tests.base import ApiTestCase

SORTS = tuple(
    f"{sign}{key}"
    for key in ("created_at", "updated_at", "name", "start_date", "end_date")
    for sign in ("", "-")
)

# Few values of each type, so that rows often have equal values and filters match some rows but not all.
DAYS = (date(1, 1, 1), *(date(2026, 1, 30) + timedelta(n) for n in range(5)), date(9999, 12, 31))
MOMENTS = tuple(
    datetime(2026, 1, 31, 23, tzinfo=UTC) + timedelta(microseconds=n)
    for n in (0, 1, 999_999, 1_000_000, 3_600_000_000)
)
OFFSETS = tuple(timezone(timedelta(minutes=n)) for n in (0, 90, -600))
LETTERS = "aAbBzZ %_\\'\"*?[]^#&+;éÉßσΣжЖ\u0301🐟👩\u200d💻שלםמر\u202e\u00a0"

days = st.sampled_from(DAYS)
moments = st.sampled_from(MOMENTS)
names = st.text(LETTERS, min_size=1, max_size=4).map(str.strip).filter(bool)
ids = st.text(st.sampled_from([*ALPHABET[:2], "a", "A", "z", "Z"]), min_size=2, max_size=2).map(
    "x".ljust(18, "x").__add__
)
periods = st.tuples(days, days).map(sorted)
written_moments = st.builds(
    lambda moment, offset: moment.astimezone(offset), moments, st.sampled_from(OFFSETS)
)


@st.composite
def simulations(draw: st.DrawFn) -> Simulation:
    """Draw a row without an owner."""
    start_date, end_date = draw(periods)
    return Simulation(
        id=draw(ids),
        name=draw(names),
        start_date=start_date,
        end_date=end_date,
        created_at=draw(moments),
        updated_at=draw(moments),
    )


FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "q": st.one_of(st.sampled_from(LETTERS), st.text(LETTERS, min_size=1, max_size=2)),
    "name": names,
    "id": st.lists(st.one_of(ids, st.just("no id"), st.just("🐟" * 20)), min_size=1, max_size=4),
    **{f"{key}__{end}": days for key in ("start_date", "end_date") for end in ("gte", "lte")},
    **{f"{key}__{end}": written_moments for key in ("created_at", "updated_at") for end in ("gte", "lt")},
    "active_on": days,
    "overlaps": periods,
}


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Draw up to three filters, because more rarely match a row. `q`, the most complex, is more likely."""
    chosen = draw(st.lists(st.sampled_from([*FILTERS, *["q"] * 5]), max_size=3, unique=True))
    return {name: draw(FILTERS[name]) for name in chosen}


@dataclass(frozen=True)
class Step:
    """The request of a page, and the changes after it."""

    limit: int | None  # None: follow the Link header
    counts: bool
    arrivals: int
    departures: list[int]


LAST_STEPS = repeat(Step(limit=None, counts=False, arrivals=0, departures=[]))
steps = st.lists(
    st.builds(
        Step,
        limit=st.one_of(st.none(), st.integers(1, 4)),
        counts=st.booleans(),
        arrivals=st.integers(0, 2),
        departures=st.lists(st.integers(0, 30), max_size=2),
    ),
    min_size=1,
    max_size=8,
)


def fold(text: str) -> str:
    """Fold case as the database does: ASCII on SQLite, Unicode characters on PostgreSQL."""
    if settings.ON_SQLITE:
        return re.sub("[A-Z]", lambda match: match[0].lower(), text)
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)


KEEPS: dict[str, Callable[[Simulation, Any], bool]] = {
    "q": lambda row, text: fold(text) in fold(row.name),
    "name": lambda row, name: bool(row.name == name),
    "id": lambda row, ids: row.id in ids,
    "start_date__gte": lambda row, day: bool(row.start_date >= day),
    "start_date__lte": lambda row, day: bool(row.start_date <= day),
    "end_date__gte": lambda row, day: bool(row.end_date >= day),
    "end_date__lte": lambda row, day: bool(row.end_date <= day),
    "created_at__gte": lambda row, moment: bool(row.created_at >= moment),
    "created_at__lt": lambda row, moment: bool(row.created_at < moment),
    "updated_at__gte": lambda row, moment: bool(row.updated_at >= moment),
    "updated_at__lt": lambda row, moment: bool(row.updated_at < moment),
    "active_on": lambda row, day: bool(row.start_date <= day <= row.end_date),
    "overlaps": lambda row, days: not (row.end_date < days[0] or row.start_date > days[1]),
}


class Model:
    """A model of the list, with rows that are created and deleted."""

    def __init__(
        self, rows: Iterable[Simulation], wanted: dict[str, Any], sort: str, *, with_z: bool
    ) -> None:
        """Initialize the model with all rows, which must be in the database at this point."""
        self.rows, self.wanted, self.sort, self.with_z = list(rows), wanted, sort, with_z
        self.key, self.descending = sort.removeprefix("-"), sort.startswith("-")
        self.ids, self.names = ranks("id"), ranks("name")

    def wanting(self, wanted: dict[str, Any]) -> "Model":
        """Return a model of the same rows with other filters."""
        other = copy(self)
        other.wanted = wanted
        return other

    def query(self) -> dict[str, Any]:
        """Return the query parameters of the list."""
        return {"sort": self.sort} | {
            name: written(name, value, with_z=self.with_z) for name, value in self.wanted.items()
        }

    def place(self, row: Simulation) -> tuple[Any, int]:
        """Return the sort key of a row: strings in the database's order, ties by id."""
        value = getattr(row, self.key)
        return self.names[value] if self.key == "name" else value, self.ids[row.id]

    def matching(self) -> list[Simulation]:
        """Return the matching rows, in order."""
        kept = [
            row for row in self.rows if all(KEEPS[name](row, value) for name, value in self.wanted.items())
        ]
        return sorted(kept, key=self.place, reverse=self.descending)

    def after(self, last: Simulation | None) -> list[Simulation]:
        """Return the rows after a row, which may have been deleted."""
        if last is None:
            return self.matching()
        if self.descending:
            return [row for row in self.matching() if self.place(row) < self.place(last)]
        return [row for row in self.matching() if self.place(row) > self.place(last)]


def ranks(key: str) -> dict[str, int]:
    """Return the rank of each stored string in the database's sort order."""
    values = Simulation.objects.order_by(key).values_list(key, flat=True).distinct()
    return {value: place for place, value in enumerate(values)}


def written(name: str, value: Any, *, with_z: bool) -> Any:
    """Format a parameter's value as a client does."""
    if name == "id":
        return value
    if name == "overlaps":
        return "/".join(day.isoformat() for day in value)
    text = value if isinstance(value, str) else value.isoformat()
    return text.replace("+00:00", "Z") if with_z and isinstance(value, datetime) else text


@override_settings(RATE_LIMIT=None)
class ListPropertyTests(ApiTestCase):
    def test_list_matches_a_plain_python_model(self) -> None:
        @hypothesis_settings(max_examples=120, derandomize=True, deadline=None)
        @given(
            rows=st.lists(simulations(), min_size=6, max_size=24, unique_by=lambda row: row.id),
            theirs=st.sets(st.integers(0, 23), max_size=4),
            later=st.integers(0, 8),
            others=st.lists(filters(), min_size=5, max_size=5),
            wanted=filters(),
            sort=st.sampled_from(SORTS),
            steps=steps,
            with_z=st.booleans(),
        )
        def holds(
            rows: list[Simulation],
            theirs: set[int],
            later: int,
            others: list[dict[str, Any]],
            wanted: dict[str, Any],
            sort: str,
            steps: list[Step],
            with_z: bool,
        ) -> None:
            for number, row in enumerate(rows):
                row.owner = self.bob if number in theirs else self.alice
            with transaction.atomic():
                Simulation.objects.bulk_create(rows)
                model = Model((row for row in rows if row.owner == self.alice), wanted, sort, with_z=with_z)
                for other in others:
                    self.look(model.wanting(other))
                self.walk(model, later, steps)
                transaction.set_rollback(True)

        holds()

    def look(self, model: Model) -> None:
        """Compare a page that contains all rows with the model."""
        query = urlencode({**model.query(), "limit": 1000, "count": "true"}, doseq=True)
        response = self.call("GET", f"/api/simulations?{query}")
        self.assertEqual(response.status_code, 200, response.content)
        self.check({**response.json(), "limit": 1000}, model, None)

    def walk(self, model: Model, later: int, steps: list[Step]) -> None:
        """Compare each page with the model, while rows are created and deleted between pages."""
        coming = model.rows[len(model.rows) - min(later, len(model.rows)) :]
        for row in coming:
            self.leave(model, row)
        always = {row.id for row in model.matching()}

        seen: list[Simulation] = []
        for step, data in self.pages(model.query(), chain(steps, LAST_STEPS)):
            page = self.check(data, model, seen[-1] if seen else None)
            seen += page
            for row in coming[: step.arrivals]:
                self.come(model, row)
            del coming[: step.arrivals]
            for place in step.departures:
                if place < len(model.rows):
                    always.discard(model.rows[place].id)
                    self.leave(model, model.rows[place])
        shown = [row.id for row in seen]
        self.assertEqual(len(shown), len(set(shown)), "a row came twice")
        self.assertLessEqual(always, set(shown), "a row that was always there was skipped")

    def come(self, model: Model, row: Simulation) -> None:
        model.rows.append(row)
        Simulation.objects.bulk_create([row])

    def leave(self, model: Model, row: Simulation) -> None:
        model.rows.remove(row)
        Simulation.objects.filter(pk=row.id).delete()

    def pages(self, query: dict[str, Any], steps: Iterator[Step]) -> Iterator[tuple[Step, Any]]:
        """Yield page after page. The caller makes changes between two pages."""
        step = next(steps)
        sent = {"limit": step.limit or 3, **query, "count": "true" if step.counts else "false"}
        path = f"/api/simulations?{urlencode(sent, doseq=True)}"
        while True:
            response = self.call("GET", path)
            self.assertEqual(response.status_code, 200, (path, response.content))
            data = response.json()
            self.assertEqual("count" in data, "count=true" in path)
            yield step, {**data, "limit": sent["limit"]}
            link = re.fullmatch(r'<http://testserver(/.+)>; rel="next"', response.get("Link", ""))
            self.assertEqual(link is None, data["next_cursor"] is None)
            if link is None:
                return
            step, path = next(steps), link[1]
            if step.limit is not None:
                sent = {**sent, "limit": step.limit, "cursor": data["next_cursor"]}
                sent["count"] = "true" if step.counts else "false"
                path = f"/api/simulations?{urlencode(sent, doseq=True)}"

    def check(self, data: Any, model: Model, last: Simulation | None) -> list[Simulation]:
        """Compare a page with the model, and return its rows."""
        rest = model.after(last)
        page = rest[: data["limit"]]
        self.assertEqual([item["id"] for item in data["items"]], [row.id for row in page])
        for item, row in zip(data["items"], page, strict=True):
            expected = {
                "name": row.name,
                "start_date": row.start_date.isoformat(),
                "end_date": row.end_date.isoformat(),
            }
            self.assertEqual({name: item[name] for name in expected}, expected)
            for name in ("created_at", "updated_at"):
                self.assertRegex(item[name], "Z$")
                self.assertEqual(datetime.fromisoformat(item[name]), getattr(row, name))
        self.assertEqual(data["next_cursor"] is None, len(rest) <= data["limit"])
        if "count" in data:
            self.assertEqual(data["count"], len(model.matching()))
        return page
