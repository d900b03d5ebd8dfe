"""What the API writes into the admin's log: an entry for each write, in its transaction."""

from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from owned.history import RequestId, entries_of
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID
from tests.owned.test_admin_log import many_entries, plan_of

PATH = "/api/simulations"
REQUEST = {"X-Request-ID": "alices-request"}


class HistoryTests(AdminTestCase):
    def send(self, method: str, path: str, body: Any = b"", status: int = 200, **headers: str) -> Any:
        response = self.call(method, path, body, headers={**REQUEST, **headers})
        self.assertEqual(response.status_code, status, response.content)
        return response

    def noted(self) -> tuple[int, str]:
        """Return the action and the message of the only entry, which is alice's, without request and key."""
        entry = LogEntry.objects.get()
        request, text = entry.change_message.split(" ", 1)
        key = f" Key: {self.key[:11]}."
        self.assertEqual((entry.user, request, text[-len(key) :]), (self.alice, "alices-request", key))
        return entry.action_flag, text.removesuffix(key)

    def test_a_create_is_noted(self) -> None:
        id = self.send("POST", PATH, VALID, 201).json()["id"]
        self.assertEqual(self.noted(), (ADDITION, "Added."))
        self.assertEqual(entries_of(Simulation.objects.get()).get().object_id, id)

    def test_a_bulk_create_is_noted_once_with_its_number(self) -> None:
        self.send("POST", f"{PATH}/bulk", {"items": [VALID] * 3}, 201)
        self.assertEqual(self.noted(), (ADDITION, "Added 3."))
        entry = LogEntry.objects.get()
        self.assertEqual((entry.object_id, entry.object_repr), (None, "simulations"))

    def test_a_replacement_is_noted_with_all_fields(self) -> None:
        row = self.simulation()
        self.send("PUT", f"{PATH}/{row.pk}", VALID)
        self.assertEqual(self.noted(), (CHANGE, "Changed name, start_date, end_date."))

    def test_an_update_is_noted_with_the_fields_that_were_sent(self) -> None:
        row = self.simulation()
        for method in ("PATCH", "POST"):
            with self.subTest(method):
                LogEntry.objects.all().delete()
                self.send(method, f"{PATH}/{row.pk}", {"end_date": "2026-12-31"})
                self.assertEqual(self.noted(), (CHANGE, "Changed end_date."))

    def test_a_deletion_is_noted_with_the_name_of_what_was(self) -> None:
        row = self.simulation()
        self.send("DELETE", f"{PATH}/{row.pk}")
        self.assertEqual(self.noted(), (DELETION, "Deleted."))
        entry = LogEntry.objects.get()
        self.assertEqual((entry.object_id, entry.object_repr), (row.pk, row.name))

    def test_a_long_name_is_cut(self) -> None:
        self.send("POST", PATH, {**VALID, "name": "ü" * 300}, 201)
        self.assertEqual(LogEntry.objects.get().object_repr, "ü" * 200)

    def test_a_request_without_an_id_is_noted_with_the_one_that_it_got(self) -> None:
        response = self.call("POST", PATH, VALID)
        self.assertEqual(entries_by_request(response["X-Request-ID"]).count(), 1)

    def test_what_is_sent_again_is_noted_once(self) -> None:
        for _ in range(2):
            self.send("POST", PATH, VALID, 201, **{"Idempotency-Key": "once"})
        self.assertEqual(self.noted(), (ADDITION, "Added."))

    def test_what_writes_nothing_leaves_nothing(self) -> None:
        row, other = self.simulation(), self.simulation(self.bob)
        stale = {"If-Match": '"7"'}
        out_of_order = {"end_date": "2026-01-01"}
        self.send("PATCH", f"{PATH}/{row.pk}", {})
        self.send("PATCH", f"{PATH}/{row.pk}", {"name": "x"}, 412, **stale)
        self.send("DELETE", f"{PATH}/{row.pk}", status=412, **stale)
        self.send("PATCH", f"{PATH}/{row.pk}", out_of_order, 422)
        self.send("POST", PATH, {**VALID, **out_of_order}, 422)
        self.send("POST", f"{PATH}/bulk", {"items": [VALID, {**VALID, **out_of_order}]}, 422)
        self.send("PATCH", f"{PATH}/{other.pk}", {"name": "x"}, 404)
        self.send("DELETE", f"{PATH}/{other.pk}", status=404)
        self.send("GET", f"{PATH}/{row.pk}")
        self.assertEqual(list(LogEntry.objects.all()), [])

    def test_a_write_and_its_entry_are_one_transaction(self) -> None:
        def fail(execute: Any, sql: str, *args: Any) -> Any:
            if 'INTO "django_admin_log"' in sql:
                raise RuntimeError("The log is full.")
            return execute(sql, *args)

        row = self.simulation()
        self.client.raise_request_exception = False
        with connection.execute_wrapper(fail), self.assertLogs("django.request", "ERROR"):
            self.send("POST", PATH, VALID, 500)
            self.send("POST", f"{PATH}/bulk", {"items": [VALID]}, 500)
            self.send("PATCH", f"{PATH}/{row.pk}", {"name": "x"}, 500)
            self.send("DELETE", f"{PATH}/{row.pk}", status=500)
        self.assertEqual([found.name for found in Simulation.objects.all()], [row.name])

    def test_a_write_takes_one_statement_more(self) -> None:
        row = self.simulation()
        self.send("PATCH", f"{PATH}/{row.pk}", {"name": "x"})  # notes the key's use
        with CaptureQueriesContext(connection) as queries:
            self.send("PATCH", f"{PATH}/{row.pk}", {"name": "y"})
        sent = [query["sql"] for query in queries if "django_admin_log" in query["sql"]]
        self.assertEqual(len(sent), 1, sent)
        self.assertFalse([query for query in queries if "django_content_type" in query["sql"]])

    def test_the_admin_finds_what_a_request_wrote(self) -> None:
        first = self.send("POST", PATH, VALID, 201).json()["id"]
        self.call("POST", PATH, VALID)
        listed = self.client.get("/admin/admin/logentry/?q=alices-request").context["cl"].result_list
        self.assertEqual([entry.object_id for entry in listed], [first])

    def test_a_request_and_an_object_are_looked_up_by_an_index(self) -> None:
        row = self.simulation()
        many_entries(row)
        for entries, index in (
            (entries_by_request("alices-request"), "admin_log_request"),
            (entries_of(row), "admin_log_object"),
        ):
            with CaptureQueriesContext(connection) as queries:
                list(entries)
            self.assertIn(index, plan_of(queries[-1]["sql"]))


def entries_by_request(request_id: str) -> "QuerySet[LogEntry]":
    """Return what one request wrote."""
    return LogEntry.objects.alias(request_id=RequestId("change_message")).filter(request_id=request_id)
