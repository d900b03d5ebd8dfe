"""The filters of `GET /api/simulations`."""

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db import connection

from simulations.models import Simulation
from tests.base import ApiTestCase


class FilterTests(ApiTestCase):
    def make(self, name: str, start: str = "2026-06-01", end: str = "2026-09-30") -> Simulation:
        return self.simulation(
            name=name, start_date=date.fromisoformat(start), end_date=date.fromisoformat(end)
        )

    def get(self, *parameters: tuple[str, str]) -> Any:
        return self.call("GET", f"/api/simulations?{urlencode(parameters)}")

    def names(self, *parameters: tuple[str, str]) -> list[str]:
        """Return the names of the matching simulations, in order."""
        response = self.get(("sort", "name"), *parameters)
        self.assertEqual(response.status_code, 200, response.content)
        return [item["name"] for item in response.json()["items"]]

    def assert_invalid(self, parameter: str, value: str, code: str) -> None:
        problem = self.assertProblem(self.get((parameter, value)), 422, "validation-error")
        self.assertEqual([(e["parameter"], e["code"]) for e in problem["errors"]], [(parameter, code)])

    def test_q_matches_part_of_a_name_ignoring_case(self) -> None:
        for name in ("Monsoon", "a monSOON b", "dry"):
            self.make(name)
        self.assertEqual(sorted(self.names(("q", "MONs"))), ["Monsoon", "a monSOON b"])

    def test_q_folds_case_as_the_database_does(self) -> None:
        self.make("ÜBER")
        found = ["ÜBER"] if connection.vendor == "postgresql" else []
        self.assertEqual(self.names(("q", "über")), found)
        self.assertEqual(self.names(("q", "Über")), found if found else self.names(("q", "Ü")))

    def test_q_matches_special_characters_literally(self) -> None:
        for name in ("100%", "100", "a_b", "axb", "c\\d", "cd", "O'Hara", 'say "hi"', "🐟 fish", "שלום"):
            self.make(name)
        for text, found in (
            ("%", ["100%"]),
            ("_", ["a_b"]),
            ("\\", ["c\\d"]),
            ("'", ["O'Hara"]),
            ('"', ['say "hi"']),
            ("🐟", ["🐟 fish"]),
            ("לו", ["שלום"]),
            ("fish ", []),
        ):
            with self.subTest(text):
                self.assertEqual(self.names(("q", text)), found)

    def test_name_matches_exactly(self) -> None:
        for name in ("Monsoon", "monsoon", "Monsoon 2", "%"):
            self.make(name)
        self.assertEqual(self.names(("name", "Monsoon")), ["Monsoon"])
        self.assertEqual(self.names(("name", "%")), ["%"])
        self.assertEqual(self.names(("name", "Monsoon ")), [])

    def test_id_matches_the_given_ids(self) -> None:
        rows = [self.make(name) for name in "abc"]
        stranger = self.simulation(self.bob)
        ids = [rows[0].pk, rows[2].pk, stranger.pk, "2" * 20, "no id", "🐟", rows[0].pk]
        self.assertEqual(self.names(*(("id", id) for id in ids)), ["a", "c"])
        self.assertEqual(self.names(("id", "no id")), [])

    def test_id_can_be_repeated_up_to_100_times(self) -> None:
        row = self.make("a")
        self.assertEqual(self.names(*[("id", row.pk)] * 100), ["a"])
        problem = self.assertProblem(self.get(*[("id", row.pk)] * 101), 422, "validation-error")
        self.assertEqual([(e["parameter"], e["code"]) for e in problem["errors"]], [("id", "too_long")])

    def test_date_filters_match_from_and_up_to_a_day(self) -> None:
        self.make("a", "2026-01-01", "2026-01-31")
        self.make("b", "2026-01-02", "2026-02-01")
        for parameter, value, found in (
            ("start_date__gte", "2026-01-02", ["b"]),
            ("start_date__gte", "2026-01-01", ["a", "b"]),
            ("start_date__lte", "2026-01-01", ["a"]),
            ("start_date__lte", "2025-12-31", []),
            ("end_date__gte", "2026-02-01", ["b"]),
            ("end_date__lte", "2026-01-31", ["a"]),
            ("active_on", "2026-01-01", ["a"]),
            ("active_on", "2026-01-31", ["a", "b"]),
            ("active_on", "2026-02-01", ["b"]),
            ("active_on", "2026-02-02", []),
            ("overlaps", "2025-01-01/2026-01-01", ["a"]),
            ("overlaps", "2026-02-01/2026-12-31", ["b"]),
            ("overlaps", "2026-01-31/2026-01-31", ["a", "b"]),
            ("overlaps", "2026-02-02/2026-02-03", []),
            ("overlaps", "2025-01-01/2027-01-01", ["a", "b"]),
        ):
            with self.subTest(parameter, value=value):
                self.assertEqual(self.names((parameter, value)), found)

    def test_time_filters_match_from_and_before_a_time(self) -> None:
        for hour in (8, 9):
            time = datetime(2026, 11, 22, hour, 0, 0, 5, tzinfo=UTC)
            row = self.make(str(hour))
            Simulation.objects.filter(pk=row.pk).update(created_at=time, updated_at=time)
        for field in ("created_at", "updated_at"):
            for suffix, value, found in (
                ("gte", "2026-11-22T09:00:00.000005Z", ["9"]),
                ("gte", "2026-11-22T09:00:00.000006Z", []),
                ("gte", "2026-11-22T10:00:00.000005+01:00", ["9"]),
                ("lt", "2026-11-22T09:00:00.000005Z", ["8"]),
                ("lt", "2026-11-22T04:00:00.000006-05:00", ["8", "9"]),
                ("gte", "0001-01-01T00:00:00Z", ["8", "9"]),
                ("lt", "9999-12-31T23:59:59.999999Z", ["8", "9"]),
            ):
                with self.subTest(field, suffix=suffix, value=value):
                    self.assertEqual(self.names((f"{field}__{suffix}", value)), found)

    def test_filters_are_combined_with_and(self) -> None:
        for name in ("ax", "ay", "bx"):
            self.make(name)
        self.make("az", "2027-01-01", "2027-01-02")
        filters = (("q", "a"), ("active_on", "2026-07-01"))
        self.assertEqual(self.names(*filters), ["ax", "ay"])
        page = self.get(*filters, ("limit", "1"), ("count", "true")).json()
        self.assertEqual((len(page["items"]), page["count"]), (1, 2))
        next_page = self.get(
            *filters, ("limit", "1"), ("count", "true"), ("cursor", page["next_cursor"])
        ).json()
        self.assertEqual(
            (len(next_page["items"]), next_page["count"], next_page["next_cursor"]), (1, 2, None)
        )
        self.assertNotIn("count", self.get(*filters, ("count", "false")).json())

    def test_a_cursor_is_bound_to_the_filters(self) -> None:
        for name in ("ax", "ay"):
            self.make(name)
        cursor = self.get(("q", "a"), ("limit", "1")).json()["next_cursor"]
        self.assertProblem(self.get(("q", "x"), ("cursor", cursor)), 422, "validation-error")
        self.assertProblem(self.get(("cursor", cursor)), 422, "validation-error")
        self.assertEqual(len(self.get(("q", "a"), ("cursor", cursor)).json()["items"]), 1)

    def test_a_filtered_list_is_planned_for_its_values(self) -> None:
        if connection.vendor == "sqlite":
            return  # SQLite plans a statement once, when it is prepared
        for parameters, mark, prepared in (
            ((("active_on", "2026-07-01"),), '"start_date" <=', False),
            ((), "ORDER BY", True),
        ):
            for _ in range(5):
                self.get(*parameters, ("sort", "name"))
            with connection.cursor() as cursor:
                cursor.execute("SELECT statement FROM pg_prepared_statements")
                statements = [sql for (sql,) in cursor.fetchall() if "simulations_simulation" in sql]
            self.assertEqual(any(mark in sql for sql in statements), prepared, statements)

    def test_filters_reject_invalid_values(self) -> None:
        for parameter, value, code in (
            ("start_date__gte", "2026-1-1", "date_format"),
            ("end_date__lte", "2026-02-30", "date_parsing"),
            ("active_on", "0", "date_format"),
            ("active_on", "today", "date_format"),
            ("overlaps", "2026-01-01", "interval_format"),
            ("overlaps", "2026-01-01/", "date_format"),
            ("overlaps", "2026-01-02/2026-01-01", "interval_order"),
            ("overlaps", "2026-01-01/2026-01-02/2026-01-03", "date_format"),
            ("created_at__gte", "2026-01-01", "time_format"),
            ("created_at__gte", "2026-01-01T00:00:00", "time_format"),
            ("created_at__gte", "2026-01-01T00:00:00 02:00", "time_format"),
            ("created_at__lt", "2026-01-01T25:00:00Z", "time_format"),
            ("updated_at__lt", "0001-01-01T00:00:00+10:00", "time_format"),
            ("updated_at__gte", "1767225600", "time_format"),
            ("count", "1", "bool_parsing"),
            ("count", "True", "bool_parsing"),
            ("q", "x" * 301, "string_too_long"),
            ("name", "x" * 301, "string_too_long"),
            ("q", "", "empty_parameter"),
            ("q", "a\0b", "nul_character"),
        ):
            with self.subTest(parameter, value=value[:40]):
                self.assert_invalid(parameter, value, code)
