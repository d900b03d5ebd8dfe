"""Problem details for requests that gunicorn refuses; tests/test_live.py sends such requests."""

import json
import socket

from django.test import SimpleTestCase

from api.problems import types
from ops.server.refusals import write_problem


class RefusalTests(SimpleTestCase):
    def test_the_problems_are_those_of_the_api(self) -> None:
        for status, problem_type in ((400, types.MALFORMED_REQUEST), (500, types.INTERNAL_ERROR)):
            with self.subTest(status):
                server, client = socket.socketpair()
                with server, client:
                    write_problem(server, status, "Reason", "message")
                    head, _, body = client.recv(2**16).partition(b"\r\n\r\n")
                problem = json.loads(body)
                self.assertEqual((problem["type"], problem["title"]), (problem_type.uri, problem_type.title))
                self.assertEqual(
                    set(problem), {"type", "title", "status", "detail", "instance", "request_id"}
                )
                self.assertIn(f"Content-Length: {len(body)}".encode(), head)
