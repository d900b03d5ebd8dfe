"""The admin's log in the admin: to be searched, and not to be written."""

from typing import Any
from urllib.parse import quote

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID, issue_key

LOG = "/admin/admin/logentry/"
SIMULATIONS = "/admin/simulations/simulation/"


class LogEntryAdminTests(AdminTestCase):
    def create(self, request_id: str = "alices-request", key: str = "") -> str:
        """Make a simulation through the API, and return its id."""
        headers = {"X-Request-ID": request_id}
        return str(self.call("POST", "/api/simulations", VALID, key=key, headers=headers).json()["id"])

    def found(self, query: str) -> list[str]:
        """Return the requests of the entries that the list shows."""
        shown = self.client.get(f"{LOG}?{query}").context["cl"].result_list
        return [entry.change_message.split(" ")[0] for entry in shown]

    def test_the_list_and_the_page_of_an_entry_show_it(self) -> None:
        id = self.create()
        for path in (LOG, f"{LOG}{LogEntry.objects.get().pk}/change/"):
            with self.subTest(path):
                page = self.client.get(path)
                self.assertContains(page, "alice")
                self.assertContains(
                    page, f'<a href="{SIMULATIONS}{id}/change/">{VALID["name"]}</a>', html=True
                )
                self.assertContains(page, f"alices-request Added. Key: {self.key[:11]}.")

    def test_an_object_that_is_gone_or_was_one_of_many_has_no_link(self) -> None:
        id = self.create()
        self.call("DELETE", f"/api/simulations/{id}")
        self.call("POST", "/api/simulations/bulk", {"items": [VALID, VALID]})
        page = self.client.get(LOG)
        self.assertEqual(len(page.context["cl"].result_list), 3)
        self.assertNotContains(page, f"{SIMULATIONS}{id}/change/")
        self.assertContains(page, "Added 2. Key:")

    def test_an_entry_whose_object_cannot_be_there_is_shown(self) -> None:
        gone = ContentType.objects.create(app_label="gone", model="thing")
        for kind, id in ((gone, "7"), (None, "8"), (ContentType.objects.get_for_model(User), "nine")):
            LogEntry.objects.create(
                user=self.carol, content_type=kind, object_id=id, object_repr=f"Thing {id}", action_flag=1
            )
        page = self.client.get(LOG)
        for id in ("7", "8", "nine"):
            self.assertContains(page, f"Thing {id}")

    def test_the_latest_is_listed_first(self) -> None:
        for request_id in ("first", "second"):
            self.create(request_id)
        self.assertEqual(self.found(""), ["second", "first"])

    def test_a_search_finds_a_request_an_object_and_a_user_as_they_are(self) -> None:
        id = self.create("r-1")
        self.create("r-2")
        self.create("r-3", self.bobs_key)
        self.assertEqual(self.found("q=r-2"), ["r-2"])
        self.assertEqual(self.found(f"q=+{id}+"), ["r-1"])
        self.assertEqual(self.found("q=bob"), ["r-3"])
        for part in ("r-", id[:10], "bo", "Added", "Monsoon", self.key[:11], "%25"):
            self.assertEqual(self.found(f"q={part}"), [], part)

    def test_a_request_named_as_a_user_hides_nothing_of_theirs(self) -> None:
        self.create("r-1")
        self.create("alice", self.bobs_key)
        self.assertEqual(self.found("q=alice"), ["alice", "r-1"])

    def test_a_search_cannot_be_made_to_fail(self) -> None:
        for term in ("%00", "x" * 5000, "%F0%9F%90%9F", "'", "999999999999999999999"):
            with self.subTest(term[:10]):
                self.assertEqual(self.client.get(f"{LOG}?q={term}").status_code, 200)

    def test_a_search_is_answered_by_indexes(self) -> None:
        many_entries(Simulation.objects.get(pk=self.create()))
        self.client.get(f"{LOG}?q=alices-request")
        with CaptureQueriesContext(connection) as queries:
            self.client.get(f"{LOG}?q=alices-request")
        sql = [query["sql"] for query in queries if "change_message" in query["sql"]]
        self.assertEqual(len(sql), 2, sql)  # the count and the page
        for each in sql:
            plan = plan_of(each)
            self.assertIn("admin_log_request", plan)
            self.assertIn("admin_log_object", plan)

    def test_the_kind_of_object_narrows_the_list(self) -> None:
        self.create("r-1")
        self.client.post(
            f"/admin/accounts/user/{self.bob.pk}/issue-key/", {"name": "x"}, headers={"X-Request-ID": "r-2"}
        )
        self.assertEqual(self.found("kind=accounts.user"), ["r-2"])
        self.assertEqual(self.found("kind=simulations.simulation"), ["r-1"])
        self.assertEqual(self.found("kind=x"), ["r-2", "r-1"])

    def test_nobody_may_add_change_or_delete_an_entry(self) -> None:
        self.create()
        entry, before = LogEntry.objects.get(), LogEntry.objects.values().get()
        page = f"{LOG}{entry.pk}/"
        for path in (f"{LOG}add/", f"{page}change/", f"{page}delete/"):
            with self.subTest(path):
                self.assertEqual(self.client.post(path, {"post": "yes", "message": "x"}).status_code, 403)
        self.client.post(LOG, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
        self.assertEqual(LogEntry.objects.values().get(), before)
        self.assertNotContains(self.client.get(LOG), "delete_selected")

    def test_staff_need_the_permission_to_look(self) -> None:
        self.become_staff_who_may()
        self.assertEqual(self.client.get(LOG).status_code, 403)
        User.objects.get(username="dave").delete()
        self.become_staff_who_may("view_logentry")
        self.assertEqual(self.client.get(LOG).status_code, 200)

    def test_a_user_with_entries_can_be_deleted(self) -> None:
        self.create()
        path = f"/admin/accounts/user/{self.alice.pk}/delete/"
        self.assertContains(self.client.get(path), "Log entries: 1")
        self.client.post(path, {"post": "yes"})
        self.assertFalse(User.objects.filter(pk=self.alice.pk).exists())

    def test_a_page_of_the_longest_names_is_under_100_kb(self) -> None:
        for number in range(60):
            headers = {"X-Request-ID": f"{number}".zfill(128)}
            self.call("POST", "/api/simulations", {**VALID, "name": "'" * 300}, headers=headers)
        page = self.client.get(LOG)
        self.assertEqual(len(page.context["cl"].result_list), 40)
        self.assertLess(len(page.content), 100_000)

    def test_the_list_and_the_front_page_are_in_the_order_of_an_index(self) -> None:
        many_entries(Simulation.objects.get(pk=self.create()))
        for path, index in {LOG: "admin_log_time", "/admin/": "admin_log_user_time"}.items():
            with CaptureQueriesContext(connection) as queries:
                self.client.get(path)
            listed = [query["sql"] for query in queries if '"action_time" DESC' in query["sql"]]
            self.assertEqual(len(listed), 1, path)
            plan = plan_of(listed[0])
            self.assertIn(index, plan)
            self.assertNotIn("TEMP B-TREE", plan)
            self.assertNotIn("JOIN", listed[0])

    def test_an_entry_is_shown_whose_number_is_past_what_django_takes(self) -> None:
        self.create()
        entry = LogEntry.objects.latest("action_time")
        self.assertGreater(entry.pk, 2**31)
        self.assertContains(self.client.get(f"{LOG}{entry.pk}/change/"), entry.get_change_message())
        for number in (str(entry.pk + 1), str(2**63), "9" * 19, "9" * 5000, "-1", "one", "\u0661"):
            answer = self.client.get(f"{LOG}{quote(number)}/change/")
            self.assertRedirects(answer, "/admin/", fetch_redirect_response=False)

    def test_queries_do_not_grow_with_entries(self) -> None:
        def queries(path: str) -> int:
            self.client.get(path)
            with CaptureQueriesContext(connection) as captured:
                self.assertEqual(self.client.get(path).status_code, 200)
            return len(captured)

        def grow_to(count: int) -> list[int]:
            while LogEntry.objects.count() < count:
                owner = User.objects.create(username=f"user{LogEntry.objects.count()}")
                self.client.post(f"/admin/accounts/user/{owner.pk}/issue-key/", {"name": "x"})
                row = self.create(key=issue_key(owner))
                self.client.post(
                    f"{SIMULATIONS}{row}/change/", {**VALID, "owner": owner.pk, "opened_version": 1}
                )
            return [queries(path) for path in (LOG, f"{LOG}?q=carol", f"{SIMULATIONS}{row}/history/")]

        self.assertEqual(grow_to(3), grow_to(60))


def many_entries(row: Simulation) -> None:
    """Make entries of other objects and users, and let the database look at them: plans depend on that."""
    kind = ContentType.objects.get_for_model(row)
    users = [User(username=f"other{n}") for n in range(50)]
    User.objects.bulk_create(users)
    same = {"content_type": kind, "object_repr": "other", "action_flag": CHANGE}
    LogEntry.objects.bulk_create(
        LogEntry(
            **same, user=users[n % 50], object_id=f"other-{n}", change_message=f"request-{n} Changed name."
        )
        for n in range(500)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_admin_log")


def plan_of(sql: str) -> str:
    """Return how the database would run a query, if it thought that reading all of a table took forever."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        rows: list[Any] = cursor.fetchall()
    return "\n".join(str(row[-1]) for row in rows)
