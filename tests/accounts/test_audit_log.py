"""The audit log of users and API keys."""

from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.db import connection

from accounts.models import ApiKey, User
from tests.admin import AdminTestCase

LOG = "/admin/admin/logentry/"
USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"
MINE = {"X-Request-ID": "carols-request"}


class AuditLogTests(AdminTestCase):
    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(path, data, headers=MINE)

    def assertLogged(self, action: int, *texts: str) -> None:  # noqa: N802
        """Check that these are the only entries, each by carol with the ID of her request."""
        found = LogEntry.objects.order_by("action_time").values_list("user", "action_flag", "change_message")
        expected = [(self.carol.pk, action, f"{text}. Request: carols-request.") for text in texts]
        self.assertEqual(list(found), expected)

    def test_users_and_their_keys_are_logged_with_the_request(self) -> None:
        key = ApiKey.objects.get(user=self.alice)
        self.post(f"{KEYS}{key.pk}/change/", name="desktop")
        self.post(KEYS, action="revoke_keys", index=0, _selected_action=[key.pk])
        self.post(f"{USERS}{self.bob.pk}/issue-key/", name="laptop")
        laptop = ApiKey.objects.get(name="laptop")
        password = {"password1": "correct horse 7", "password2": "correct horse 7", "usable_password": "true"}
        self.post(f"{USERS}{self.bob.pk}/password/", **password)
        issued = f"Issued the API key {laptop}"
        self.assertLogged(CHANGE, "Changed Name", "Revoked", issued, "Changed password")

    def test_a_deleted_user_is_logged_with_the_request(self) -> None:
        self.post(f"{USERS}{self.alice.pk}/delete/", post="yes")
        self.assertLogged(DELETION, "Deleted")

    def test_a_deletion_that_fails_is_not_logged(self) -> None:
        def fail(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith('DELETE FROM "accounts_user"'):
                raise RuntimeError("The database is gone.")
            return execute(sql, *args)

        with connection.execute_wrapper(fail), self.assertRaises(RuntimeError):
            self.post(f"{USERS}{self.alice.pk}/delete/", post="yes")
        self.assertLogged(DELETION)

    def test_the_log_is_searched_by_request_user_and_object(self) -> None:
        self.post(f"{USERS}{self.bob.pk}/issue-key/", name="laptop")
        self.client.force_login(User.objects.create(username="dave", is_staff=True, is_superuser=True))
        self.client.post(f"{USERS}{self.alice.pk}/issue-key/", {"name": "desktop"})
        for term, found in (("carols-request", "bob"), ("carol", "bob"), (str(self.alice.pk), "alice")):
            listed = self.client.get(LOG, {"q": term}).context["cl"].result_list
            self.assertIn(found, [entry.object_repr for entry in listed], term)

    def test_nobody_may_add_change_or_delete_an_entry(self) -> None:
        self.post(f"{USERS}{self.bob.pk}/issue-key/", name="laptop")
        entry, before = LogEntry.objects.get(), LogEntry.objects.values().get()
        page = f"{LOG}{entry.pk}/change/"
        self.assertEqual(self.client.get(page).status_code, 200)
        self.assertEqual(self.post(f"{LOG}add/").status_code, 403)
        self.assertEqual(self.post(page, change_message="x").status_code, 403)
        self.assertEqual(self.post(f"{LOG}{entry.pk}/delete/", post="yes").status_code, 403)
        self.post(LOG, action="delete_selected", _selected_action=[entry.pk], post="yes")
        self.assertEqual(LogEntry.objects.values().get(), before)

    def test_staff_need_the_permission_to_view_it(self) -> None:
        self.become_staff_who_may("view_user")
        self.assertEqual(self.client.get(LOG).status_code, 403)
        User.objects.get(username="dave").delete()
        self.become_staff_who_may("view_logentry")
        self.assertEqual(self.client.get(LOG).status_code, 200)
