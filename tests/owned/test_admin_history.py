"""The history of objects in the admin: all versions, whoever made them."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from owned.models import Version
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

LIST = "/admin/simulations/simulation/"
CHANGES = f"{LIST}changes/"
MINE = {"X-Request-ID": "carols-request"}


class HistoryPageTests(AdminTestCase):
    def post(self, path: str, **data: Any) -> None:
        response = self.client.post(path, data, headers=MINE)
        self.assertEqual(response.status_code, 302, response.content)

    def stamps(self, row: Any) -> tuple[str, ...]:
        return row.changed_by, row.changed_key, row.changed_via, row.changed_request

    def test_the_admin_names_its_user_and_request_and_writes_no_log(self) -> None:
        by_carol = ("carol", "", "admin", "carols-request")
        self.post(f"{LIST}add/", **VALID, owner=self.alice.pk)
        row = Simulation.objects.get()
        self.assertEqual(self.stamps(row), by_carol)
        self.post(f"{LIST}{row.pk}/change/", **VALID, owner=self.bob.pk, opened_version=1)
        self.post(f"{LIST}{row.pk}/delete/", post="yes")
        deleted = Version.objects.get(action="deleted")
        self.assertEqual((self.stamps(deleted), deleted.owner), (by_carol, self.bob))
        self.assertFalse(LogEntry.objects.exists())

    def test_an_action_on_many_rows_keeps_the_version_of_each(self) -> None:
        rows = [self.simulation(), self.simulation()]
        ticked = [row.pk for row in rows]
        self.post(LIST, action="delete_selected", _selected_action=ticked, post="yes")
        deleted = Version.objects.filter(
            action="deleted", changed_by="carol", changed_request="carols-request"
        )
        self.assertEqual(set(deleted.values_list("object_id", flat=True)), set(ticked))

    def test_the_history_shows_old_and_new_values_of_every_channel(self) -> None:
        self.call("POST", "/api/simulations/bulk", {"items": [{**VALID, "name": "α"}]})
        row = Simulation.objects.get()
        headers = {"X-Request-ID": "alices-request"}
        self.call("PATCH", f"/api/simulations/{row.pk}", {"name": "β"}, headers=headers)
        self.post(f"{LIST}{row.pk}/change/", **{**VALID, "name": "γ"}, owner=self.alice.pk, opened_version=2)
        page = self.client.get(f"{LIST}{row.pk}/history/")
        entries = page.context["entries"]
        self.assertEqual([e.action for e in entries], ["changed", "changed", "created"])
        self.assertContains(page, "Changed<br>Name: β → γ")
        self.assertContains(page, "Changed<br>Name: α → β")
        self.assertContains(page, f"alice with key {self.key[:11]} (api)", count=2)
        self.assertContains(page, "carol (admin)", count=1)
        self.assertContains(page, "alices-request", count=1)

    def test_the_history_of_a_deleted_object_is_still_there(self) -> None:
        row = self.simulation(name="Gone")
        id = row.pk
        self.call("DELETE", f"/api/simulations/{id}")
        page = self.client.get(f"{LIST}{id}/history/")
        self.assertEqual([e.action for e in page.context["entries"]], ["deleted", "created"])
        self.assertContains(page, "History: Gone")
        self.assertEqual(self.client.get(f"{LIST}{'2' * 20}/history/").status_code, 404)

    def test_the_history_stays_readable_without_the_user_and_the_key(self) -> None:
        row = self.simulation(self.bob)
        self.post(f"{LIST}{row.pk}/change/", **VALID, owner=self.bob.pk, opened_version=1)
        self.client.force_login(User.objects.create(username="dave", is_staff=True, is_superuser=True))
        self.carol.delete()
        self.assertContains(self.client.get(f"{LIST}{row.pk}/history/"), "carol (admin)")

    def test_names_are_escaped(self) -> None:
        row = self.simulation()
        row.change(name="<script>")
        for path in (f"{LIST}{row.pk}/history/", f"{CHANGES}?q={row.pk}"):
            self.assertNotContains(self.client.get(path), "<script>")

    def test_the_pages_need_the_permission_to_view(self) -> None:
        row = self.simulation()
        self.become_staff_who_may("add_simulation")
        for path in (f"{LIST}{row.pk}/history/", CHANGES):
            self.assertEqual(self.client.get(path).status_code, 403)
        User.objects.get(username="dave").delete()
        self.become_staff_who_may("view_simulation")
        for path in (f"{LIST}{row.pk}/history/", CHANGES):
            self.assertEqual(self.client.get(path).status_code, 200)


class ChangesPageTests(AdminTestCase):
    def found(self, term: str) -> list[tuple[str, int, str]]:
        entries = self.client.get(CHANGES, {"q": term}).context["entries"]
        return [(entry.name, entry.version, entry.action) for entry in entries]

    def test_finds_by_request_user_and_object_in_rows_and_versions(self) -> None:
        headers = {"X-Request-ID": "alices-request"}
        id = self.call("POST", "/api/simulations", {**VALID, "name": "a"}, headers=headers).json()["id"]
        self.call("PATCH", f"/api/simulations/{id}", {"name": "b"}, headers={"X-Request-ID": "another"})
        self.call("POST", "/api/simulations", {**VALID, "name": "c"}, key=self.bobs_key)
        self.assertEqual(self.found("alices-request"), [("a", 1, "created")])
        self.assertEqual(self.found("another"), [("b", 2, "changed")])
        self.assertEqual(self.found("alice"), [("b", 2, "changed"), ("a", 1, "created")])
        self.assertEqual(self.found(id), [("b", 2, "changed"), ("a", 1, "created")])
        self.call("DELETE", f"/api/simulations/{id}", headers={"X-Request-ID": "last"})
        self.assertEqual(self.found("last"), [("b", 3, "deleted")])
        for term in ("", "nothing", "alic", "\0", "%", "'"):
            self.assertEqual(self.found(term), [])

    def test_the_list_leads_to_it_and_it_to_the_history(self) -> None:
        row = self.simulation()
        self.assertContains(self.client.get(LIST), f'href="{CHANGES}"')
        self.assertContains(self.client.get(CHANGES, {"q": row.pk}), f'href="{LIST}{row.pk}/history/"')

    def test_shows_no_more_than_a_hundred(self) -> None:
        self.call("POST", "/api/simulations/bulk", {"items": [VALID] * 130}, headers={"X-Request-ID": "many"})
        page = self.client.get(CHANGES, {"q": "many"})
        self.assertEqual(len(page.context["entries"]), 100)
        self.assertContains(page, "Only the latest 100 are shown.")

    def test_every_search_uses_an_index(self) -> None:
        many_versions(self.simulation())
        for term in ("request 7", "user 7", "2" * 20):
            with CaptureQueriesContext(connection) as queries:
                self.client.get(CHANGES, {"q": term})
            sent = [q["sql"] for q in queries if "FROM" in q["sql"] and f"'{term}'" in q["sql"]]
            self.assertEqual(len(sent), 6)
            for sql in sent:
                if 'FROM "owned_version"' in sql:
                    with self.subTest(sql[-200:]):
                        self.assertRegex(plan_of(sql), r"version_(object|request|user)")


def many_versions(row: Simulation, number: int = 20_000) -> None:
    """Make a table of versions that no plan likes to read whole."""
    made = {"owner": row.owner, "kind": "simulations.simulation", "action": "changed", "state": {}}
    Version.objects.bulk_create(
        Version(
            **made,
            object_id=f"object {n // 10}",
            version=n % 10 + 1,
            at=row.created_at,
            replaced_at=row.created_at,
            changed_by=f"user {n % 1000}",
            changed_request=f"request {n}",
        )
        for n in range(number)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE owned_version")


def plan_of(sql: str) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}".replace("%", "%%"))
        return str(cursor.fetchall())
