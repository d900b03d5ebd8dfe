"""Which versions each channel keeps, and what they say of who wrote."""

from datetime import timedelta
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from owned.history import history_of
from owned.models import Version
from owned.versions import forget_before
from simulations.models import Simulation
from tests.base import VALID, ApiTestCase
from tests.owned.test_admin_history import many_versions, plan_of

PATH = "/api/simulations"
REQUEST = {"X-Request-ID": "alices-request"}


class ChannelTests(ApiTestCase):
    def send(self, method: str, path: str, body: Any = b"", status: int = 200, **headers: Any) -> Any:
        response = self.call(method, path, body, headers={**REQUEST, **headers})
        self.assertEqual(response.status_code, status, response.content)
        return response

    def made_by(self, row: Any) -> tuple[str, ...]:
        return row.changed_by, row.changed_key, row.changed_via, row.changed_request

    def test_the_api_names_user_key_and_request(self) -> None:
        by_alice = ("alice", self.key[:11], "api", "alices-request")
        id = self.send("POST", PATH, VALID, 201).json()["id"]
        self.send("POST", f"{PATH}/bulk", {"items": [VALID] * 3}, 201)
        self.assertEqual({self.made_by(row) for row in Simulation.objects.all()}, {by_alice})
        self.assertFalse(Version.objects.exists())
        self.send("PUT", f"{PATH}/{id}", VALID)
        self.send("PATCH", f"{PATH}/{id}", {"name": "x"})
        self.send("DELETE", f"{PATH}/{id}")
        kept = Version.objects.order_by("version")
        self.assertEqual([v.action for v in kept], ["created", "changed", "changed", "deleted"])
        self.assertEqual({self.made_by(version) for version in kept}, {by_alice})

    def test_a_page_names_the_user_and_the_request(self) -> None:
        self.client.force_login(self.alice)
        self.client.post(reverse("simulations:create"), VALID, headers=REQUEST)
        row = Simulation.objects.get()
        self.assertEqual(self.made_by(row), ("alice", "", "page", "alices-request"))

    def test_outside_of_a_request_it_is_a_command(self) -> None:
        self.assertEqual(self.made_by(self.simulation()), ("", "", "command", "-"))

    def test_a_request_without_an_id_is_kept_with_the_one_that_it_got(self) -> None:
        response = self.call("POST", PATH, VALID)
        self.assertEqual(Simulation.objects.get().changed_request, response["X-Request-ID"])

    def test_a_retry_keeps_no_version(self) -> None:
        id = self.send("POST", PATH, VALID, 201).json()["id"]
        for _ in range(2):
            self.send("POST", f"{PATH}/{id}", {"name": "x"}, 200, **{"Idempotency-Key": "once"})
        self.assertEqual(Version.objects.count(), 1)

    def test_what_writes_nothing_keeps_nothing(self) -> None:
        row, other = self.simulation(), self.simulation(self.bob)
        stale = {"If-Match": '"7"'}
        out_of_order = {"end_date": "2026-01-01"}
        self.send("PATCH", f"{PATH}/{row.pk}", {})
        self.send("PATCH", f"{PATH}/{row.pk}", {"name": "x"}, 412, **stale)
        self.send("DELETE", f"{PATH}/{row.pk}", status=412, **stale)
        self.send("PATCH", f"{PATH}/{row.pk}", out_of_order, 422)
        self.send("PATCH", f"{PATH}/{other.pk}", {"name": "x"}, 404)
        self.send("DELETE", f"{PATH}/{other.pk}", status=404)
        self.send("GET", f"{PATH}/{row.pk}")
        self.assertEqual((Version.objects.count(), Simulation.objects.get(pk=row.pk).version), (0, 1))

    def test_a_write_and_its_version_are_one_transaction(self) -> None:
        def fail(execute: Any, sql: str, *args: Any) -> Any:
            if 'INTO "owned_version"' in sql:
                raise RuntimeError("The disk is full.")
            return execute(sql, *args)

        row = self.simulation()
        self.client.raise_request_exception = False
        with connection.execute_wrapper(fail), self.assertLogs("django.request", "ERROR"):
            self.send("PATCH", f"{PATH}/{row.pk}", {"name": "x"}, 500)
            self.send("DELETE", f"{PATH}/{row.pk}", status=500)
        self.assertEqual([found.name for found in Simulation.objects.all()], [row.name])

    def test_a_version_is_kept_until_it_was_replaced(self) -> None:
        row = self.simulation()
        row.change(name="x")
        version = Version.objects.get()
        self.assertEqual(version.at, row.created_at)
        self.assertLess(abs(version.replaced_at - row.updated_at), timedelta(seconds=5))


