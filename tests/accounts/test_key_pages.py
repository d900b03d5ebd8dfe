"""The pages where alice manages her API keys, which bob cannot see."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from tests.base import ApiTestCase, issue_key

KEYS = "/keys/"
NEW = "/keys/new/"
DAY = timedelta(days=1)


class KeyPageTestCase(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.alice)
        self.record = ApiKey.objects.get(user=self.alice)
        self.page = f"{KEYS}{self.record.pk}/"

    def made(self, name: str, **fields: Any) -> ApiKey:
        return ApiKey.objects.get(prefix=issue_key(self.alice, name=name, **fields)[:11])

    def shown(self, response: Any) -> str:
        """Return the key that a response shows."""
        self.assertEqual(response.status_code, 200)
        self.assertIn("no-store", response["Cache-Control"])
        keys: set[str] = set(re.findall(r"gf_[0-9A-Za-z]{36}", response.content.decode()))
        self.assertEqual(len(keys), 1, keys)
        return keys.pop()

    def opens(self, key: str) -> bool:
        return bool(self.call("GET", "/api/me", key=key).status_code == 200)


class ListTests(KeyPageTestCase):
    def test_the_list_shows_only_the_users_own_keys(self) -> None:
        page = self.client.get(KEYS)
        self.assertContains(page, self.key[:11])
        self.assertNotContains(page, self.bobs_key[:11])
        self.assertNotContains(page, self.key)

    def test_the_list_marks_expiring_and_unused_keys(self) -> None:
        now = timezone.now()
        self.made("soon", expires_at=now + 13 * DAY)
        self.made("idle", last_used_at=now - 91 * DAY)
        self.made("fine", expires_at=now + 15 * DAY, last_used_at=now - 89 * DAY)
        rows = self.client.get(KEYS).content.decode().split("<tr>")
        marks = {
            re.findall(r"/keys/\d+/\">([^<]+)", row)[0]: re.findall(r'class="mark[^>]*>([^<]+)', row)
            for row in rows[2:]
        }
        self.assertEqual(
            marks,
            {
                "soon": ["expires soon"],
                "idle": ["unused for 90 days"],
                "fine": ["active"],
                "default": ["active"],
            },
        )

    def test_the_list_separates_revoked_and_expired_keys(self) -> None:
        self.made("old", expires_at=timezone.now() - DAY)
        self.made("gone", revoked_at=timezone.now())
        works, _, closed = self.client.get(KEYS).content.decode().partition("<details>")
        for name in ("old", "gone"):
            self.assertNotIn(f">{name}<", works)
            self.assertIn(f">{name}<", closed)
        self.assertIn(">expired<", closed)
        self.assertIn(">revoked<", closed)

    def test_the_list_has_bounded_queries_and_size(self) -> None:
        def fill(count: int, **fields: Any) -> None:
            ApiKey.objects.bulk_create(
                ApiKey(
                    user=self.alice,
                    name="ä" * 100,
                    prefix="gf_",
                    digest=f"{fields}{number}".encode(),
                    **fields,
                )
                for number in range(count)
            )

        fill(1)
        fill(1, revoked_at=timezone.now())
        with self.assertNumQueries(5):  # session, user, count, page, closed
            self.client.get(KEYS)
        fill(120, read_only=True)
        fill(120, revoked_at=timezone.now(), read_only=True)
        with self.assertNumQueries(5):
            page = self.client.get(KEYS)
        self.assertLess(len(page.content), 100_000)
        self.assertContains(page, "Page 1 of 3")
        self.assertContains(self.client.get(KEYS, {"page": 3}), self.key[:11])
        for odd in ("0", "x", "9" * 30, "-1"):
            self.assertEqual(self.client.get(KEYS, {"page": odd}).status_code, 200)

    def test_anonymous_users_are_redirected_to_sign_in(self) -> None:
        self.client.logout()
        for path in (KEYS, NEW, self.page):
            with self.subTest(path):
                self.assertRedirects(self.client.get(path), f"/accounts/login/?next={path}")
        for path in ("rotate/", "revoke/"):
            self.assertEqual(self.client.post(self.page + path, {"grace": "0"}).status_code, 302)
        self.assertTrue(self.opens(self.key))


class NewKeyTests(KeyPageTestCase):
    def make(self, **fields: Any) -> Any:
        return self.client.post(NEW, {"name": "laptop", "expires_at": "", **fields})

    def test_a_new_key_is_shown_once_with_a_command_that_uses_it(self) -> None:
        response = self.make()
        key = self.shown(response)
        self.assertTrue(self.opens(key))
        self.assertContains(response, f"curl http://testserver/api/simulations -H 'X-API-Key: {key}'")
        record = ApiKey.objects.get(name="laptop")
        for path in (KEYS, f"{KEYS}{record.pk}/", NEW):
            self.assertNotContains(self.client.get(path), key)
        self.assertNotIn(key, str(dict(self.client.session)))

    def test_the_form_sets_the_permissions_and_expiry(self) -> None:
        end = (timezone.now() + DAY).replace(second=0, microsecond=0)
        self.shown(self.make(read_only="on", expires_at=end.strftime("%Y-%m-%dT%H:%M")))
        record = ApiKey.objects.get(name="laptop")
        self.assertEqual((record.user, record.read_only, record.expires_at), (self.alice, True, end))

    def test_errors_are_shown_at_their_fields_and_input_is_kept(self) -> None:
        for fields, message in (
            ({"name": ""}, "This field is required."),
            ({"name": "x" * 101}, "at most 100 characters"),
            ({"expires_at": "2020-01-01T00:00"}, "must be in the future"),
            ({"expires_at": "tomorrow"}, "Enter a valid date/time."),
            ({"expires_at": "99999-01-01T00:00"}, "Enter a valid date/time."),
        ):
            with self.subTest(fields):
                response = self.make(**{"read_only": "on", **fields})
                self.assertContains(response, message)
                self.assertContains(response, 'aria-invalid="true"', count=1)
                form = response.context["form"]
                self.assertEqual([form[name].value() for name in fields], list(fields.values()))
                self.assertTrue(form["read_only"].value())
        self.assertEqual(ApiKey.objects.filter(user=self.alice).count(), 1)

    def test_a_get_creates_no_key(self) -> None:
        self.client.get(NEW, {"name": "laptop"})
        self.assertEqual(ApiKey.objects.filter(user=self.alice).count(), 1)

    def test_a_post_without_a_csrf_token_is_rejected(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.alice)
        self.assertContains(client.post(NEW, {"name": "laptop"}), "Form expired", status_code=403)


class RenameTests(KeyPageTestCase):
    def test_renaming_changes_only_the_name(self) -> None:
        before = ApiKey.objects.filter(pk=self.record.pk).values().get()
        changed = self.client.post(self.page, {"name": "desktop", "read_only": "on"}, follow=True)
        self.assertContains(changed, "The key was renamed.")
        self.assertEqual(
            ApiKey.objects.filter(pk=self.record.pk).values().get(), {**before, "name": "desktop"}
        )

    def test_an_invalid_name_is_kept_with_its_error(self) -> None:
        refused = self.client.post(self.page, {"name": "x" * 101})
        self.assertContains(refused, "at most 100 characters")
        self.assertContains(refused, 'value="' + "x" * 101)
        self.assertContains(refused, "<h1>default</h1>", html=True)


class RotateTests(KeyPageTestCase):
    def rotate(self, grace: Any, record: ApiKey | None = None) -> Any:
        return self.client.post(f"{KEYS}{(record or self.record).pk}/rotate/", {"grace": grace})

    def test_the_new_key_works_at_once_and_the_old_key_until_the_grace_period_ends(self) -> None:
        key = self.shown(self.rotate(3))
        self.assertTrue(self.opens(key))
        self.assertTrue(self.opens(self.key))
        self.record.refresh_from_db()
        assert self.record.expires_at is not None
        self.assertAlmostEqual(self.record.expires_at, timezone.now() + 3 * DAY, delta=timedelta(minutes=1))
        new = ApiKey.objects.get(prefix=key[:11])
        self.assertEqual(
            (new.user, new.name, new.read_only, new.expires_at), (self.alice, "default", False, None)
        )

    def test_without_a_grace_period_the_old_key_is_revoked(self) -> None:
        key = self.shown(self.rotate(0))
        self.assertEqual((self.opens(key), self.opens(self.key)), (True, False))
        self.record.refresh_from_db()
        self.assertIsNotNone(self.record.revoked_at)

    def test_the_grace_period_does_not_extend_the_expiry(self) -> None:
        end = timezone.now() + DAY
        record = self.made("short", expires_at=end)
        self.shown(self.rotate(7, record))
        record.refresh_from_db()
        self.assertEqual(record.expires_at, end)

    def test_the_new_key_has_the_permissions_and_lifetime_of_the_old_key(self) -> None:
        now = timezone.now()
        record = self.made("ci", read_only=True, created_at=now - 80 * DAY, expires_at=now + 10 * DAY)
        new = ApiKey.objects.get(prefix=self.shown(self.rotate(1, record))[:11])
        assert new.expires_at is not None
        self.assertEqual((new.name, new.read_only), ("ci", True))
        self.assertAlmostEqual(new.expires_at, now + 90 * DAY, delta=timedelta(minutes=1))

    def test_an_invalid_grace_period_is_rejected_at_its_field(self) -> None:
        for grace in ("8", "-1", "", "week"):
            with self.subTest(grace):
                refused = self.rotate(grace)
                self.assertContains(refused, 'aria-invalid="true"', count=1)
        self.assertEqual(ApiKey.objects.filter(user=self.alice).count(), 1)

    def test_a_revoked_or_expired_key_cannot_be_rotated(self) -> None:
        for record in (
            self.made("gone", revoked_at=timezone.now()),
            self.made("old", expires_at=timezone.now() - DAY),
        ):
            with self.subTest(record.name):
                self.assertNotContains(self.client.get(f"{KEYS}{record.pk}/"), "rotate/")
                self.assertEqual(self.rotate(1, record).status_code, 404)

    def test_a_get_redirects_to_the_key_and_rotates_nothing(self) -> None:
        self.assertRedirects(self.client.get(f"{self.page}rotate/"), self.page)
        self.assertEqual(ApiKey.objects.filter(user=self.alice).count(), 1)
        self.assertTrue(self.opens(self.key))


class RevokeTests(KeyPageTestCase):
    def test_a_revoked_key_stops_working_immediately(self) -> None:
        self.assertTrue(self.opens(self.key))
        self.assertRedirects(self.client.get(f"{self.page}revoke/"), self.page)
        self.assertTrue(self.opens(self.key))
        done = self.client.post(f"{self.page}revoke/", follow=True)
        self.assertContains(done, "was revoked.")
        self.assertFalse(self.opens(self.key))

    def test_revoking_again_keeps_the_first_revocation_time(self) -> None:
        first = timezone.now() - DAY
        record = self.made("gone", revoked_at=first)
        self.client.post(f"{KEYS}{record.pk}/revoke/")
        record.refresh_from_db()
        self.assertEqual(record.revoked_at, first)


class StrangerTests(KeyPageTestCase):
    def test_another_users_key_is_not_found_and_stays_unchanged(self) -> None:
        theirs = ApiKey.objects.get(user=self.bob)
        before = ApiKey.objects.filter(pk=theirs.pk).values().get()
        for number in (theirs.pk, 10**9, 10**30):
            for path in ("", "rotate/", "revoke/"):
                with self.subTest(number, path=path):
                    response = self.client.post(f"{KEYS}{number}/{path}", {"name": "mine", "grace": "0"})
                    self.assertContains(response, "Page not found", status_code=404)
            self.assertEqual(self.client.get(f"{KEYS}{number}/").status_code, 404)
        self.assertEqual(ApiKey.objects.filter(pk=theirs.pk).values().get(), before)

    def test_the_page_of_a_key_takes_three_queries(self) -> None:
        with self.assertNumQueries(3):  # session, user, key
            self.client.get(self.page)


class AuditLogTests(KeyPageTestCase):
    def test_each_write_is_in_the_audit_log_with_its_request_id(self) -> None:
        def logged(path: str, **data: str) -> list[tuple[str, int, str]]:
            LogEntry.objects.all().delete()
            self.client.post(path, data, headers={"X-Request-ID": "mine"})
            entries = LogEntry.objects.order_by("action_time")
            self.assertEqual({entry.user_id for entry in entries} - {self.alice.pk}, set())
            return [(str(e.object_id), e.action_flag, e.change_message) for e in entries]

        self.assertEqual(
            logged(self.page, name="new name"),
            [(str(self.record.pk), CHANGE, "Changed name. Request: mine.")],
        )
        (made,) = logged(NEW, name="laptop")
        new = ApiKey.objects.get(name="laptop")
        self.assertEqual(made, (str(new.pk), ADDITION, "Added. Request: mine."))
        old, made = logged(f"{self.page}rotate/", grace="0")
        newest = ApiKey.objects.order_by("-pk")[0]
        text = f"Rotated to {newest.prefix}. Request: mine."
        self.assertEqual(old, (str(self.record.pk), CHANGE, text))
        self.assertEqual(made, (str(newest.pk), ADDITION, "Added. Request: mine."))
        revoke = f"{KEYS}{new.pk}/revoke/"
        self.assertEqual(logged(revoke), [(str(new.pk), CHANGE, "Revoked. Request: mine.")])
        self.assertEqual(logged(revoke), [])  # already revoked
