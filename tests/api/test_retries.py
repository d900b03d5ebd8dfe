"""What makes a request the same as an earlier one, on the example API."""

from tests.example.base import ExampleTestCase


class RetryTests(ExampleTestCase):
    def test_another_query_string_is_another_request(self) -> None:
        key = {"Idempotency-Key": "k"}
        first = self.post("/native/accepted?priority=1", headers=key)
        self.assertEqual(first.status_code, 202)
        again = self.post("/native/accepted?priority=1", headers=key)
        self.assertEqual((again.status_code, again["Idempotent-Replayed"]), (202, "true"))
        for query in ("?priority=2", ""):
            response = self.post(f"/native/accepted{query}", headers=key)
            self.assertProblem(response, 422, "idempotency-key-reused")
