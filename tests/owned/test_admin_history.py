"""What the admin itself writes into its log."""

from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db import connection

from accounts.models import ApiKey, User
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

LIST = "/admin/simulations/simulation/"
USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"
MINE = {"X-Request-ID": "carols-request"}


class RecordedAdminTests(AdminTestCase):
    def post(self, path: str, **data: Any) -> Any:
        response = self.client.post(path, data, headers=MINE)
        self.assertEqual(response.status_code, 302, response.content)
        return response

    def noted(self, action: int, *texts: str) -> list[LogEntry]:
        """Check that the log holds these entries alone, each by carol, with the id of her request."""
        entries = list(LogEntry.objects.order_by("action_time"))
        expected = [(self.carol.pk, action, f"carols-request {text}") for text in texts]
        found = [(entry.user_id, entry.action_flag, entry.change_message) for entry in entries]
        self.assertEqual(found, expected)
        return entries

    def test_what_is_made_in_the_admin_is_noted_with_its_request(self) -> None:
        self.post(f"{LIST}add/", **VALID, owner=self.alice.pk)
        (entry,) = self.noted(ADDITION, "Added.")
        self.assertEqual(entry.get_edited_object(), Simulation.objects.get())

    def test_a_change_is_noted_with_its_request_and_fields(self) -> None:
        row = self.simulation()
        changed = {**VALID, "name": "Dry season", "end_date": "2026-10-01"}
        self.post(f"{LIST}{row.pk}/change/", **changed, owner=self.alice.pk, opened_version=1)
        self.noted(CHANGE, "Changed Name and End date.")

    def test_a_deletion_is_noted_with_its_request(self) -> None:
        row = self.simulation()
        self.post(f"{LIST}{row.pk}/delete/", post="yes")
        (entry,) = self.noted(DELETION, "Deleted.")
        self.assertEqual((entry.object_id, entry.object_repr), (row.pk, row.name))

    def test_each_row_of_an_action_is_noted_with_its_request(self) -> None:
        rows = [self.simulation(), self.simulation()]
        ticked = [row.pk for row in rows]
        self.post(LIST, action="delete_selected", _selected_action=ticked, post="yes")
        entries = self.noted(DELETION, "Deleted.", "Deleted.")
        self.assertEqual({entry.object_id for entry in entries}, set(ticked))

    def test_an_action_that_fails_is_not_noted(self) -> None:
        row = self.simulation()

        def fail(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith("DELETE"):
                raise RuntimeError("The database is gone.")
            return execute(sql, *args)

        with connection.execute_wrapper(fail), self.assertRaises(RuntimeError):
            self.post(LIST, action="delete_selected", _selected_action=[row.pk], post="yes")
        self.noted(DELETION)

    def test_users_and_their_keys_are_noted_with_the_request(self) -> None:
        key = ApiKey.objects.get(user=self.alice)
        self.post(f"{KEYS}{key.pk}/change/", name="desktop")
        self.post(KEYS, action="revoke_keys", index=0, _selected_action=[key.pk])
        self.client.post(f"{USERS}{self.bob.pk}/issue-key/", {"name": "laptop"}, headers=MINE)
        laptop = ApiKey.objects.get(name="laptop")
        password = {"password1": "correct horse 7", "password2": "correct horse 7", "usable_password": "true"}
        self.post(f"{USERS}{self.bob.pk}/password/", **password)
        issued = f"Issued the API key {laptop}."
        self.noted(CHANGE, "Changed Name.", "Revoked.", issued, "Changed password.")

    def test_a_users_deletion_is_noted_with_the_request(self) -> None:
        self.post(f"{USERS}{self.alice.pk}/delete/", post="yes")
        self.noted(DELETION, "Deleted.")

    def test_the_history_page_shows_the_writes_of_the_api_and_of_the_admin(self) -> None:
        body = {"name": "Dry season"}
        row = self.simulation()
        path = f"/api/simulations/{row.pk}"
        self.call("PATCH", path, body, headers={"X-Request-ID": "alices-request"})
        self.post(f"{LIST}{row.pk}/change/", **VALID, owner=self.alice.pk, opened_version=2)
        page = self.client.get(f"{LIST}{row.pk}/history/")
        self.assertContains(page, f"<td>alices-request Changed name. Key: {self.key[:11]}.</td>", html=True)
        self.assertContains(page, "<td>carols-request Changed Name.</td>", html=True)

    def test_the_front_page_leads_to_what_was_written(self) -> None:
        row = self.simulation()
        User.objects.filter(pk=self.alice.pk).update(is_staff=True, is_superuser=True)
        self.call("PATCH", f"/api/simulations/{row.pk}", {"name": "Dry season"})
        self.call("POST", "/api/simulations/bulk", {"items": [VALID, VALID]})
        self.client.force_login(self.alice)
        page = self.client.get("/admin/")
        self.assertContains(page, f'<a href="{LIST}{row.pk}/change/">Dry season</a>', html=True)
        self.assertContains(page, "simulations")
