"""Every page has the content security policy, and errors are styled pages."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import re_path

from accounts.models import User
from config import urls
from tests.base import ApiTestCase

POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [*urls.urlpatterns, re_path("^crash", crash)]


def policy(response: Any) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))


class PolicyTests(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.carol = User.objects.create(username="carol", is_staff=True, is_superuser=True)

    def test_every_page_has_the_policy(self) -> None:
        for path, status in (("/", 200), ("/problems", 200), ("/api/docs", 200), ("/nowhere", 404)):
            with self.subTest(path):
                response = self.client.get(path)
                self.assertEqual((response.status_code, policy(response)), (status, POLICY))

    def test_private_pages_are_not_cached(self) -> None:
        self.client.force_login(self.carol)
        for path in ("/", "/simulations/", "/keys/", "/accounts/password/"):
            with self.subTest(path):
                self.assertIn("no-store", self.client.get(path)["Cache-Control"])
        self.assertNotIn("no-store", Client().get("/api/docs").headers.get("Cache-Control", ""))

    def test_the_admin_has_the_policy(self) -> None:
        self.client.force_login(self.carol)
        for path in ("/admin/", "/admin/simulations/simulation/add/"):
            with self.subTest(path):
                self.assertEqual(policy(self.client.get(path)), POLICY)

    def test_no_page_has_inline_scripts_or_styles(self) -> None:
        self.client.force_login(self.carol)
        for path in ("/", "/problems", "/api/docs", "/admin/", "/nowhere"):
            with self.subTest(path):
                page = self.client.get(path).content.decode()
                self.assertNotRegex(page, r"<style|\sstyle=|\son\w+=|javascript:")
                for attributes in re.findall(r"<script\b([^>]*)>", page):
                    self.assertRegex(attributes, r'\bsrc="/|type="application/json"')

    def test_api_responses_have_no_policy(self) -> None:
        self.assertNotIn("Content-Security-Policy", self.call("GET", "/api/me"))

    @override_settings(DEBUG=True)
    def test_debug_pages_have_no_policy(self) -> None:
        self.assertNotIn("Content-Security-Policy", self.client.get("/nowhere"))
        self.assertEqual(policy(self.client.get("/")), POLICY)


class ErrorPageTests(ApiTestCase):
    def assertPage(self, response: Any, status: int, title: str) -> None:  # noqa: N802
        self.assertContains(response, f"<h1>{title}</h1>", status_code=status, html=True)
        self.assertContains(response, 'rel="stylesheet" href="/static/goatfish.', status_code=status)
        self.assertEqual(policy(response), POLICY)

    def test_an_unknown_path_is_a_page(self) -> None:
        self.assertPage(self.client.get("/nowhere"), 404, "Page not found")

    def test_an_unknown_host_is_a_page(self) -> None:
        self.assertPage(self.client.get("/", headers={"Host": "example.org"}), 400, "Bad request")

    def test_a_missing_csrf_token_is_a_page(self) -> None:
        client = Client(enforce_csrf_checks=True)
        self.assertPage(client.post("/admin/login/"), 403, "Form expired")

    def test_a_denied_permission_is_a_page(self) -> None:
        self.client.force_login(User.objects.create(username="dave", is_staff=True))
        self.assertPage(self.client.get("/admin/accounts/user/"), 403, "Access denied")

    @override_settings(ROOT_URLCONF="tests.ops.test_policy")
    def test_a_crash_is_a_page_that_needs_no_database(self) -> None:
        self.client.force_login(self.alice)
        self.client.raise_request_exception = False
        with self.assertNumQueries(0), self.assertLogs("django.request", "ERROR"):
            response = self.client.get("/crash")
        self.assertPage(response, 500, "Something went wrong")
        self.assertNotContains(response, "Sign in", status_code=500)  # it does not know the user
