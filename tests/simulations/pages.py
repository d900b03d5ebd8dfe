"""The base class of the page tests, with alice signed in."""

from typing import Any

from django.test import Client

from tests.base import ApiTestCase


class PageTestCase(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.alice)

    def page(self, path: str, status: int = 200) -> str:
        """Request a page, and check that it is HTML of less than 100 KB."""
        return self.text(self.client.get(path), status)

    def post(self, path: str, data: dict[str, Any], status: int = 200) -> str:
        return self.text(self.client.post(path, data), status)

    def text(self, response: Any, status: int) -> str:
        self.assertEqual(response.status_code, status)
        self.assertTrue(response["Content-Type"].startswith("text/html"))
        self.assertLess(len(response.content), 100_000)
        text: str = response.content.decode()
        return text

    def assert_error_at(self, page: str, field: str, message: str) -> None:
        """Check that only this field has an error, and that it is marked for assistive technology."""
        self.assertInHTML(f'<ul class="errorlist" id="id_{field}_error"><li>{message}</li></ul>', page)
        self.assertRegex(page, rf'name="{field}"[^>]*aria-invalid="true"')
        self.assertEqual(page.count("errorlist"), 1)

    def assert_asks_to_sign_in(self, *paths: str) -> None:
        for path in paths:
            for method in ("GET", "POST"):
                with self.subTest(path, method=method):
                    response = Client().generic(method, path)
                    self.assertEqual(response.status_code, 302)
                    self.assertIn(f"/login/?next={path}", response["Location"])
