"""The lock on the admin's forms, on the resource at hand."""

import re
from typing import Any

from django.db import connection

from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

MINE = {**VALID, "name": "Carol's season"}


class LockTests(AdminTestCase):
    row: Simulation
    page: str

    def setUp(self) -> None:
        super().setUp()
        self.row = self.simulation()
        self.page = f"/admin/simulations/simulation/{self.row.pk}/change/"

    def save(self, opened_version: Any, **fields: Any) -> Any:
        data = {**MINE, "owner": self.alice.pk, "opened_version": opened_version, **fields}
        return self.client.post(self.page, data)

    def change(self, **fields: Any) -> Any:
        """Change the row as alice's script does."""
        headers = {"X-Request-ID": "alices-request"}
        return self.call("PATCH", f"/api/simulations/{self.row.pk}", fields, headers=headers)

    def assertRefused(self, response: Any, name: str = VALID["name"]) -> None:  # noqa: N802
        self.assertEqual(response.status_code, 200)
        self.assertContains(response, "Nothing was saved")
        stored = Simulation.objects.get()
        self.assertEqual(stored.name, name)
        self.assertNotEqual(stored.changed_by, "carol")

    def test_the_page_holds_the_version_that_it_shows(self) -> None:
        self.change(name="Dry season")
        self.assertContains(
            self.client.get(self.page), '<input type="hidden" name="opened_version" value="2">'
        )

    def test_a_form_that_nobody_was_faster_than_is_saved(self) -> None:
        self.assertEqual(self.save(1).status_code, 302)
        stored = Simulation.objects.get()
        self.assertEqual((stored.name, stored.version), (MINE["name"], 2))

    def test_a_stale_form_writes_nothing_and_keeps_what_was_typed(self) -> None:
        self.change(name="Dry season")
        response = self.save(1)
        self.assertRefused(response, "Dry season")
        self.assertContains(response, "Someone changed it after this page was opened.")
        self.assertContains(response, 'value="Carol&#x27;s season"')

    def test_a_stale_form_shows_who_changed_what_with_which_key_and_when(self) -> None:
        self.change(name="α")
        self.change(name="β")
        when = f"{Simulation.objects.get().updated_at:%Y-%m-%d %H:%M:%S} UTC"
        response = self.save(2)
        shown = f"<li>{when}, by alice with key {self.key[:11]} (api)<br>Changed<br>Name: α → β</li>"
        self.assertContains(response, shown, count=1, html=True)
        self.assertEqual(len(response.context["adminform"].form.conflict), 1)

    def test_a_stale_form_shows_every_version_that_was_not_seen(self) -> None:
        self.change(name="α")
        Simulation.objects.update(owner=self.bob)
        response = self.save(1)
        self.assertContains(response, f"Name: {VALID['name']} → α")
        self.assertContains(response, "Owner: alice → bob")

    def test_a_stale_form_sent_again_is_refused_again(self) -> None:
        self.change(name="Dry season")
        response = self.save(1)
        (opened,) = re.findall(r'name="opened_version" value="(\d+)"', response.content.decode())
        self.assertRefused(self.save(opened), "Dry season")

    def test_the_version_that_was_shown_can_be_saved_over_knowingly(self) -> None:
        self.change(name="Dry season")
        shown = self.save(1)
        (over,) = re.findall(r'name="save_over" value="(\d+)"', shown.content.decode())
        self.assertEqual(self.save(1, save_over=over).status_code, 302)
        stored = Simulation.objects.get()
        self.assertEqual((stored.name, stored.version), (MINE["name"], 3))

    def test_a_version_that_was_not_shown_is_never_saved_over(self) -> None:
        self.change(name="Dry season")
        self.change(name="Wet season")
        self.assertRefused(self.save(1, save_over=2), "Wet season")

    def test_a_form_without_a_version_is_refused_with_a_message(self) -> None:
        for sent in ("", "x", "-1", "\0", "²", "9" * 5000, '"><script>'):
            with self.subTest(sent[:10]):
                response = self.save(sent)
                self.assertRefused(response)
                self.assertNotContains(response, '"><script>')
        data = {**MINE, "owner": self.alice.pk}
        self.assertRefused(response := self.client.post(self.page, data))
        self.assertContains(response, "did not say which version it was opened with")

    def test_a_version_yet_to_come_is_refused(self) -> None:
        self.assertRefused(self.save(7))

    def test_the_fields_errors_stand_beside_the_conflict(self) -> None:
        self.change(name="Dry season")
        response = self.save(1, start_date="x", name="")
        self.assertRefused(response, "Dry season")
        self.assertContains(response, "Enter a valid date.")
        self.assertContains(response, "This field is required.")

    def test_a_row_that_was_deleted_meanwhile_is_said_to_be_gone(self) -> None:
        def delete_first(execute: Any, sql: str, *args: Any) -> Any:
            if 'FROM "simulations_simulation"' in sql and next(reads, None) == "second":
                Simulation.objects.filter(pk=self.row.pk).delete()
            return execute(sql, *args)

        reads = iter(["first", "second"])
        with connection.execute_wrapper(delete_first):
            response = self.client.post(self.page, {**MINE, "opened_version": 1}, follow=True)
        self.assertContains(response, "Perhaps it was deleted?")

    def test_who_may_only_look_gets_no_form(self) -> None:
        self.become_staff_who_may("view_simulation")
        self.assertNotContains(self.client.get(self.page), "opened_version")
