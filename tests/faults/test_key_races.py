"""Concurrent clicks on the button that rotates a key, with two worker processes."""

import re
from collections import Counter

from tests.faults.service import ServiceTestCase, at_once

CLICKS = 20
ROUNDS = 5
PASSWORD = "a long enough secret"


class KeyRaceTests(ServiceTestCase):
    variables = {**ServiceTestCase.variables, "SIGNUP": "open"}

    def test_exactly_one_of_many_concurrent_rotations_creates_a_key(self) -> None:
        browser = self.launch().client
        browser.get("/accounts/sign-up/")

        def post(path: str, **data: str) -> int:
            token = browser.cookies["csrftoken"]
            return browser.post(path, data={**data, "csrfmiddlewaretoken": token}).status_code

        self.assertEqual(
            post("/accounts/sign-up/", username="carol", password1=PASSWORD, password2=PASSWORD), 302
        )
        for _ in range(ROUNDS):
            self.assertEqual(post("/keys/new/", name="laptop"), 200)
            newest = re.search(r'"(/keys/\d+/)"', browser.get("/keys/").text)
            assert newest is not None
            path = f"{newest[1]}rotate/"
            responses = at_once(CLICKS, lambda _, path=path: post(path, grace="0"))  # type: ignore[misc]
            self.assertEqual(Counter(responses), {200: 1, 404: CLICKS - 1})
