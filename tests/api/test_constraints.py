"""Constraints of the database that only the database checks."""

from tests.example.base import ExampleTestCase
from tests.example.models import Sample


class ConstraintTests(ExampleTestCase):
    def test_a_check_constraint_without_a_field_is_an_error_of_the_whole_body(self) -> None:
        sample = self.sample(name="a", code="c")
        for response in (
            self.post("/samples", {"name": "b", "code": "b"}),
            self.call("PATCH", f"/api/samples/{sample.pk}", {"name": "c"}),
        ):
            self.assertEqual(response.status_code, 422)
            (error,) = response.json()["errors"]
            detail = "The name must differ from the code."
            self.assertEqual(error, {"pointer": "", "detail": detail, "code": "invalid"})
        self.assertEqual(Sample.objects.get().version, 1)
