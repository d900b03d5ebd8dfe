"""Concurrent clicks on one button, with two worker processes."""

import re
from collections import Counter
from typing import Any

import httpx

from tests.faults.service import VALID, ServiceTestCase, at_once

CLICKS = 20
ROWS = "name,start_date,end_date\ntide,2026-01-01,2026-01-02\nstorm,2026-02-01,2026-02-02\n"


class PageRaceTests(ServiceTestCase):
    variables = {**ServiceTestCase.variables, "SIGNUP": "open"}
    browser: httpx.Client

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.browser = cls.launch().client
        cls.browser.get("/accounts/sign-up/")
        password = "correct horse battery"
        signed_up = cls.post("/accounts/sign-up/", username="carol", password1=password, password2=password)
        assert signed_up.status_code == 302, signed_up.text

    @classmethod
    def post(cls, path: str, files: Any = None, **data: str) -> httpx.Response:
        token = cls.browser.cookies["csrftoken"]
        return cls.browser.post(path, data={**data, "csrfmiddlewaretoken": token}, files=files)

    def test_exactly_one_of_many_concurrent_confirmations_writes_the_upload(self) -> None:
        before = self.row_count()
        page = self.post("/simulations/upload/", {"file": ("rows.csv", ROWS)}).text
        found = re.search(r'name="token" value="(\w+)"', page)
        assert found is not None, page
        token = found[1]
        responses = at_once(CLICKS, lambda _: self.post("/simulations/upload/confirm/", token=token))
        locations = Counter(response.headers.get("Location") for response in responses)
        self.assertEqual(locations, {"/simulations/": 1, "/simulations/upload/": CLICKS - 1})
        self.assertEqual(self.row_count(), before + 2)

    def test_exactly_one_of_many_concurrent_edits_is_saved(self) -> None:
        created = self.post("/simulations/create/", **VALID)
        path = f"{created.headers['Location']}edit/"
        responses = at_once(
            CLICKS, lambda n: self.post(path, **{**VALID, "name": f"Tab {n}", "version": "1"})
        )
        self.assertEqual(Counter(response.status_code for response in responses), {302: 1, 409: CLICKS - 1})
