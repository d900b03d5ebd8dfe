"""`GET /api/simulations`."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from simulations.models import Simulation
from tests.base import ApiTestCase

SORTS = ("created_at", "updated_at", "name", "start_date", "end_date")


class ListTests(ApiTestCase):
    def get(self, query: str = "", **changes: Any) -> Any:
        return self.call("GET", f"/api/simulations{query}", **changes)

    def fill(self, count: int) -> None:
        """Create simulations, many of which share sort keys."""
        now = timezone.now()
        Simulation.objects.bulk_create(
            Simulation(
                owner=self.alice,
                name=f"{number % 3}",
                start_date=date(2026, 1, 1 + number % 4),
                end_date=date(2026, 2, 1 + number % 5),
                created_at=now - timedelta(hours=number // 6),
                updated_at=now - timedelta(hours=number % 2),
            )
            for number in range(count)
        )

    def walk(self, query: str) -> Iterator[list[str]]:
        """Yield the ids of each page, and follow the Link headers to the last page."""
        path: str | None = f"/api/simulations{query}"
        while path:
            response = self.call("GET", path)
            self.assertEqual(response.status_code, 200, response.content)
            yield [item["id"] for item in response.json()["items"]]
            link = re.fullmatch(r'<http://testserver(.+)>; rel="next"', response.get("Link", ""))
            self.assertEqual(link is None, response.json()["next_cursor"] is None)
            path = link[1] if link else None

    def test_list_returns_only_the_callers_simulations(self) -> None:
        own = self.simulation()
        self.simulation(self.bob)
        data = self.get().json()
        self.assertEqual([item["id"] for item in data["items"]], [own.pk])
        self.assertEqual(data["items"][0], self.call("GET", f"/api/simulations/{own.pk}").json())
        self.assertIsNone(data["next_cursor"])

    def test_list_is_empty_without_simulations(self) -> None:
        self.assertEqual(self.get().json(), {"items": [], "next_cursor": None})

    def test_list_returns_the_newest_first(self) -> None:
        rows = [self.simulation() for _ in range(3)]
        self.assertEqual(
            [item["id"] for item in self.get().json()["items"]], [row.pk for row in reversed(rows)]
        )

    def test_list_sorts_by_each_key_in_both_directions_with_ties_by_id(self) -> None:
        self.fill(40)
        for key in SORTS:
            for sign in ("", "-"):
                with self.subTest(sign + key):
                    ordered = Simulation.objects.order_by(sign + key, sign + "id")
                    expected = list(ordered.values_list("id", flat=True))
                    pages = list(self.walk(f"?sort={sign}{key}&limit=7"))
                    self.assertEqual([len(page) for page in pages], [7, 7, 7, 7, 7, 5])
                    self.assertEqual([id for page in pages for id in page], expected)

    def test_list_does_not_end_with_an_empty_page(self) -> None:
        self.fill(6)
        self.assertEqual([len(page) for page in self.walk("?limit=3")], [3, 3])

    def test_list_never_skips_or_repeats_rows_during_changes(self) -> None:
        self.fill(30)
        for key in SORTS:
            with self.subTest(key):
                there = set(Simulation.objects.values_list("id", flat=True))
                seen: list[str] = []
                for page in self.walk(f"?sort={key}&limit=4"):
                    seen += page
                    self.simulation(name="0", start_date=date(2026, 1, 1))
                    gone = page[0]
                    Simulation.objects.filter(pk=gone).delete()
                self.assertEqual(len(seen), len(set(seen)))
                self.assertLessEqual(there, set(seen))

    def test_list_uses_keyset_pagination(self) -> None:
        self.fill(9)
        for query in ("?limit=2", "?limit=2&sort=name", "?limit=2&sort=end_date&name=0"):
            cursor = self.get(query).json()["next_cursor"]
            with CaptureQueriesContext(connection) as queries:
                self.get(f"{query}&cursor={cursor}")
            (sql,) = [query["sql"] for query in queries if "simulations_simulation" in query["sql"]]
            self.assertNotIn("OFFSET", sql)
            self.assertRegex(sql, r'\("?[\w."]+, "?[\w."]+\) [<>] \(')
            if connection.vendor == "sqlite":
                with connection.cursor() as cursor:
                    plan = str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
                self.assertIn("SEARCH simulations_simulation USING INDEX simulation_", plan)
                self.assertNotIn("TEMP B-TREE", plan)

    def test_list_returns_100_items_per_page_by_default(self) -> None:
        self.fill(101)
        self.assertEqual([len(page) for page in self.walk("")], [100, 1])

    def test_list_accepts_limits_from_1_to_1000(self) -> None:
        self.fill(3)
        self.assertEqual(len(self.get("?limit=1").json()["items"]), 1)
        self.assertEqual(len(self.get("?limit=1000").json()["items"]), 3)
        for limit in (
            "0",
            "1001",
            "-1",
            "1.0",
            "1_0",
            "%201",
            "abc",
            "true",
            "9" * 18,
            "9" * 30,
            "9" * 5000,
            "١",
        ):
            with self.subTest(limit[:20]):
                problem = self.assertProblem(self.get(f"?limit={limit}"), 422, "validation-error")
                self.assertEqual([e["parameter"] for e in problem["errors"]], ["limit"])

    def test_list_rejects_an_unknown_sort(self) -> None:
        for sort in ("id", "owner", "--name", "Name", "+name", "name,id", "owner__username"):
            problem = self.assertProblem(self.get(f"?sort={sort}"), 422, "validation-error")
            self.assertEqual([e["parameter"] for e in problem["errors"]], ["sort"])

    def test_list_rejects_an_empty_or_repeated_parameter(self) -> None:
        for query, code in (
            ("?limit=", "empty_parameter"),
            ("?cursor=", "empty_parameter"),
            ("?sort", "empty_parameter"),
            ("?limit=1&limit=1", "repeated_parameter"),
            ("?sort=%00", "nul_character"),
        ):
            problem = self.assertProblem(self.get(query), 422, "validation-error")
            self.assertEqual([e["code"] for e in problem["errors"]], [code])

    def test_list_rejects_a_cursor_of_another_list(self) -> None:
        self.fill(3)
        cursor = self.get("?limit=1&sort=name").json()["next_cursor"]
        place, signature = cursor.split(".")
        flipped = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
        for query in (
            f"?cursor={cursor}",
            f"?sort=-name&cursor={cursor}",
            f"?sort=name&cursor={place}",
            f"?sort=name&cursor=.{signature}",
            f"?sort=name&cursor={place}x.{signature}",
            f"?sort=name&cursor={place}.{flipped}",
            "?sort=name&cursor=x",
            "?sort=name&cursor=é.🐟",
        ):
            with self.subTest(query):
                problem = self.assertProblem(self.get(query), 422, "validation-error")
                self.assertEqual([e["code"] for e in problem["errors"]], ["invalid_cursor"])
        theirs = self.get(f"?sort=name&cursor={cursor}", key=self.bobs_key)
        self.assertProblem(theirs, 422, "validation-error")
        self.assertEqual(self.get(f"?sort=name&limit=2&cursor={cursor}").status_code, 200)

    def test_list_accepts_a_cursor_signed_with_a_fallback_secret(self) -> None:
        self.fill(2)
        with override_settings(SECRET_KEY="an earlier one"):
            cursor = self.get("?limit=1").json()["next_cursor"]
        self.assertProblem(self.get(f"?cursor={cursor}"), 422, "validation-error")
        with override_settings(SECRET_KEY_FALLBACKS=["an earlier one"]):
            self.assertEqual(self.get(f"?cursor={cursor}").status_code, 200)

    def test_list_paginates_over_unusual_names(self) -> None:
        for name in ("🐟" * 300, "שלום", "%_\\'\"", "é", "e\u0301", "a" * 300):
            self.simulation(name=name)
        for sign in ("", "-"):
            self.assertEqual([len(page) for page in self.walk(f"?limit=1&sort={sign}name")], [1] * 6)
