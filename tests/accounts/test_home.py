"""The `first_run` command and the home page."""

import re
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import TestCase

from accounts.models import ApiKey, User
from tests.base import ApiTestCase


def first_run() -> str:
    out = StringIO()
    call_command("first_run", "demo", stdout=out)
    return out.getvalue()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


class FirstRunTests(TestCase):
    def test_the_printed_credentials_work_for_the_api_and_the_pages(self) -> None:
        printed = first_run()
        key = found(r"\s(gf_[0-9A-Za-z]{36})\s", printed)
        self.assertEqual(self.client.get("/api/me", headers={"X-API-Key": key}).json()["username"], "demo")
        password = found(r'as "demo" with the password (\S+)\.\n', printed)
        signed_in = self.client.post("/accounts/login/", {"username": "demo", "password": password})
        self.assertEqual(signed_in.status_code, 302)

    def test_a_second_run_prints_and_changes_nothing(self) -> None:
        first_run()
        before = User.objects.values().get()
        self.assertEqual(first_run(), "")
        self.assertEqual(User.objects.values().get(), before)

    def test_an_existing_password_is_kept(self) -> None:
        User.objects.create_user("demo", password="chosen before")
        self.assertIn("with your existing password", first_run())
        self.assertTrue(User.objects.get().check_password("chosen before"))
        self.assertEqual(ApiKey.objects.count(), 1)


class HomeTests(ApiTestCase):
    def links(self) -> set[str]:
        page: Any = self.client.get("/")
        self.assertContains(page, "curl http://testserver/api/simulations -H 'X-API-Key: gf_…'")
        return set(re.findall(r'href="(/[^"]*)"', page.content.decode()))

    def test_the_page_links_anonymous_users_to_the_first_steps(self) -> None:
        self.assertLessEqual({"/accounts/login/", "/keys/new/", "/api/docs", "/problems"}, self.links())

    def test_the_page_links_signed_in_users_to_keys_and_docs(self) -> None:
        self.client.force_login(self.alice)
        links = self.links()
        self.assertLessEqual({"/keys/", "/keys/new/", "/api/docs"}, links)
        self.assertFalse({"/accounts/login/", "/admin/"} & links)

    def test_the_page_links_staff_to_the_admin(self) -> None:
        self.client.force_login(User.objects.create(username="carol", is_staff=True))
        self.assertIn("/admin/", self.links())
