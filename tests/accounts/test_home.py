"""The first that somebody sees: what a new service prints, and its home page."""

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
    def test_what_is_printed_opens_the_api_and_the_pages(self) -> None:
        printed = first_run()
        key = found(r"\s(gf_[0-9A-Za-z]{36})\s", printed)
        self.assertEqual(self.client.get("/api/me", headers={"X-API-Key": key}).json()["username"], "demo")
        password = found(r'as "demo" with the password (\S+)\.\n', printed)
        signed_in = self.client.post("/accounts/login/", {"username": "demo", "password": password})
        self.assertEqual(signed_in.status_code, 302)

    def test_it_is_printed_once(self) -> None:
        first_run()
        before = User.objects.values().get()
        self.assertEqual(first_run(), "")
        self.assertEqual(User.objects.values().get(), before)

    def test_a_password_that_somebody_has_chosen_stays(self) -> None:
        User.objects.create_user("demo", password="chosen before")
        self.assertIn("with the password you know", first_run())
        self.assertTrue(User.objects.get().check_password("chosen before"))
        self.assertEqual(ApiKey.objects.count(), 1)


class HomeTests(ApiTestCase):
    def links(self) -> set[str]:
        page: Any = self.client.get("/")
        self.assertContains(page, "curl http://testserver/api/simulations -H 'X-API-Key: gf_…'")
        return set(re.findall(r'href="(/[^"]*)"', page.content.decode()))

    def test_a_visitor_is_shown_the_way(self) -> None:
        self.assertLessEqual({"/accounts/login/", "/keys/new/", "/api/docs", "/problems"}, self.links())

    def test_whoever_is_signed_in_is_led_on(self) -> None:
        self.client.force_login(self.alice)
        links = self.links()
        self.assertLessEqual({"/keys/", "/keys/new/", "/api/docs"}, links)
        self.assertFalse({"/accounts/login/", "/admin/"} & links)

    def test_the_admin_is_offered_to_staff(self) -> None:
        self.client.force_login(User.objects.create(username="carol", is_staff=True))
        self.assertIn("/admin/", self.links())
