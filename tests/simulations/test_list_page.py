"""`/simulations/` and its CSV download."""

import re
from datetime import timedelta
from html import unescape
from itertools import chain

from simulations.models import Simulation
from tests.base import VALID
from tests.simulations.pages import PageTestCase

LIST = "/simulations/"
LONGEST = "🌊" * 300  # the longest name or filter: 3,600 bytes in a URL


def names(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<th scope="row"><a [^>]*>(.*?)</a>', page)]


class ListPageTests(PageTestCase):
    def fill(self, number: int, **fields: str) -> None:
        Simulation.objects.bulk_create(
            Simulation(owner=self.alice, **{**VALID, "name": f"run {n:03}", **fields}) for n in range(number)
        )

    def test_the_pages_require_a_signed_in_user(self) -> None:
        self.assert_asks_to_sign_in(LIST, f"{LIST}download/")

    def test_the_list_shows_only_the_users_simulations(self) -> None:
        self.simulation(name="<mine>")
        self.simulation(self.bob, name="bob's")
        self.assertEqual(names(self.page(LIST)), ["<mine>"])

    def test_an_empty_list_links_to_the_create_page(self) -> None:
        page = self.page(LIST)
        self.assertIn("You have no simulations yet", page)
        self.assertIn('href="/simulations/create/"', page)

    def test_the_list_filters_and_sorts_as_the_api_does(self) -> None:
        for number, name in enumerate(("b tide", "a tide", "storm")):
            self.simulation(name=name, start_date=f"2026-06-0{number + 1}")
        for query in (
            "q=TIDE&sort=name",
            "active_on=2026-06-02",
            "overlaps=2026-01-01/2026-06-01",
            "sort=-name",
        ):
            with self.subTest(query):
                items = self.call("GET", f"/api/simulations?{query}").json()["items"]
                self.assertEqual(names(self.page(f"{LIST}?{query}")), [item["name"] for item in items])

    def test_empty_fields_count_as_not_sent(self) -> None:
        self.simulation(name="one")
        page = self.page(f"{LIST}?q=&active_on=&overlaps=&sort=&cursor=")
        self.assertEqual(names(page), ["one"])

    def test_unknown_parameters_are_ignored(self) -> None:
        self.simulation(name="one")
        self.assertEqual(names(self.page(f"{LIST}?utm_source=mail")), ["one"])

    def test_an_invalid_filter_shows_the_error_of_the_api_and_keeps_the_input(self) -> None:
        self.simulation()
        for field, value in (
            ("active_on", "soon"),
            ("active_on", "2026-02-30"),
            ("start_date__gte", "1"),
            ("overlaps", "2026-02-01/2026-01-01"),
            ("created_at__gte", "2026-01-01"),
            ("q", "x" * 301),
        ):
            with self.subTest(field, value=value):
                errors = self.call("GET", f"/api/simulations?{field}={value}").json()["errors"]
                page = self.page(f"{LIST}?{field}={value}")
                self.assert_error_at(page, field, errors[0]["detail"])
                self.assertIn(f'value="{value}"', page)
                self.assertEqual(names(page), [])

    def test_a_nul_character_and_an_unknown_sort_are_errors(self) -> None:
        self.assert_error_at(self.page(f"{LIST}?q=%00"), "q", "must not contain the NUL character")
        self.assertIn("must be one of", self.page(f"{LIST}?sort=owner"))

    def test_more_filters_are_open_when_one_is_used(self) -> None:
        self.assertNotIn("<details open>", self.page(f"{LIST}?q=x&active_on=2026-01-01&sort=name"))
        self.assertIn("<details open>", self.page(f"{LIST}?overlaps=x"))

    def test_pagination_reaches_every_row_and_links_to_the_first_page(self) -> None:
        self.fill(120)
        seen, path = [], f"{LIST}?q=run&sort=name"
        while path:
            page = self.page(path)
            seen.append(names(page))
            following = re.search(r'href="([^"]*)" rel="next"', page)
            path = f"{LIST}{unescape(following[1])}" if following else ""
        self.assertEqual([len(rows) for rows in seen], [50, 50, 20])
        self.assertEqual(list(chain(*seen)), [f"run {n:03}" for n in range(120)])
        self.assertInHTML('<a href="/simulations/?sort=name&amp;q=run">First page</a>', page)

    def test_an_invalid_cursor_redirects_to_the_first_page(self) -> None:
        self.fill(60)
        cursor = re.search(r"cursor=([^&\"]+)", self.page(LIST))
        assert cursor is not None
        for query in ("q=run&cursor=x", f"q=run&cursor={cursor[1]}", "q=run&cursor=%00"):
            with self.subTest(query):
                response = self.client.get(f"{LIST}?{query}", follow=True)
                self.assertEqual(response.redirect_chain, [(f"{LIST}?q=run", 302)])
                self.assertIn("That page link has expired", response.content.decode())

    def test_column_headings_sort_and_reverse_the_sort(self) -> None:
        page = self.page(f"{LIST}?q=x&sort=name")
        self.assertNotIn('<th scope="col"', page)  # there are no rows to sort
        self.simulation(name="x")
        page = self.page(f"{LIST}?q=x&sort=name")
        self.assertInHTML(
            '<th scope="col" aria-sort="ascending"><a href="?sort=-name&amp;q=x">Name</a></th>', page
        )
        self.assertInHTML('<th scope="col"><a href="?sort=end_date&amp;q=x">End date</a></th>', page)
        self.assertIn('aria-sort="descending"', self.page(LIST))

    def test_query_counts_do_not_depend_on_the_number_of_rows(self) -> None:
        self.fill(1)
        with self.assertNumQueries(3):  # session, user, page
            self.page(LIST)
        self.fill(200)
        with self.assertNumQueries(3):
            self.page(LIST)

    def test_the_page_stays_small_with_the_longest_names_and_filters(self) -> None:
        for name in (LONGEST, "'" * 300, "e\u0301" * 150):
            with self.subTest(name[:2]):
                Simulation.objects.all().delete()
                self.fill(51, name=name)
                self.page(LIST)
                page = self.client.get(LIST, {"q": name, "name": name})
                self.assertEqual(len(names(self.text(page, 200))), 50)

    def test_the_download_contains_the_filtered_rows(self) -> None:
        self.simulation(name="=tide")
        self.simulation(name="storm")
        self.simulation(self.bob, name="=tide")
        self.assertIn('href="/simulations/download/?q=tide"', self.page(f"{LIST}?q=tide"))
        response = self.client.get(f"{LIST}download/?q=tide")
        lines = response.getvalue().decode().splitlines()
        self.assertEqual(lines[0], "id,name,start_date,end_date,created_at,updated_at")
        self.assertEqual([line.split(",")[1] for line in lines[1:]], ["'=tide"])
        self.assertIn("attachment", response["Content-Disposition"])

    def test_a_download_with_an_invalid_filter_redirects_to_the_list(self) -> None:
        response = self.client.get(f"{LIST}download/?active_on=soon", follow=True)
        self.assert_error_at(self.text(response, 200), "active_on", "must be a date in YYYY-MM-DD format")

    def test_the_list_shows_dates_of_any_year(self) -> None:
        self.simulation(start_date="0001-01-01", end_date="9999-12-31")
        page = self.page(LIST)
        self.assertIn("0001-01-01", page)
        self.assertIn("9999-12-31", page)


class LatestFirstTests(PageTestCase):
    def test_the_list_shows_the_newest_first(self) -> None:
        old = self.simulation(name="old")
        Simulation.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(1))
        self.simulation(name="new")
        self.assertEqual(names(self.page(LIST)), ["new", "old"])
