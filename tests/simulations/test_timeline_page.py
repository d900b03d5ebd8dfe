"""`/simulations/timeline/`: bars, or a histogram above 1,000 simulations."""

import re
from datetime import date, timedelta
from html import unescape
from itertools import pairwise
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from simulations.models import Simulation
from simulations.windows import Window, periods_of
from tests.simulations.pages import PageTestCase

TIMELINE = "/simulations/timeline/"
DAYS = {"from": "2026-01-01", "to": "2026-12-31"}
YEAR = f"{TIMELINE}?from=2026-01-01&to=2026-12-31"
JANUARY = f"{TIMELINE}?from=2026-01-01&to=2026-01-31"


class TimelineTestCase(PageTestCase):
    def fill(self, number: int, *, days: int = 30, step: int = 1, **fields: Any) -> None:
        """Create simulations with successive start dates from 2026-01-01."""
        begins = [date(2026, 1, 1) + timedelta(n * step % 300) for n in range(number)]
        values = {"owner": self.alice, "name": "tide", **fields}
        Simulation.objects.bulk_create(
            Simulation(**values, start_date=day, end_date=day + timedelta(days - 1)) for day in begins
        )

    def lines(self, page: str) -> list[str]:
        return [unescape(name) for name in re.findall(r'<th scope="row"><a [^>]*>(.*?)</a>', page)]

    def bars(self, page: str) -> int:
        return len(re.findall(r"<path ", page))

    def counts(self, page: str) -> dict[str, int]:
        rows = re.findall(r'<th scope="row">([^<]*)</th><td class="number">(\d+)</td>', page)
        return {label: int(number) for label, number in rows}


class LinesTests(TimelineTestCase):
    def test_the_page_requires_a_signed_in_user(self) -> None:
        self.assert_asks_to_sign_in(TIMELINE)

    def test_the_timeline_shows_the_users_simulations_in_the_window(self) -> None:
        for name, start, end in (
            ("before", "2025-01-01", "2025-12-31"),
            ("into", "2025-12-01", "2026-01-01"),
            ("inside", "2026-01-10", "2026-01-10"),
            ("out of", "2026-01-31", "2026-03-01"),
            ("after", "2026-02-01", "2026-02-02"),
            ("around", "0001-01-01", "9999-12-31"),
        ):
            self.simulation(name=name, start_date=start, end_date=end)
        self.simulation(self.bob, name="bob's", start_date="2026-01-10", end_date="2026-01-10")
        page = self.page(JANUARY)
        self.assertEqual(self.lines(page), ["around", "into", "inside", "out of"])
        self.assertIn("4 simulations from 2026-01-01 to 2026-01-31", page)

    def test_a_row_shows_the_name_dates_and_bar_with_a_link(self) -> None:
        row = self.simulation(name="<tide>", start_date="2026-01-03", end_date="2026-01-06")
        page = self.page(f"{TIMELINE}?from=2026-01-01&to=2026-01-10")
        self.assertInHTML(
            f'<tr><th scope="row"><a href="../{row.pk}/">&lt;tide&gt;</a></th>'
            '<td>2026-01-03 to 2026-01-06</td><td><svg aria-hidden="true"><use href="#grid"/>'
            '<rect x="20.0%" width="40.0%" y="14" height="12" rx="2"/></svg></td></tr>',
            page,
        )

    def test_today_is_marked_if_the_window_contains_it(self) -> None:
        self.simulation(start_date="0001-01-01", end_date="9999-12-31")
        today = timezone.localdate()
        self.assertIn(">today<", self.page(f"{TIMELINE}?from={today}&to={today}"))
        self.assertNotIn(">today<", self.page(f"{TIMELINE}?from=1999-01-01&to=1999-12-31"))

    def test_the_label_of_today_stays_inside_the_drawing(self) -> None:
        self.simulation(start_date="0001-01-01", end_date="9999-12-31")
        today = timezone.localdate()
        late = self.page(f"{TIMELINE}?from={today - timedelta(9)}&to={today}")
        self.assertIn('<text class="today" x="90.0%" y="30" text-anchor="end">', late)
        early = self.page(f"{TIMELINE}?from={today}&to={today + timedelta(9)}")
        self.assertIn('<text class="today" x="0.0%" y="30">', early)

    def test_the_timeline_filters_as_the_list_does(self) -> None:
        self.simulation(name="high tide", start_date="2026-01-01", end_date="2026-01-02")
        self.simulation(name="storm", start_date="2026-01-05", end_date="2026-01-06")
        for query, names in (
            ("q=tide", ["high tide"]),
            ("active_on=2026-01-05", ["storm"]),
            ("start_date__lte=2026-01-04", ["high tide"]),
            ("end_date__gte=2026-01-04", ["storm"]),
            ("start_date__lte=2027-01-01&end_date__gte=2025-01-01", ["high tide", "storm"]),
        ):
            with self.subTest(query):
                self.assertEqual(self.lines(self.page(f"{JANUARY}&{query}")), names)

    def test_the_default_window_contains_all_simulations(self) -> None:
        self.simulation(start_date="2024-03-01", end_date="2024-04-01")
        self.simulation(start_date="2026-01-01", end_date="2026-01-05")
        self.simulation(self.bob, start_date="2000-01-01", end_date="2030-01-01")
        self.assertIn("from 2024-03-01 to 2026-01-05", self.page(TIMELINE))
        self.assertIn("from 2026-01-01 to 2026-01-05", self.page(f"{TIMELINE}?from=2026-01-01&to="))
        self.assertIn("from 2024-03-01 to 2024-12-31", self.page(f"{TIMELINE}?to=2024-12-31"))
        self.assertIn("from 2027-01-01 to 2027-01-01", self.page(f"{TIMELINE}?from=2027-01-01"))

    def test_an_empty_timeline_shows_this_year_and_a_create_link(self) -> None:
        page = self.page(TIMELINE)
        year = timezone.localdate().year
        self.assertIn(f"No simulations from {year}-01-01 to {year}-12-31", page)
        self.assertIn('href="/simulations/create/"', page)

    def test_invalid_dates_are_errors_of_their_fields_and_are_kept(self) -> None:
        for query, field, value, message in (
            ("from=soon", "from", "soon", "must be a date in YYYY-MM-DD format"),
            ("to=2026-02-30", "to", "2026-02-30", "is not a valid date"),
            ("from=2026-02-01&to=2026-01-01", "to", "2026-01-01", "must not be before the From date"),
            ("from=%00", "from", "\0", "must be a date in YYYY-MM-DD format"),
            ("active_on=x", "active_on", "x", "must be a date in YYYY-MM-DD format"),
        ):
            with self.subTest(query):
                page = self.page(f"{TIMELINE}?{query}")
                self.assert_error_at(page, field, message)
                self.assertIn(f'value="{value}"', page)


