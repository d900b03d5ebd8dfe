"""`PUT /api/simulations/{id}`."""

from typing import Any

from simulations.models import Simulation
from tests.base import VALID, ApiTestCase

OTHER = {"name": "Dry season", "start_date": "2026-11-01", "end_date": "2027-02-28"}


class ReplaceTests(ApiTestCase):
    def replace(self, simulation: Simulation, body: Any) -> Any:
        return self.call("PUT", f"/api/simulations/{simulation.pk}", body)

    def test_replace_sets_all_fields_and_raises_the_version(self) -> None:
        simulation = self.simulation()
        response = self.replace(simulation, OTHER)
        data = response.json()
        self.assertEqual({name: data[name] for name in OTHER}, OTHER)
        self.assertEqual(response["ETag"], '"2"')
        self.assertLess(data["created_at"], data["updated_at"])
        self.assertEqual(self.call("GET", f"/api/simulations/{simulation.pk}").json(), data)

    def test_replace_with_equal_values_raises_the_version(self) -> None:
        self.assertEqual(self.replace(self.simulation(), VALID)["ETag"], '"2"')

    def test_replace_requires_every_field(self) -> None:
        simulation = self.simulation()
        problem = self.assertProblem(self.replace(simulation, {"name": "x"}), 422, "validation-error")
        self.assertEqual([e["pointer"] for e in problem["errors"]], ["/start_date", "/end_date"])
        simulation.refresh_from_db()
        self.assertEqual((simulation.name, simulation.version), (VALID["name"], 1))

    def test_replace_does_not_change_other_simulations(self) -> None:
        other = self.simulation()
        self.replace(self.simulation(), OTHER)
        other.refresh_from_db()
        self.assertEqual((other.name, other.version), (VALID["name"], 1))

    def test_replace_returns_404_for_another_owners_simulation(self) -> None:
        simulation = self.simulation(self.bob)
        self.assertProblem(self.replace(simulation, OTHER), 404, "not-found")
        simulation.refresh_from_db()
        self.assertEqual((simulation.name, simulation.version), (VALID["name"], 1))