class HistoryTests(ApiTestCase):
    def test_lists_the_latest_first_with_what_each_changed(self) -> None:
        row = self.simulation(name="α")
        row.change(name="β", end_date="2026-12-31")
        row.change(owner=self.bob)
        owners, dates, created = history_of(Simulation, row.pk)
        self.assertEqual([tuple(change) for change in owners.changes], [("Owner", self.alice, self.bob)])
        self.assertEqual([(c.label, str(c.old), str(c.new)) for c in dates.changes], [
            ("Name", "α", "β"), ("End date", VALID["end_date"], "2026-12-31"),
        ])  # fmt: skip
        self.assertEqual((created.action, created.changes, created.name), ("created", [], "α"))

    def test_is_bounded_and_can_be_kept_to_an_owner(self) -> None:
        row = self.simulation()
        for number in range(5):
            row.change(name=str(number))
        latest = history_of(Simulation, row.pk, limit=2)
        self.assertEqual([(e.version, e.changes[0].old) for e in latest], [(6, "3"), (5, "2")])
        self.assertEqual(len(history_of(Simulation, row.pk, owner=self.alice.pk)), 6)
        self.assertEqual(history_of(Simulation, row.pk, owner=self.bob.pk), [])

    def test_what_came_back_is_restored(self) -> None:
        row = self.simulation()
        id = row.pk
        row.delete()
        self.simulation(id=id, version=3)
        self.assertEqual([e.action for e in history_of(Simulation, id)], ["restored", "deleted", "created"])

    def test_takes_a_constant_number_of_queries(self) -> None:
        row = self.simulation()
        for number in range(5):
            row.change(name=str(number))
        with self.assertNumQueries(2):
            history_of(Simulation, row.pk)


class ForgetTests(ApiTestCase):
    def keep(self, *days: int) -> None:
        for age in days:
            row = self.simulation(name=str(age))
            row.change(name="new")
            time = timezone.now() - timedelta(days=age)
            Version.objects.filter(object_id=row.pk).update(replaced_at=time)

    def left(self) -> set[str]:
        return {version.state["name"] for version in Version.objects.all()}

    def test_erases_what_was_replaced_long_ago_and_nothing_else(self) -> None:
        self.keep(400, 364, 366, 0, 9000, 29, 31)
        out = StringIO()
        call_command("forget_versions", stdout=out)
        self.assertEqual(out.getvalue(), "Erased 3 versions.\n")
        self.assertEqual(self.left(), {"364", "0", "29", "31"})
        call_command("forget_versions", days=30, stdout=out)
        self.assertEqual(self.left(), {"0", "29"})
        self.assertEqual(Simulation.objects.count(), 7)

    def test_takes_a_batch_at_a_time_whatever_lies_between(self) -> None:
        self.keep(2, 0, 2, 2, 0, 0, 0, 2, 2, 0)
        with self.assertNumQueries(2 * 3 + 1):
            self.assertEqual(forget_before(timezone.now() - timedelta(days=1), batch=2), 5)
        self.assertEqual(self.left(), {"0"})

    def test_refuses_days_that_cannot_be(self) -> None:
        self.keep(2)
        for days in (0, -1, 36501):
            with self.assertRaisesMessage(CommandError, f"--days is {days}; it must be between 1 and 36500."):
                call_command("forget_versions", days=days)
        self.assertEqual(self.left(), {"2"})

    def test_finds_what_is_old_by_an_index(self) -> None:
        many_versions(self.simulation())
        with CaptureQueriesContext(connection) as queries:
            forget_before(timezone.now() - timedelta(days=1))
        self.assertIn("version_time", plan_of(queries[-1]["sql"]))