class ZoomTests(TimelineTestCase):
    def ways(self, path: str) -> dict[str, str]:
        page = self.page(path)
        return {
            label: unescape(query)
            for query, label in re.findall(r'<a href="\?([^"]*)">([A-Z][\w ]+)</a>', page)
        }

    def test_navigation_links_keep_the_filters(self) -> None:
        ways = self.ways(f"{TIMELINE}?from=2026-01-11&to=2026-01-20&q=tide")
        today = timezone.localdate()
        self.assertEqual(
            ways,
            {
                "Earlier": "q=tide&from=2026-01-06&to=2026-01-15",
                "Later": "q=tide&from=2026-01-16&to=2026-01-25",
                "Zoom in": "q=tide&from=2026-01-13&to=2026-01-17",
                "Zoom out": "q=tide&from=2026-01-06&to=2026-01-25",
                "Today": f"q=tide&from={today - timedelta(5)}&to={today + timedelta(4)}",
                "Everything": "q=tide",
            },
        )

    def test_zooming_stops_at_one_day_and_at_the_ends_of_the_calendar(self) -> None:
        for days in (
            "2026-01-01&to=2026-01-01",
            "0001-01-01&to=9999-12-31",
            "0001-01-01&to=0001-01-02",
            "9999-12-30&to=9999-12-31",
        ):
            ways = self.ways(f"{TIMELINE}?from={days}")
            for query in ways.values():
                with self.subTest(days, query=query):
                    self.page(f"{TIMELINE}?{query}")
        self.assertNotIn("Zoom in", self.ways(f"{TIMELINE}?from=2026-01-01&to=2026-01-01"))
        self.assertNotIn("Zoom out", self.ways(f"{TIMELINE}?from=0001-01-01&to=9999-12-31"))


class ManyTests(TimelineTestCase):
    def test_up_to_100_simulations_have_a_row_each_and_more_share_lanes(self) -> None:
        self.fill(100)
        self.assertEqual(len(self.lines(self.page(YEAR))), 100)
        self.fill(1, name="<one> more")
        page = self.page(YEAR)
        self.assertEqual((self.lines(page), self.bars(page)), ([], 101))
        self.assertIn("<title>&lt;one&gt; more</title>", page)

    def test_bars_in_the_same_lane_do_not_touch(self) -> None:
        self.fill(101, days=3, step=3)
        self.fill(2, days=300)
        lanes: dict[str, list[tuple[int, int]]] = {}
        for x, y, width in re.findall(r'd="M(\d+) (\d+)h(\d+)"', self.page(YEAR)):
            lanes.setdefault(y, []).append((int(x), int(x) + int(width)))
        self.assertLess(len(lanes), 10)
        for bars in lanes.values():
            for (_, end), (begin, _) in pairwise(bars):
                self.assertLess(end, begin)

    def test_the_list_link_shows_the_same_simulations(self) -> None:
        self.fill(101)
        self.simulation(name="tide of another year", start_date="2020-01-01", end_date="2020-01-01")
        found = re.search(r'href="(/simulations/\?[^"]*)">View as list<', self.page(f"{YEAR}&q=tide"))
        assert found is not None
        page = self.page(unescape(found[1]))
        self.assertEqual(len(self.lines(page)), 50)
        self.assertNotIn("another year", page)

    def test_more_than_1000_simulations_are_a_histogram(self) -> None:
        self.fill(1000)
        self.assertEqual(self.bars(self.page(YEAR)), 1000)
        self.fill(1)
        page = self.page(YEAR)
        self.assertEqual(self.bars(page), 0)
        self.assertEqual(page.count("<rect "), 12)
        self.assertEqual(self.bars(self.page(JANUARY)), 125)

    def test_the_page_stays_small_with_the_longest_names_and_filters(self) -> None:
        for name in ("x" * 300, "🌊" * 300, "'" * 300, "e\u0301" * 150):
            for number in (100, 900, 1):
                self.fill(number, name=name, days=300)
                with self.subTest(name[:2], number=number):
                    self.page(YEAR)
                    page = self.text(self.client.get(TIMELINE, {**DAYS, "q": name, "name": name}), 200)
                    self.assertIn("<rect " if number != 900 else "<path ", page)
            Simulation.objects.all().delete()


