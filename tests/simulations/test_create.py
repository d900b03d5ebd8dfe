"""`POST /api/simulations`."""

import json
from datetime import date
from unittest import mock

from django.db import IntegrityError, transaction

from simulations.models import Simulation
from tests.base import VALID, ApiTestCase


class CreateTests(ApiTestCase):
    def test_create_stores_the_fields_for_the_caller(self) -> None:
        response = self.call("POST", "/api/simulations", VALID)
        self.assertEqual(response.status_code, 201)
        row = Simulation.objects.get()
        self.assertEqual((row.owner, row.name, row.version), (self.alice, VALID["name"], 1))
        self.assertEqual((row.start_date, row.end_date), (date(2026, 6, 1), date(2026, 9, 30)))
        self.assertEqual(response["Location"], f"/api/simulations/{row.pk}")
        self.assertEqual(response["ETag"], '"1"')

    def test_create_returns_the_object(self) -> None:
        response = self.call("POST", "/api/simulations", VALID)
        data = response.json()
        self.assertEqual(list(data), ["id", "name", "start_date", "end_date", "created_at", "updated_at"])
        self.assertEqual({name: data[name] for name in VALID}, VALID)
        self.assertRegex(data["created_at"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z\Z")
        self.assertEqual(data["updated_at"], data["created_at"])
        self.assertEqual(self.call("GET", response["Location"]).json(), data)

    def test_create_trims_white_space_and_keeps_the_rest(self) -> None:
        for sent, kept in (
            ("\u2003 a  b \u00a0\n", "a  b"),
            ("x" * 300, "x" * 300),
            (" " + "🐟" * 300 + " ", "🐟" * 300),
            ("% _ \\ ' \" שלום ;--", "% _ \\ ' \" שלום ;--"),
        ):
            response = self.call("POST", "/api/simulations", {**VALID, "name": sent})
            self.assertEqual(response.json()["name"], kept)
            self.assertEqual(self.call("GET", response["Location"]).json()["name"], kept)

    def test_create_accepts_one_day_and_the_full_date_range(self) -> None:
        for first, last in (("2026-01-01", "2026-01-01"), ("0001-01-01", "9999-12-31")):
            response = self.call(
                "POST", "/api/simulations", {"name": "x", "start_date": first, "end_date": last}
            )
            self.assertEqual(response.status_code, 201, response.content)

    def test_create_rejects_an_end_date_before_the_start_date(self) -> None:
        response = self.call("POST", "/api/simulations", {**VALID, "end_date": "2026-05-31"})
        problem = self.assertProblem(response, 422, "validation-error")
        expected = {"pointer": "/end_date", "detail": "must not be before start_date", "code": "date_order"}
        self.assertEqual(problem["errors"], [expected])
        self.assertFalse(Simulation.objects.exists())

    def test_the_database_rejects_an_end_date_before_the_start_date(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            self.simulation(end_date="2026-05-31")

    def test_create_stores_the_response_in_the_same_transaction(self) -> None:
        self.client.raise_request_exception = False
        with (
            mock.patch("api.idempotency.StoredResponse.objects.create", side_effect=RuntimeError),
            self.assertLogs("django.request", "ERROR"),
        ):
            response = self.call("POST", "/api/simulations", VALID, headers={"Idempotency-Key": "k"})
        self.assertProblem(response, 500, "internal-error")
        self.assertFalse(Simulation.objects.exists())

    def test_create_treats_a_different_path_or_body_as_a_new_request(self) -> None:
        body, key = json.dumps(VALID).encode(), {"Idempotency-Key": "k"}
        made = self.call("POST", "/api/simulations", body, headers=key)
        for path, other in (("/api/simulations", body + b" "), (made["Location"], body)):
            response = self.call("POST", path, other, headers=key)
            self.assertProblem(response, 422, "idempotency-key-reused")
        self.assertEqual(Simulation.objects.get().version, 1)
