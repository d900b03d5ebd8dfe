"""Many requests for the same thing at once, against two worker processes."""

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
        """Make a simulation; return its path."""
        created = self.api.post("/api/simulations", json=VALID)
        self.assertEqual((created.status_code, created.headers["ETag"]), (201, '"1"'), created.text)
        return created.headers["Location"]

    def count(self, name: str) -> int:
        """Count the simulations of a name."""
        answer = self.api.get("/api/simulations", params={"name": name, "count": "true"})
        return int(answer.json()["count"])

    def test_exactly_one_of_many_concurrent_writes_with_the_same_etag_succeeds(self) -> None:
        for method in ("PUT", "PATCH", "POST"):
            with self.subTest(method):
                path = self.create()

                def write(number: int, method: str = method, path: str = path) -> httpx.Response:
                    body = {**VALID, "name": f"Writer {number}"}
                    return self.api.request(method, path, json=body, headers={"If-Match": '"1"'})

                answers = at_once(CALLERS, write)
                statuses = Counter(answer.status_code for answer in answers)
                self.assertEqual(statuses, {200: 1, 412: CALLERS - 1})
                (won,) = (answer for answer in answers if answer.status_code == 200)
                got = self.api.get(path)
                self.assertEqual((got.headers["ETag"], got.json()), ('"2"', won.json()))
                self.assertEqual(won.headers["ETag"], '"2"')

    def test_exactly_one_of_many_concurrent_deletes_with_the_same_etag_succeeds(self) -> None:
        path = self.create()
        answers = at_once(CALLERS, lambda _: self.api.delete(path, headers={"If-Match": '"1"'}))
        statuses = Counter(answer.status_code for answer in answers)
        self.assertEqual(statuses[200], 1, statuses)
        self.assertLessEqual(set(statuses), {200, 404, 412})
        self.assertEqual(self.api.get(path).status_code, 404)

    def test_exactly_one_of_concurrent_writes_and_deletes_with_the_same_etag_succeeds(self) -> None:
        path = self.create()

        def act(number: int) -> httpx.Response:
            method = ("PUT", "PATCH", "DELETE")[number % 3]
            body = None if method == "DELETE" else VALID
            return self.api.request(method, path, json=body, headers={"If-Match": '"1"'})

        answers = at_once(CALLERS, act)
        statuses = Counter(answer.status_code for answer in answers)
        self.assertEqual(statuses[200], 1, statuses)
        self.assertLessEqual(set(statuses), {200, 404, 412})
        (won,) = (answer for answer in answers if answer.status_code == 200)
        left = self.api.get(path)
        if won.request.method == "DELETE":
            self.assertEqual(left.status_code, 404)
        else:
            self.assertEqual((left.headers["ETag"], left.json()), ('"2"', won.json()))

    def test_all_concurrent_writes_without_if_match_succeed_and_raise_the_version(self) -> None:
        path = self.create()
        answers = at_once(CALLERS, lambda number: self.api.patch(path, json={"name": f"{number}"}))
        self.assertEqual({answer.status_code for answer in answers}, {200})
        tags = {answer.headers["ETag"] for answer in answers}
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
        """Send a POST many times at once, and again what was refused: one writes, all answer alike."""
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}

        def send(number: int) -> httpx.Response:
            return self.api.post(path, content=content, headers=headers)

        answers = at_once(CALLERS, send)
        running = [answer for answer in answers if answer.status_code == 409]
        for answer in running:
            self.assertEqual(answer.headers["Retry-After"], "1")
            self.assertEqual(answer.json()["type"], "/problems/request-in-progress")
        answers = [answer for answer in answers if answer.status_code != 409]
        first = [answer for answer in answers if "Idempotent-Replayed" not in answer.headers]
        self.assertEqual([answer.status_code for answer in first], [status], answers)
        answers += [send(number) for number, _ in enumerate(running)]
        self.assertEqual(len(answers), CALLERS)
        for answer in answers:
            self.assertEqual((answer.status_code, answer.content), (status, first[0].content))
            for name in ("Content-Type", "ETag", "Location"):
                self.assertEqual(answer.headers.get(name), first[0].headers.get(name))
            if answer is not first[0]:
                self.assertEqual(answer.headers.get("Idempotent-Replayed"), "true")
