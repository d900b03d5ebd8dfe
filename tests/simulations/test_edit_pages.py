"""The pages that show, create, edit and delete a simulation."""

from typing import Any

from simulations.models import Simulation
from tests.base import VALID
from tests.simulations.pages import PageTestCase

LIST = "/simulations/"
UNKNOWN = "2" * 20


class DetailPageTests(PageTestCase):
    def pages_of(self, id: str) -> list[str]:
        return [f"{LIST}{id}/{page}" for page in ("", "edit/", "delete/")]

    def test_the_pages_require_a_signed_in_user(self) -> None:
        self.assert_asks_to_sign_in(f"{LIST}create/", *self.pages_of(self.simulation().pk))

    def test_another_owners_simulation_and_an_unknown_id_return_404(self) -> None:
        theirs = self.simulation(self.bob, name="secret")
        for id in (theirs.pk, UNKNOWN, "%00", "a b", "🌊", "x" * 300):
            for path in self.pages_of(id):
                with self.subTest(path):
                    self.assertNotIn("secret", self.page(path, 404))
                    if path.endswith(("/edit/", "/delete/")):
                        self.assertNotIn("secret", self.post(path, {**VALID, "version": 1}, 404))
                        self.post(path, {}, 404)
        theirs.refresh_from_db()
        self.assertEqual((theirs.name, theirs.version), ("secret", 1))

    def test_the_page_shows_all_fields_and_links(self) -> None:
        row = self.simulation(name="<tide>")
        with self.assertNumQueries(3):  # session, user, row
            page = self.page(f"{LIST}{row.pk}/")
        for part in ("&lt;tide&gt;", row.pk, "2026-06-01", "2026-09-30", f"/api/simulations/{row.pk}"):
            self.assertIn(part, page)
        for path in ('"edit/"', '"delete/"', '"/simulations/timeline/?from=2026-06-01&amp;to=2026-09-30"'):
            self.assertIn(path, page)


class CreatePageTests(PageTestCase):
    def test_creating_redirects_to_the_new_simulation(self) -> None:
        response = self.client.post(f"{LIST}create/", {**VALID, "name": " tide "}, follow=True)
        row = Simulation.objects.get()
        self.assertEqual((row.owner, row.name, str(row.end_date)), (self.alice, "tide", "2026-09-30"))
        self.assertEqual(response.redirect_chain, [(f"{LIST}{row.pk}/", 302)])
        self.assertIn("The simulation was created.", response.content.decode())

    def test_the_form_shows_the_errors_of_the_api_and_keeps_the_input(self) -> None:
        for field, value in (
            ("name", "x" * 301),
            ("name", "   "),
            ("name", "a\0b"),
            ("start_date", "1/2/2026"),
            ("start_date", "2026-02-30"),
            ("end_date", "2026-05-31"),
        ):
            with self.subTest(field, value=value):
                sent = {**VALID, field: value}
                errors = self.call("POST", "/api/simulations", sent).json()["errors"]
                page = self.post(f"{LIST}create/", sent)
                self.assert_error_at(page, field, errors[0]["detail"])
                for typed in sent.values():
                    self.assertIn(f'value="{typed}"', page)
        self.assertFalse(Simulation.objects.exists())

    def test_empty_fields_are_required(self) -> None:
        for field in VALID:
            with self.subTest(field):
                self.assert_error_at(self.post(f"{LIST}create/", {**VALID, field: ""}), field, "is required")

    def test_a_post_without_a_csrf_token_is_rejected(self) -> None:
        self.client.handler.enforce_csrf_checks = True
        self.post(f"{LIST}create/", VALID, 403)


class EditPageTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.row = self.simulation()
        self.path = f"{LIST}{self.row.pk}/edit/"

    def edit(self, status: int = 200, **fields: Any) -> str:
        return self.post(self.path, {**VALID, "version": 1, **fields}, status)

    def saved(self) -> tuple[str, int]:
        self.row.refresh_from_db()
        return self.row.name, self.row.version

    def test_the_form_contains_the_current_values_and_version(self) -> None:
        page = self.page(self.path)
        for value in VALID.values():
            self.assertIn(f'value="{value}"', page)
        self.assertInHTML('<input type="hidden" name="version" value="1">', page)

    def test_saving_changes_the_fields_and_raises_the_version(self) -> None:
        # The session, the user, the row; and in a savepoint, the copy of the version and the change.
        with self.assertNumQueries(7):
            self.edit(302, name="new")
        self.assertEqual(self.saved(), ("new", 2))

    def test_a_concurrent_change_is_not_overwritten_and_both_versions_are_shown(self) -> None:
        self.call("PATCH", f"/api/simulations/{self.row.pk}", {"name": "theirs"})
        page = self.edit(409, name="mine", end_date="2026-10-01")
        self.assertEqual(self.saved(), ("theirs", 2))
        self.assertInHTML(
            '<tr><th scope="row">Name <span class="mark warn">differs</span></th>'
            "<td>theirs</td><td>mine</td></tr>",
            page,
        )
        self.assertInHTML(
            '<tr><th scope="row">Start date</th><td>2026-06-01</td><td>2026-06-01</td></tr>', page
        )
        self.assertIn('value="mine"', page)
        self.assertInHTML(f'<a href="{LIST}{self.row.pk}/">Discard my changes</a>', page)

    def test_my_changes_overwrite_only_the_version_that_was_shown(self) -> None:
        self.call("PATCH", f"/api/simulations/{self.row.pk}", {"name": "theirs"})
        self.assertInHTML('<input type="hidden" name="version" value="2">', self.edit(409, name="mine"))
        self.call("PATCH", f"/api/simulations/{self.row.pk}", {"name": "theirs again"})
        self.assertIn("theirs again", self.edit(409, name="mine", version=2))
        self.edit(302, name="mine", version=3)
        self.assertEqual(self.saved(), ("mine", 4))

    def test_an_invalid_version_is_a_conflict(self) -> None:
        for version in ("", "*", '"1"', "01", "-1", "x\0", "9" * 5000, '1", "1'):
            with self.subTest(version[:9]):
                self.assertIn("Nothing was saved", self.edit(409, name="mine", version=version))
        self.assertEqual(self.saved(), (VALID["name"], 1))

    def test_an_invalid_form_keeps_its_version(self) -> None:
        self.call("PATCH", f"/api/simulations/{self.row.pk}", {"name": "theirs"})
        page = self.edit(end_date="2026-05-31")
        self.assert_error_at(page, "end_date", "must not be before start_date")
        self.assertInHTML('<input type="hidden" name="version" value="1">', page)

    def test_a_simulation_deleted_meanwhile_can_be_created_again(self) -> None:
        self.call("DELETE", f"/api/simulations/{self.row.pk}")
        page = self.edit(404, name="mine")
        self.assertIn("It has been deleted", page)
        self.assertIn('value="mine"', page)
        self.assertIn('action="/simulations/create/"', page)


class DeletePageTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.row = self.simulation(name="tide")
        self.path = f"{LIST}{self.row.pk}/delete/"

    def test_deleting_asks_for_confirmation(self) -> None:
        self.assertIn("tide", self.page(self.path))
        self.assertTrue(Simulation.objects.exists())

    def test_deleting_shows_a_message(self) -> None:
        response = self.client.post(self.path, {"version": 1}, follow=True)
        self.assertEqual(response.redirect_chain, [(LIST, 302)])
        self.assertIn("The simulation was deleted.", response.content.decode())
        self.assertFalse(Simulation.objects.exists())

    def test_a_simulation_changed_meanwhile_is_shown_and_not_deleted(self) -> None:
        self.call("PATCH", f"/api/simulations/{self.row.pk}", {"name": "storm"})
        for version in ("1", "", "*"):
            page = self.post(self.path, {"version": version}, 409)
            self.assertIn("storm", page)
            self.assertIn("Nothing was deleted", page)
        self.post(self.path, {"version": 2}, 302)
        self.assertFalse(Simulation.objects.exists())

    def test_deleting_a_deleted_simulation_returns_404(self) -> None:
        self.call("DELETE", f"/api/simulations/{self.row.pk}")
        self.assertIn("It has been deleted", self.post(self.path, {"version": 1}, 404))
