"""Admin for simulations."""

from datetime import date
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from owned.models import Version
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

LIST = "/admin/simulations/simulation/"


class SimulationAdminTests(AdminTestCase):
    def form(self, **fields: Any) -> dict[str, Any]:
        """Return the form data of an unchanged row."""
        return {**VALID, "owner": self.alice.pk, "opened_version": 1, **fields}

    def found(self, query: str) -> list[str]:
        return [row.name for row in self.client.get(f"{LIST}?{query}").context["cl"].result_list]

    def test_every_page_renders(self) -> None:
        row = self.simulation()
        for path in ("", "add/", *(f"{row.pk}/{page}/" for page in ("change", "delete", "history"))):
            with self.subTest(path):
                self.assertEqual(self.client.get(LIST + path).status_code, 200)

    def test_staff_without_permission_get_403(self) -> None:
        row = self.simulation()
        self.become_staff_who_may()
        for path in ("", "add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
            with self.subTest(path):
                self.assertEqual(self.client.get(LIST + path).status_code, 403)

    def test_staff_with_view_permission_cannot_write(self) -> None:
        row = self.simulation()
        self.become_staff_who_may("view_simulation")
        self.assertEqual(self.client.get(f"{LIST}{row.pk}/change/").status_code, 200)
        self.assertEqual(self.client.post(f"{LIST}{row.pk}/change/", self.form(name="x")).status_code, 403)
        self.assertEqual(self.client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code, 403)
        self.assertEqual(self.client.post(f"{LIST}add/", self.form()).status_code, 403)
        self.assertEqual(Simulation.objects.get().name, row.name)

    def test_the_list_shows_the_newest_first(self) -> None:
        for name in ("first", "second", "third"):
            self.simulation(name=name)
        self.assertEqual(self.found(""), ["third", "second", "first"])

    def test_a_created_simulation_belongs_to_the_selected_owner(self) -> None:
        self.assertRedirects(self.client.post(f"{LIST}add/", self.form()), LIST)
        row = Simulation.objects.get()
        self.assertEqual((row.owner, row.name, row.version), (self.alice, VALID["name"], 1))
        self.assertEqual(self.call("GET", f"/api/simulations/{row.pk}").status_code, 200)
        self.assertEqual(self.call("GET", f"/api/simulations/{row.pk}", key=self.bobs_key).status_code, 404)

    def test_an_end_date_before_the_start_date_is_an_error_of_end_date(self) -> None:
        row = self.simulation()
        bad = self.form(end_date="2026-05-31")
        for path in (f"{LIST}add/", f"{LIST}{row.pk}/change/"):
            with self.subTest(path):
                response = self.client.post(path, bad)
                form = response.context["adminform"].form
                self.assertEqual(form.errors, {"end_date": ["must not be before start_date"]})
                self.assertContains(response, "must not be before start_date")
        self.assertEqual(Simulation.objects.get().end_date, date(2026, 9, 30))

    def test_a_change_raises_the_version(self) -> None:
        row = self.simulation()
        self.client.post(f"{LIST}{row.pk}/change/", self.form(name="Dry season"))
        changed = Simulation.objects.get()
        self.assertEqual((changed.name, changed.version), ("Dry season", 2))
        self.assertGreater(changed.updated_at, row.updated_at)

    def test_a_row_is_locked_before_it_is_changed(self) -> None:
        if connection.vendor == "sqlite":
            return  # SQLite has one writer at a time and no row locks
        row = self.simulation()
        with CaptureQueriesContext(connection) as queries:
            self.client.post(f"{LIST}{row.pk}/change/", self.form(name="Dry season"))
        sent = [query["sql"] for query in queries]
        locks = [place for place, sql in enumerate(sent) if sql.endswith("FOR UPDATE")]
        writes = [
            place for place, sql in enumerate(sent) if sql.startswith('UPDATE "simulations_simulation"')
        ]
        self.assertLess(locks[0], writes[0])

    def test_server_set_fields_cannot_be_changed(self) -> None:
        row = self.simulation()
        forged = {
            "id": "2" * 20,
            "version": 9,
            "created_at": "2020-01-01",
            "created_at_0": "2020-01-01",
            "created_at_1": "00:00",
        }
        self.client.post(f"{LIST}{row.pk}/change/", self.form(name="Dry season", **forged))
        changed = Simulation.objects.get()
        self.assertEqual((changed.pk, changed.version, changed.created_at), (row.pk, 2, row.created_at))
        response = self.client.get(f"{LIST}{row.pk}/change/")
        for field in ("id", "version", "created_at", "updated_at"):
            self.assertNotIn(field, response.context["adminform"].form.fields)
            self.assertContains(response, f"field-{field}")

    def test_search_matches_part_of_a_name_an_id_and_an_owner(self) -> None:
        row, other = self.simulation(name="Monsoon one"), self.simulation(self.bob, name="Dry two")
        self.assertEqual(self.found("q=MONSOON"), ["Monsoon one"])
        self.assertEqual(self.found(f"q={other.pk}"), ["Dry two"])
        self.assertEqual(self.found(f"q={row.pk[:10]}"), [])
        self.assertEqual(self.found("q=bob"), ["Dry two"])
        self.assertEqual(self.found("q=bo"), [])

    def test_the_list_can_be_filtered_by_date(self) -> None:
        self.simulation(name="May", start_date="2026-05-01", end_date="2026-05-31")
        self.simulation(name="July", start_date="2026-07-01", end_date="2026-07-31")
        response = self.client.get(LIST)
        titles = [spec.title for spec in response.context["cl"].filter_specs]
        self.assertEqual(titles, ["start date", "end date", "created at"])
        self.assertEqual(self.found("start_date__gte=2026-06-01&start_date__lt=2026-08-01"), ["July"])
        self.assertEqual(self.found("end_date__gte=2026-05-01&end_date__lt=2026-06-01"), ["May"])

    def test_the_owner_field_uses_autocomplete(self) -> None:
        row = self.simulation()
        response = self.client.get(f"{LIST}{row.pk}/change/")
        self.assertContains(response, ">alice</option>")
        self.assertNotContains(response, ">bob</option>")
        address = "/admin/autocomplete/?app_label=simulations&model_name=simulation&field_name=owner&term=bo"
        self.assertEqual([user["text"] for user in self.client.get(address).json()["results"]], ["bob"])

    def test_deleting_removes_the_simulation_from_the_api(self) -> None:
        row = self.simulation()
        self.assertRedirects(self.client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}), LIST)
        self.assertEqual(self.call("GET", f"/api/simulations/{row.pk}").status_code, 404)
        self.assertEqual(Version.objects.get(action="deleted").object_id, row.pk)
