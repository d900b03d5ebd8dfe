"""`PATCH` and `POST` `/api/simulations/{id}`."""

from typing import Any

from tests.base import VALID, ApiTestCase


class UpdateTests(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.row = self.simulation()

    def update(self, body: Any, method: str = "PATCH", **changes: Any) -> Any:
        return self.call(method, f"/api/simulations/{self.row.pk}", body, **changes)

    def test_update_sets_the_fields_that_are_sent(self) -> None:
        for version, (name, value) in enumerate(
            (("name", "x"), ("end_date", "2026-10-01"), ("start_date", "2026-05-01")), 2
        ):
            response = self.update({name: value})
            self.assertEqual((response.json()[name], response["ETag"]), (value, f'"{version}"'))
        self.assertEqual(self.update({}).json()["name"], "x")

    def test_update_works_with_post(self) -> None:
        response = self.update({"name": "by POST"}, "POST")
        self.assertEqual((response.status_code, response.json()["name"]), (200, "by POST"))
        self.assertNotIn("Location", response)

    def test_update_accepts_a_merge_patch(self) -> None:
        for method in ("PATCH", "POST"):
            response = self.update({"name": method}, method, content_type="application/merge-patch+json")
            self.assertEqual(response.json()["name"], method)

    def test_an_empty_update_changes_nothing(self) -> None:
        before = self.call("GET", f"/api/simulations/{self.row.pk}")
        response = self.update({})
        self.assertEqual((response.status_code, response["ETag"]), (200, '"1"'))
        self.assertEqual(response.json(), before.json())

    def test_update_with_equal_values_raises_the_version(self) -> None:
        self.assertEqual(self.update({"name": VALID["name"]})["ETag"], '"2"')

    def test_update_rejects_null(self) -> None:
        for name, code in (
            ("name", "string_type"),
            ("start_date", "date_format"),
            ("end_date", "date_format"),
        ):
            problem = self.assertProblem(self.update({name: None}), 422, "validation-error")
            self.assertEqual([(e["pointer"], e["code"]) for e in problem["errors"]], [(f"/{name}", code)])
        self.assert_untouched()

    def test_update_is_as_strict_as_create(self) -> None:
        for body in (
            {"name": ""},
            {"name": "x" * 301},
            {"name": "\0"},
            {"start_date": 0},
            {"id": "x"},
            {"version": 9},
        ):
            self.assertProblem(self.update(body), 422, "validation-error")
        self.assert_untouched()

    def test_update_checks_the_order_of_the_dates_on_the_result(self) -> None:
        for body in (
            {"end_date": "2026-05-31"},
            {"start_date": "2026-10-01"},
            {"start_date": "2026-10-01", "end_date": "2026-09-30"},
        ):
            problem = self.assertProblem(self.update(body), 422, "validation-error")
            expected = {
                "pointer": "/end_date",
                "detail": "must not be before start_date",
                "code": "date_order",
            }
            self.assertEqual(problem["errors"], [expected])
        self.assert_untouched()

    def test_update_by_post_can_be_retried(self) -> None:
        for replayed in (False, True):
            response = self.update({"name": "x"}, "POST", headers={"Idempotency-Key": "k"})
            self.assertEqual((response.status_code, response["ETag"]), (200, '"2"'))
            self.assertEqual("Idempotent-Replayed" in response, replayed)

    def test_update_returns_404_for_another_owners_simulation(self) -> None:
        self.assertProblem(self.update({"name": "x"}, key=self.bobs_key), 404, "not-found")
        self.assert_untouched()

    def assert_untouched(self) -> None:
        self.row.refresh_from_db()
        self.assertEqual((self.row.name, self.row.version), (VALID["name"], 1))
