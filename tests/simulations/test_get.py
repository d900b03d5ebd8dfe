"""`GET /api/simulations/{id}`."""

from datetime import UTC, datetime

from simulations.models import Simulation
from tests.base import ApiTestCase


class GetTests(ApiTestCase):
    def test_get_returns_the_object_with_etag_and_last_modified(self) -> None:
        simulation = self.simulation(version=7)
        changed = datetime(2026, 11, 22, 8, 0, 0, 5, tzinfo=UTC)
        Simulation.objects.filter(pk=simulation.pk).update(updated_at=changed)
        response = self.call("GET", f"/api/simulations/{simulation.pk}")
        self.assertEqual(response["ETag"], '"8"')
        self.assertEqual(response["Last-Modified"], "Sun, 22 Nov 2026 08:00:00 GMT")
        self.assertEqual(response.json()["updated_at"], "2026-11-22T08:00:00.000005Z")

    def test_get_returns_404_for_another_owners_simulation(self) -> None:
        simulation = self.simulation(self.bob)
        problem = self.assertProblem(self.call("GET", f"/api/simulations/{simulation.pk}"), 404, "not-found")
        self.assertEqual(problem["detail"], "Object not found.")

    def test_get_returns_404_for_a_lone_surrogate_or_a_nul(self) -> None:
        self.call("GET", "/api/me")  # updates last_used_at of the key
        for id in ("%ED%A0%80", "2" * 19 + "%ED%A0%80", "2" * 19 + "%00"):
            with self.assertNumQueries(1):  # for the key; the id never reaches the database
                response = self.call("GET", f"/api/simulations/{id}")
            self.assertEqual((response.status_code, response.json()["type"]), (404, "/problems/not-found"))
