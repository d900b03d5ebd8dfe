"""The probes `/healthz` and `/readyz`."""

from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, TestCase


def broken(*args: object) -> None:
    raise DatabaseError


class HealthTests(TestCase):
    def test_ignores_the_host_header(self) -> None:
        for path in ("/healthz", "/readyz"):
            response = Client(headers={"Host": "10.0.0.7"}).get(path)
            self.assertEqual((response.status_code, response.content), (200, b"ok"))

    def test_is_alive_without_a_database(self) -> None:
        with connection.execute_wrapper(broken):
            self.assertEqual(Client().get("/healthz").status_code, 200)

    def test_is_not_ready_without_a_database(self) -> None:
        with connection.execute_wrapper(broken):
            response = Client().get("/readyz")
        self.assertEqual((response.status_code, response.content), (503, b"the database does not respond"))

    def test_is_not_ready_until_migrations_are_complete(self) -> None:
        client = Client()
        MigrationRecorder(connection).record_unapplied("simulations", "0001_initial")
        response = client.get("/readyz")
        self.assertEqual(response.status_code, 503)
        self.assertIn(b"manage.py migrate", response.content)
        MigrationRecorder(connection).record_applied("simulations", "0001_initial")
        self.assertEqual(client.get("/readyz").status_code, 200)

    def test_allows_only_get_and_head(self) -> None:
        self.assertEqual(Client().post("/healthz").status_code, 405)