class HistogramTests(TimelineTestCase):
    def test_the_histogram_counts_active_simulations_per_month(self) -> None:
        self.fill(1001, days=1)
        self.simulation(start_date="2025-01-01", end_date="2026-02-01")
        self.simulation(start_date="2026-02-28", end_date="2027-01-01")
        self.simulation(self.bob, start_date="2026-01-01", end_date="2026-12-31")
        counts = self.counts(self.page(YEAR))
        self.assertEqual(list(counts), [f"2026-{month:02}" for month in range(1, 13)])
        for label, number in counts.items():
            month = int(label[-2:])
            first = date(2026, month, 1)
            last = (first + timedelta(31)).replace(day=1) - timedelta(1)
            active = Simulation.objects.filter(owner=self.alice, start_date__lte=last, end_date__gte=first)
            self.assertEqual(number, active.count(), label)

    def test_the_histogram_counts_only_filtered_simulations(self) -> None:
        self.fill(1001, days=300)
        self.fill(1001, days=300, name="storm")
        whole = self.counts(self.page(YEAR))
        kept = self.counts(self.page(f"{YEAR}&q=storm"))
        self.assertEqual({label: 2 * number for label, number in kept.items()}, whole)

    def test_longer_windows_have_longer_periods(self) -> None:
        self.fill(1001, days=366, step=0)
        for days, labels in (
            ("2026-05-01&to=2026-05-01", ["2026-05-01"]),
            ("2026-05-01&to=2026-05-03", ["2026-05-01", "2026-05-02", "2026-05-03"]),
            ("2026-04-30&to=2026-07-01", ["2026-04", "2026-05", "2026-06", "2026-07"]),
            ("2010-01-01&to=2026-12-31", [str(year) for year in range(2010, 2027)]),
            ("1801-01-01&to=2030-01-01", [f"{n}0 to {n}9" for n in range(180, 204)]),
        ):
            with self.subTest(days):
                self.assertEqual(list(self.counts(self.page(f"{TIMELINE}?from={days}"))), labels)
        counts = self.counts(self.page(f"{TIMELINE}?from=0001-01-01&to=9999-12-31"))
        self.assertEqual((counts["2000 to 2099"], counts["1900 to 1999"], len(counts)), (1001, 0, 100))

    def test_one_query_counts_without_loading_rows(self) -> None:
        self.fill(1500)
        with CaptureQueriesContext(connection) as queries:
            self.page(YEAR)
        ours = [q["sql"] for q in queries if 'FROM "simulations_simulation"' in q["sql"]]
        self.assertEqual(len(ours), 2)
        self.assertIn("LIMIT 1001", ours[0])
        self.assertIn("COUNT(*)", ours[1])


class QueriesTests(TimelineTestCase):
    def queries(self, path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            self.page(path)
        return len(queries)

    def test_query_counts_do_not_depend_on_the_number_of_rows(self) -> None:
        taken = []
        for number in (1, 99, 900):  # one row, many rows, lanes
            self.fill(number)
            taken.append((self.queries(YEAR), self.queries(TIMELINE)))
        self.assertEqual(len(set(taken)), 1, taken)
        dated, whole = taken[0]
        setting = (
            3 if connection.vendor == "postgresql" else 0
        )  # at most: the settings of a custom plan, in a savepoint
        self.assertLessEqual(dated, 3 + setting)  # session, user, bars
        self.assertEqual(whole, dated + 2)  # the first start date and the last end date
        self.fill(1000)
        self.assertEqual(self.queries(YEAR), dated + 1)  # the counts


class PeriodTests(TimelineTestCase):
    def test_periods_cover_a_window_without_gaps(self) -> None:
        for first in (date.min, date(1999, 12, 31), date(2024, 2, 29)):
            for length in (1, 2, 62, 63, 3650, 36_500, 43_800, 365_000, 2_000_000):
                last = date.fromordinal(min(first.toordinal() + length - 1, date.max.toordinal()))
                periods = periods_of(Window(first, last))
                with self.subTest(first=first, length=length):
                    self.assertLessEqual(len(periods), 120)
                    self.assertEqual((periods[0].first, periods[-1].last), (first, last))
                    for one, other in pairwise(periods):
                        self.assertEqual(other.first - one.last, timedelta(1))
