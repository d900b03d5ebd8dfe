"""Concurrent requests for the same object, with two worker processes."""

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.service import VALID, ServiceTestCase, at_once

CALLERS = 50


class RaceTests(ServiceTestCase):
    api: httpx.Client

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.api = cls.launch().client

    def create(self) -> str:
        """Create a simulation, and return its path."""
        created = self.api.post("/api/simulations", json=VALID)
        self.assertEqual((created.status_code, created.headers["ETag"]), (201, '"1"'), created.text)
        return created.headers["Location"]

    def count(self, name: str) -> int:
        """Return the number of simulations with this name."""
        response = self.api.get("/api/simulations", params={"name": name, "count": "true"})
        return int(response.json()["count"])

    def test_exactly_one_of_many_concurrent_writes_with_the_same_etag_succeeds(self) -> None:
        for method in ("PUT", "PATCH", "POST"):
            with self.subTest(method):
                path = self.create()

                def write(number: int, method: str = method, path: str = path) -> httpx.Response:
                    body = {**VALID, "name": f"Writer {number}"}
                    return self.api.request(method, path, json=body, headers={"If-Match": '"1"'})

                responses = at_once(CALLERS, write)
                statuses = Counter(response.status_code for response in responses)
                self.assertEqual(statuses, {200: 1, 412: CALLERS - 1})
                (winner,) = (response for response in responses if response.status_code == 200)
                got = self.api.get(path)
                self.assertEqual((got.headers["ETag"], got.json()), ('"2"', winner.json()))
                self.assertEqual(winner.headers["ETag"], '"2"')

    def test_exactly_one_of_many_concurrent_deletes_with_the_same_etag_succeeds(self) -> None:
        path = self.create()
        responses = at_once(CALLERS, lambda _: self.api.delete(path, headers={"If-Match": '"1"'}))
        statuses = Counter(response.status_code for response in responses)
        self.assertEqual(statuses[200], 1, statuses)
        self.assertLessEqual(set(statuses), {200, 404, 412})
        self.assertEqual(self.api.get(path).status_code, 404)

    def test_exactly_one_of_concurrent_writes_and_deletes_with_the_same_etag_succeeds(self) -> None:
        path = self.create()

        def act(number: int) -> httpx.Response:
            method = ("PUT", "PATCH", "DELETE")[number % 3]
            body = None if method == "DELETE" else VALID
            return self.api.request(method, path, json=body, headers={"If-Match": '"1"'})

        responses = at_once(CALLERS, act)
        statuses = Counter(response.status_code for response in responses)
        self.assertEqual(statuses[200], 1, statuses)
        self.assertLessEqual(set(statuses), {200, 404, 412})
        (winner,) = (response for response in responses if response.status_code == 200)
        found = self.api.get(path)
        if winner.request.method == "DELETE":
            self.assertEqual(found.status_code, 404)
        else:
            self.assertEqual((found.headers["ETag"], found.json()), ('"2"', winner.json()))

    def test_all_concurrent_writes_without_if_match_succeed_and_raise_the_version(self) -> None:
        path = self.create()
        responses = at_once(CALLERS, lambda number: self.api.patch(path, json={"name": f"{number}"}))
        self.assertEqual({response.status_code for response in responses}, {200})
        tags = {response.headers["ETag"] for response in responses}
        self.assertEqual(tags, {f'"{version}"' for version in range(2, CALLERS + 2)})

    def test_concurrent_retries_of_a_create_write_once(self) -> None:
        name = uuid4().hex
        self.assert_written_once("/api/simulations", {**VALID, "name": name}, 201)
        self.assertEqual(self.count(name), 1)

    def test_concurrent_retries_of_a_bulk_create_write_once(self) -> None:
        name = uuid4().hex
        self.assert_written_once("/api/simulations/bulk", {"items": [{**VALID, "name": name}] * 20}, 201)
        self.assertEqual(self.count(name), 20)

    def test_concurrent_retries_of_an_update_raise_the_version_once(self) -> None:
        path = self.create()
        self.assert_written_once(path, {"name": "Changed"}, 200)
        self.assertEqual(self.api.get(path).headers["ETag"], '"2"')

    def assert_written_once(self, path: str, body: Any, status: int) -> None:
        """Send identical POSTs concurrently, and retry each 409. One writes, and all responses are equal."""
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}

        def send(number: int) -> httpx.Response:
            return self.api.post(path, content=content, headers=headers)

        responses = at_once(CALLERS, send)
        in_progress = [response for response in responses if response.status_code == 409]
        for response in in_progress:
            self.assertEqual(response.headers["Retry-After"], "1")
            self.assertEqual(response.json()["type"], "/problems/request-in-progress")
        responses = [response for response in responses if response.status_code != 409]
        first = [response for response in responses if "Idempotent-Replayed" not in response.headers]
        self.assertEqual([response.status_code for response in first], [status], responses)
        responses += [send(number) for number, _ in enumerate(in_progress)]
        self.assertEqual(len(responses), CALLERS)
        for response in responses:
            self.assertEqual((response.status_code, response.content), (status, first[0].content))
            for name in ("Content-Type", "ETag", "Location"):
                self.assertEqual(response.headers.get(name), first[0].headers.get(name))
            if response is not first[0]:
                self.assertEqual(response.headers.get("Idempotent-Replayed"), "true")
