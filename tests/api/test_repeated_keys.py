"""JSON objects that repeat a key, which parsers read differently."""

from simulations.models import Simulation
from tests.base import ApiTestCase

REPEATED = b'{"name": "a", "name": "b", "start_date": "2026-06-01", "end_date": "2026-09-30"}'


class RepeatedKeyTests(ApiTestCase):
    def test_a_repeated_key_is_a_400_at_any_depth(self) -> None:
        for path, body in (
            ("/api/simulations", REPEATED),
            ("/api/simulations/bulk", b'{"items": [' + REPEATED + b"]}"),
        ):
            problem = self.assertProblem(self.call("POST", path, body), 400, "malformed-request")
            self.assertIn('"name"', problem["detail"])
        self.assertFalse(Simulation.objects.exists())

    def test_a_repeated_key_in_ndjson_is_an_error_of_its_row(self) -> None:
        body, kind = REPEATED.replace(b' "name": "b",', b"") + b"\n" + REPEATED, "application/x-ndjson"
        response = self.call("POST", "/api/simulations/bulk", body, content_type=kind)
        problem = self.assertProblem(response, 422, "validation-error")
        self.assertEqual([error["pointer"] for error in problem["errors"]], ["/items/1"])
        self.assertFalse(Simulation.objects.exists())
