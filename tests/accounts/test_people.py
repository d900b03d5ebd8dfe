"""Signing in, out and up, and changing or resetting a password."""

import re
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth import get_user
from django.core import mail
from django.db import connection
from django.shortcuts import resolve_url
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from config.environment import Rate
from tests.base import ApiTestCase

PASSWORD = "a long enough secret"
LOGIN = "/accounts/login/"
SIGN_UP = "/accounts/sign-up/"
STARTS_ON = resolve_url(settings.LOGIN_REDIRECT_URL)


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])  # fast
class PeopleTestCase(ApiTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for user in (cls.alice, cls.bob):
            user.set_password(PASSWORD)
            user.email = f"{user.username}@example.org"
            user.save()

    def sign_in(
        self, username: str = "alice", password: str = PASSWORD, path: str = LOGIN, **more: Any
    ) -> Any:
        return self.client.post(path, {"username": username, "password": password}, **more)

    @property
    def signed_in(self) -> str:
        """The username of the session, or an empty string."""
        return get_user(self.client).get_username()


class SignInTests(PeopleTestCase):
    def test_the_correct_password_signs_in_and_a_wrong_one_keeps_the_username(self) -> None:
        refused = self.sign_in(password="wrong")
        self.assertContains(refused, 'value="alice"')
        self.assertContains(refused, "Please enter a correct username and password")
        self.assertEqual(self.signed_in, "")
        self.assertRedirects(self.sign_in(), STARTS_ON)
        self.assertEqual(self.signed_in, "alice")

    def test_signing_in_redirects_to_the_requested_page(self) -> None:
        path = "/accounts/password/"
        self.assertRedirects(self.client.get(path), f"{LOGIN}?next={path}")
        self.assertRedirects(self.sign_in(path=f"{LOGIN}?next={path}"), path)

    def test_signing_in_never_redirects_to_another_host(self) -> None:
        self.assertRedirects(self.sign_in(path=f"{LOGIN}?next=https://example.org/"), STARTS_ON)

    def test_every_page_has_a_sign_out_button(self) -> None:
        self.client.force_login(self.alice)
        self.assertContains(self.client.get("/"), 'action="/accounts/logout/"')
        self.assertEqual(self.client.get("/accounts/logout/").status_code, 405)
        self.assertRedirects(self.client.post("/accounts/logout/"), "/")
        self.assertEqual(self.signed_in, "")

    def test_the_admin_uses_the_same_sign_in_page(self) -> None:
        self.assertRedirects(
            self.client.get("/admin/login/?next=/admin/accounts/"), f"{LOGIN}?next=/admin/accounts/"
        )
        self.client.force_login(self.alice)
        page = self.client.get("/admin/", follow=True)
        self.assertContains(page, "You are signed in as alice, and this account does not have access")

    def test_an_inactive_user_cannot_sign_in(self) -> None:
        User.objects.filter(pk=self.alice.pk).update(is_active=False)
        self.assertEqual(self.sign_in().status_code, 200)
        self.assertEqual(self.signed_in, "")

    def test_the_session_cookie_is_httponly_secure_and_same_site(self) -> None:
        with override_settings(SESSION_COOKIE_SECURE=True):
            self.sign_in()
        cookie = self.client.cookies[settings.SESSION_COOKIE_NAME]
        self.assertEqual((cookie["httponly"], cookie["samesite"], cookie["secure"]), (True, "Lax", True))

    def test_an_anonymous_visit_creates_no_session(self) -> None:
        with self.assertNumQueries(0):
            self.client.get("/")
        self.assertNotIn(settings.SESSION_COOKIE_NAME, self.client.cookies)


class LockoutTests(PeopleTestCase):
    def fail(self, times: int, username: str = "alice", **more: Any) -> Any:  # type: ignore[override]
        return [self.sign_in(username, "wrong", **more) for _ in range(times)][-1]

    def test_five_failures_lock_the_username_and_say_when_to_retry(self) -> None:
        self.assertEqual(self.fail(4).status_code, 200)
        for refused in (self.fail(1), self.fail(1), self.sign_in()):
            self.assertContains(refused, "Try again in 15 minutes.", status_code=429)
            self.assertContains(refused, "<h1>Too many attempts</h1>", status_code=429)
            self.assertTrue(850 < int(refused["Retry-After"]) <= 900, refused["Retry-After"])
        self.assertEqual(self.signed_in, "")

    def test_the_lock_expires(self) -> None:
        self.fail(6)
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
        self.assertRedirects(self.sign_in(), STARTS_ON)

    def test_attempts_during_the_lock_do_not_extend_it(self) -> None:
        self.fail(5)
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
        self.assertContains(self.fail(3), "Try again in 1 minute.", status_code=429)
        self.assertEqual(AccessAttempt.objects.get().failures_since_start, 5)

    def test_the_lock_applies_to_one_username_from_one_address(self) -> None:
        self.fail(5)
        self.assertRedirects(self.sign_in("bob"), STARTS_ON)
        self.assertRedirects(self.sign_in(REMOTE_ADDR="203.0.113.7"), STARTS_ON)

    def test_another_browser_does_not_bypass_the_lock(self) -> None:
        for number in range(5):
            refused = self.fail(1, HTTP_USER_AGENT=f"guesser {number}")
        self.assertEqual(refused.status_code, 429)

    def test_a_successful_sign_in_resets_the_failures(self) -> None:
        self.fail(4)
        self.sign_in()
        self.assertEqual(self.fail(4).status_code, 200)

    def test_expired_failures_are_deleted(self) -> None:
        for number in range(10):
            self.fail(1, f"nobody{number}")
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
        self.sign_in()
        self.client.post("/accounts/logout/")
        self.assertEqual((AccessAttempt.objects.count(), AccessLog.objects.count()), (0, 0))

    @override_settings(RATE_LIMIT_ANONYMOUS=Rate(8, 3600), SIGNUP="open")
    def test_an_address_that_tries_many_usernames_is_blocked(self) -> None:
        for number in range(8):
            self.assertEqual(self.fail(1, f"nobody{number}").status_code, 200)
        for refused in (
            self.sign_in(),
            self.client.post(SIGN_UP, {"username": "ada"}),
            self.client.post("/accounts/password/forgotten/", {"email": "alice@example.org"}),
        ):
            self.assertContains(refused, "<h1>Too many attempts</h1>", status_code=429)
            self.assertTrue(0 < int(refused["Retry-After"]) <= 3600, refused["Retry-After"])
        self.assertEqual(self.signed_in, "")
        self.assertEqual(mail.outbox, [])
        self.assertRedirects(self.sign_in(REMOTE_ADDR="203.0.113.7"), STARTS_ON)

    def test_unusual_usernames_fail_normally(self) -> None:
        for username in ("\0", "ä" * 150, "' OR 1=1", ""):
            with self.subTest(username):
                self.assertEqual(self.sign_in(username, "wrong").status_code, 200)

    def test_a_username_that_is_too_long_is_not_stored(self) -> None:
        self.assertContains(self.sign_in("x" * 300, "wrong"), "at most 150 characters")
        self.assertEqual(AccessAttempt.objects.count(), 0)

    def test_no_password_is_stored(self) -> None:
        self.sign_in(password="hunter2hunter2")
        self.assertNotIn("hunter2", str(list(AccessAttempt.objects.values())))


class SignUpTests(PeopleTestCase):
    def sign_up(self, **fields: Any) -> Any:
        given = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}
        return self.client.post(SIGN_UP, {**given, **fields})

    def test_sign_up_returns_404_when_closed(self) -> None:
        self.assertEqual(self.client.get(SIGN_UP).status_code, 404)
        self.assertEqual(self.sign_up().status_code, 404)
        self.assertNotContains(self.client.get(LOGIN), SIGN_UP)
        self.assertFalse(User.objects.filter(username="ada").exists())

    @override_settings(SIGNUP="open")
    def test_sign_up_creates_an_account_and_signs_in_when_open(self) -> None:
        self.assertContains(self.client.get(LOGIN), SIGN_UP)
        self.assertContains(self.client.get(SIGN_UP), 'name="username"')
        self.assertRedirects(self.sign_up(), STARTS_ON)
        ada = User.objects.get(username="ada")
        self.assertEqual((ada.email, ada.is_staff, self.signed_in), ("ada@example.org", False, "ada"))

    @override_settings(SIGNUP="open")
    def test_errors_are_shown_at_their_fields_and_input_is_kept(self) -> None:
        for fields, message in (
            ({"username": "Alice"}, "already exists"),
            ({"username": "ä b"}, "Enter a valid username"),
            ({"username": "x" * 151}, "at most 150 characters"),
            ({"email": "ada"}, "Enter a valid email address"),
            ({"password1": "12345678", "password2": "12345678"}, "too common"),
            ({"password2": "another long secret"}, "match"),
            ({"username": "\0"}, "Null characters"),
        ):
            with self.subTest(fields):
                refused = self.sign_up(**fields)
                self.assertContains(refused, message)
                self.assertContains(refused, 'aria-invalid="true"')
                self.assertEqual(
                    refused.context["form"]["email"].value(), fields.get("email", "ada@example.org")
                )
        self.assertEqual(User.objects.count(), 2)

    @override_settings(SIGNUP="open")
    def test_a_double_click_reports_that_the_username_is_taken(self) -> None:
        first = iter([User(username="ada")])

        def take_the_name(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith('INSERT INTO "accounts_user"') and (user := next(first, None)):
                user.save()
            return execute(sql, *args)

        with connection.execute_wrapper(take_the_name):
            self.assertContains(self.sign_up(), "already exists")
        self.assertEqual(self.signed_in, "")


class PasswordTests(PeopleTestCase):
    NEW = "another long secret"

    def test_a_change_requires_the_old_password_and_keeps_the_session(self) -> None:
        self.sign_in()
        change = {"old_password": "wrong", "new_password1": self.NEW, "new_password2": self.NEW}
        self.assertContains(self.client.post("/accounts/password/", change), "entered incorrectly")
        changed = self.client.post("/accounts/password/", {**change, "old_password": PASSWORD}, follow=True)
        self.assertContains(changed, "Your password was changed.")
        (told,) = mail.outbox
        self.assertEqual((told.to, told.subject), (["alice@example.org"], "Your password was changed"))
        self.assertEqual(self.signed_in, "alice")
        self.client.logout()
        self.assertRedirects(self.sign_in(password=self.NEW), STARTS_ON)

    def test_a_change_succeeds_if_no_email_can_be_sent(self) -> None:
        self.sign_in()
        change = {"old_password": PASSWORD, "new_password1": self.NEW, "new_password2": self.NEW}
        nowhere = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_PORT": 1}
        with self.settings(**nowhere), self.assertLogs("accounts.mails", "ERROR"):
            self.assertContains(
                self.client.post("/accounts/password/", change, follow=True), "Your password was changed."
            )

    def test_a_password_needs_twelve_characters_and_must_not_be_common(self) -> None:
        self.sign_in()
        for new, why in {"Zx8!k2_vQ9a": "at least 12", "password1234": "too common"}.items():
            change = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
            self.assertContains(self.client.post("/accounts/password/", change), why)

    def ask(self, email: str = "alice@example.org", **more: Any) -> Any:
        return self.client.post("/accounts/password/forgotten/", {"email": email}, follow=True, **more)

    def test_a_reset_link_works_once(self) -> None:
        self.assertContains(self.ask(), "we have sent it a reset link")
        (sent,) = mail.outbox
        self.assertEqual((sent.to, sent.from_email), (["alice@example.org"], settings.DEFAULT_FROM_EMAIL))
        link = re.search(r"http://testserver(/\S+)", str(sent.body))
        assert link is not None
        form = self.client.get(link[1], follow=True)
        self.assertNotIn(link[1].split("/")[-2], form.request["PATH_INFO"])
        reset = self.client.post(
            form.request["PATH_INFO"], {"new_password1": self.NEW, "new_password2": self.NEW}, follow=True
        )
        self.assertContains(reset, "Your password was set.")
        self.assertEqual(mail.outbox[-1].subject, "Your password was changed")
        self.assertContains(self.client.get(link[1], follow=True), "This link has expired")
        self.assertRedirects(self.sign_in(password=self.NEW), STARTS_ON)

    @override_settings(ALLOWED_HOSTS=["goatfish.example.org"])
    def test_the_reset_link_has_the_scheme_and_host_of_the_request(self) -> None:
        self.ask(secure=True, headers={"Host": "goatfish.example.org"})
        self.assertIn("https://goatfish.example.org/accounts/password/reset/", str(mail.outbox[0].body))

    def test_a_reset_does_not_reveal_whether_an_account_exists(self) -> None:
        known, unknown = self.ask(), self.ask("nobody@example.org")
        self.assertContains(unknown, "we have sent it a reset link")
        self.assertEqual((known.redirect_chain, len(mail.outbox)), (unknown.redirect_chain, 1))

    def test_reset_emails_are_limited_per_address(self) -> None:
        for email in ("alice@example.org", "Alice@example.org") * 3:
            self.assertContains(self.ask(email), "we have sent it a reset link")
        self.assertEqual(len(mail.outbox), 3)
        self.ask("bob@example.org")
        self.assertEqual(len(mail.outbox), 4)

    def test_an_invalid_reset_link_shows_an_error_page(self) -> None:
        for path in ("x/y/", "MQ/set-password/", "%00/%00/"):
            with self.subTest(path):
                page = self.client.get(f"/accounts/password/reset/{path}")
                self.assertContains(page, "This link has expired")
