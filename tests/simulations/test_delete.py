"""`DELETE /api/simulations/{id}`."""

from simulations.models import Simulation
from tests.base import ApiTestCase


class DeleteTests(ApiTestCase):
    def test_delete_returns_the_deleted_object(self) -> None:
        simulation, other = self.simulation(), self.simulation()
        path = f"/api/simulations/{simulation.pk}"
        before = self.call("GET", path)
        response = self.call("DELETE", path)
        self.assertEqual((response.status_code, response.json()), (200, before.json()))
        self.assertNotIn("ETag", response)
        self.assertEqual(list(Simulation.objects.all()), [other])

    def test_a_second_delete_returns_404(self) -> None:
        path = f"/api/simulations/{self.simulation().pk}"
        self.call("DELETE", path)
        self.assertProblem(self.call("DELETE", path), 404, "not-found")

    def test_delete_returns_404_for_another_owners_simulation(self) -> None:
        simulation = self.simulation(self.bob)
        self.assertProblem(self.call("DELETE", f"/api/simulations/{simulation.pk}"), 404, "not-found")
        self.assertTrue(Simulation.objects.filter(pk=simulation.pk).exists())
