"""Admin for users and API keys: a key is shown once, and related objects are counted, not loaded."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, User
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID, issue_key

USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"


class IssueKeyTests(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.page = f"{USERS}{self.alice.pk}/issue-key/"

    def issue(self, **fields: Any) -> Any:
        return self.client.post(self.page, {"name": "laptop", "expires_at": "", **fields})

    def issued(self, response: Any) -> str:
        keys: set[str] = set(re.findall(r"gf_[0-9A-Za-z]{36}", response.content.decode()))
        self.assertEqual(len(keys), 1, keys)
        return keys.pop()

    def test_the_user_page_links_to_the_issue_form(self) -> None:
        self.assertContains(self.client.get(f"{USERS}{self.alice.pk}/change/"), self.page)
        form = self.client.get(self.page)
        self.assertContains(form, 'name="expires_at"')
        self.assertContains(form, 'name="csrfmiddlewaretoken"', count=2)  # the other form logs out

    def test_an_issued_key_authenticates(self) -> None:
        key = self.issued(self.issue())
        me = self.call("GET", "/api/me", key=key)
        self.assertEqual(
            (me.status_code, me.json()["username"], me.json()["key"]["name"]), (200, "alice", "laptop")
        )

    def test_the_form_sets_the_permissions_and_expiry(self) -> None:
        tomorrow = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
        key = self.issued(self.issue(read_only="on", expires_at=tomorrow.strftime("%Y-%m-%dT%H:%M")))
        record = ApiKey.objects.get(prefix=key[:11])
        self.assertEqual((record.user, record.read_only, record.expires_at), (self.alice, True, tomorrow))

    def test_the_response_is_never_cached_and_shows_a_curl_command(self) -> None:
        response = self.issue()
        self.assertIn("no-store", response["Cache-Control"])
        key = self.issued(response)
        self.assertContains(response, f"curl http://testserver/api/me -H 'X-API-Key: {key}'")

    def test_a_key_is_shown_once_and_never_stored_in_clear_text(self) -> None:
        key = self.issued(self.issue())
        record = ApiKey.objects.get(prefix=key[:11])
        for path in (
            self.page,
            f"{USERS}{self.alice.pk}/change/",
            f"{USERS}{self.alice.pk}/history/",
            KEYS,
            f"{KEYS}{record.pk}/change/",
            f"{KEYS}{record.pk}/history/",
            "/admin/",
        ):
            with self.subTest(path):
                self.assertNotContains(self.client.get(path), key)
        self.assertNotIn(key, str([list(model.objects.values()) for model in (ApiKey, LogEntry)]))
        self.assertNotIn(key, str(dict(self.client.session)))
        self.assertEqual(LogEntry.objects.get().object_id, str(self.alice.pk))

    def test_a_get_or_an_invalid_form_issues_no_key(self) -> None:
        before = ApiKey.objects.count()
        self.client.get(self.page + "?name=laptop")
        self.assertContains(self.issue(name=""), "This field is required.")
        self.assertContains(self.issue(expires_at="2020-01-01T00:00"), "must be in the future")
        self.assertEqual(ApiKey.objects.count(), before)

    def test_issuing_for_an_unknown_user_returns_404(self) -> None:
        for id in ("999999", "9" * 30, "nobody"):
            with self.subTest(id):
                self.assertEqual(self.client.get(f"{USERS}{id}/issue-key/").status_code, 404)

    def test_staff_without_the_add_permission_cannot_issue_keys(self) -> None:
        self.become_staff_who_may("view_user", "change_user", "view_apikey", "change_apikey")
        before = ApiKey.objects.count()
        self.assertNotContains(self.client.get(f"{USERS}{self.alice.pk}/change/"), "issue-key")
        self.assertEqual((self.client.get(self.page).status_code, self.issue().status_code), (403, 403))
        self.assertEqual(ApiKey.objects.count(), before)

    def test_staff_with_the_add_permission_can_issue_keys(self) -> None:
        self.become_staff_who_may("add_apikey")
        self.issued(self.issue())

    def test_an_anonymous_user_is_redirected_to_the_login(self) -> None:
        self.client.logout()
        login = f"/admin/login/?next={self.page}"
        self.assertRedirects(self.issue(), login, target_status_code=302)

    def test_a_post_without_a_csrf_token_is_rejected(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.carol)
        self.assertEqual(client.post(self.page, {"name": "laptop"}).status_code, 403)


class UserPageTests(AdminTestCase):
    def test_every_page_renders(self) -> None:
        for path in (
            USERS,
            f"{USERS}add/",
            *(f"{USERS}{self.alice.pk}/{page}/" for page in ("change", "delete", "history", "password")),
        ):
            with self.subTest(path):
                self.assertEqual(self.client.get(path).status_code, 200)

    def test_the_user_page_shows_keys_read_only(self) -> None:
        response = self.client.get(f"{USERS}{self.alice.pk}/change/")
        self.assertContains(response, self.key[:11])
        self.assertNotContains(response, self.bobs_key[:11])
        for field in ("name", "prefix", "digest", "read_only", "expires_at"):
            self.assertNotContains(response, f'name="api_keys-0-{field}"')

    def test_a_user_with_keys_can_be_saved(self) -> None:
        data = {
            "username": "alice",
            "email": "alice@example.org",
            "is_active": "on",
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00",
            "api_keys-TOTAL_FORMS": 0,
            "api_keys-INITIAL_FORMS": 0,
        }
        self.assertRedirects(self.client.post(f"{USERS}{self.alice.pk}/change/", data), USERS)
        self.assertEqual(User.objects.get(pk=self.alice.pk).email, "alice@example.org")
        self.assertEqual(self.call("GET", "/api/me").status_code, 200)

    def test_the_delete_page_counts_related_objects(self) -> None:
        for number in range(3):
            self.simulation(name=f"Monsoon {number}")
        self.simulation(self.bob)
        response = self.client.get(f"{USERS}{self.alice.pk}/delete/")
        self.assertContains(response, "<li>Simulations: 3</li>")
        self.assertContains(response, "<li>API keys: 1</li>")
        self.assertNotContains(response, "Monsoon 1")

    def test_deleting_a_user_loads_no_related_rows(self) -> None:
        Simulation.objects.bulk_create(Simulation(owner=self.alice, **VALID) for _ in range(300))
        kept = self.simulation(self.bob)
        with CaptureQueriesContext(connection) as queries:
            self.client.post(f"{USERS}{self.alice.pk}/delete/", {"post": "yes"})
        read = [
            q["sql"]
            for q in queries
            if q["sql"].startswith("SELECT") and '"simulations_simulation"."id"' in q["sql"]
        ]
        self.assertEqual(read, [])
        self.assertLess(len(queries), 30)
        self.assertFalse(User.objects.filter(username="alice").exists())
        self.assertEqual(list(Simulation.objects.all()), [kept])

    def test_the_delete_action_counts_related_objects(self) -> None:
        self.simulation(name="Monsoon 1")
        data = {"action": "delete_selected", "_selected_action": [self.alice.pk, self.bob.pk]}
        response = self.client.post(USERS, data)
        self.assertContains(response, "<li>Simulations: 1</li>")
        self.assertNotContains(response, "Monsoon 1")
        self.client.post(USERS, {**data, "post": "yes"})
        self.assertEqual(list(User.objects.all()), [self.carol])

    def test_staff_cannot_delete_related_objects_without_permission(self) -> None:
        self.become_staff_who_may("view_user", "delete_user")
        path = f"{USERS}{self.alice.pk}/delete/"
        self.simulation()
        self.assertContains(self.client.get(path), "simulation")
        self.assertEqual(self.client.post(path, {"post": "yes"}).status_code, 403)
        self.assertTrue(User.objects.filter(username="alice").exists())

    def test_staff_without_permission_get_403(self) -> None:
        self.become_staff_who_may()
        for path in (USERS, f"{USERS}{self.alice.pk}/change/", KEYS):
            with self.subTest(path):
                self.assertEqual(self.client.get(path).status_code, 403)


class KeyPageTests(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.record = ApiKey.objects.get(user=self.alice)
        self.page = f"{KEYS}{self.record.pk}/change/"

    def listed(self, query: str) -> set[str]:
        return {key.name for key in self.client.get(f"{KEYS}?{query}").context["cl"].result_list}

    def test_every_page_renders(self) -> None:
        for path in (KEYS, self.page, f"{KEYS}{self.record.pk}/delete/", f"{KEYS}{self.record.pk}/history/"):
            with self.subTest(path):
                self.assertEqual(self.client.get(path).status_code, 200)

    def test_keys_cannot_be_added_on_their_own_page(self) -> None:
        self.assertEqual(self.client.get(f"{KEYS}add/").status_code, 403)

    def test_only_the_name_can_be_changed(self) -> None:
        data = {
            "name": "desktop",
            "read_only": "on",
            "prefix": "gf_00000000",
            "user": self.bob.pk,
            "digest": "00",
        }
        self.assertRedirects(self.client.post(self.page, data), KEYS)
        after = ApiKey.objects.get(pk=self.record.pk)
        self.assertEqual((after.name, after.read_only, after.user), ("desktop", False, self.alice))
        self.assertEqual((after.prefix, after.digest), (self.record.prefix, self.record.digest))

    def test_no_page_shows_a_digest(self) -> None:
        digest = bytes(self.record.digest)
        for path in (
            KEYS,
            self.page,
            f"{KEYS}{self.record.pk}/delete/",
            f"{USERS}{self.alice.pk}/change/",
            f"{USERS}{self.alice.pk}/delete/",
        ):
            with self.subTest(path):
                response = self.client.get(path)
                for form in ("digest", digest.hex(), repr(digest), repr(digest).replace("'", "&#x27;")):
                    self.assertNotContains(response, form)

    def test_statuses_do_not_overlap(self) -> None:
        past = timezone.now() - timedelta(days=1)
        for name, fields in {
            "live": {},
            "old": {"expires_at": past},
            "gone": {"revoked_at": past},
            "old and gone": {"expires_at": past, "revoked_at": past},
        }.items():
            issue_key(self.alice, name=name, **fields)
        self.assertEqual(self.listed("state=valid"), {"default", "live"})
        self.assertEqual(self.listed("state=expired"), {"old"})
        self.assertEqual(self.listed("state=revoked"), {"gone", "old and gone"})

    def test_filters_find_expiring_and_unused_keys(self) -> None:
        now, day = timezone.now(), timedelta(days=1)
        for name, fields in {
            "soon": {"expires_at": now + 13 * day},
            "later": {"expires_at": now + 15 * day},
            "expired": {"expires_at": now - day},
            "revoked": {"expires_at": now + day, "last_used_at": now - 100 * day, "revoked_at": now},
            "idle": {"last_used_at": now - 91 * day},
            "used": {"last_used_at": now - 89 * day},
            "old and never used": {"created_at": now - 91 * day},
            "new and never used": {},
        }.items():
            issue_key(self.alice, name=name, **fields)
        self.assertEqual(self.listed("state=expiring"), {"soon"})
        self.assertEqual(self.listed("state=unused"), {"idle", "old and never used"})

    def test_a_key_revoked_while_it_is_renamed_stays_revoked(self) -> None:
        def revoke_first(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith('UPDATE "accounts_apikey"') and (keys := next(first, None)):
                keys.revoke()
            return execute(sql, *args)

        first = iter([ApiKey.objects.filter(pk=self.record.pk)])
        with connection.execute_wrapper(revoke_first):
            self.client.post(self.page, {"name": "desktop"})
        self.record.refresh_from_db()
        self.assertEqual(self.record.name, "desktop")
        self.assertIsNotNone(self.record.revoked_at)

    def test_search_matches_a_key_prefix_a_name_and_a_username(self) -> None:
        key = issue_key(self.bob, name="cron job")
        self.assertEqual(self.listed(f"q={key[:11]}"), {"cron job"})
        self.assertEqual(self.listed(f"q={key[3:11]}"), set())
        self.assertEqual(self.listed("q=cron"), {"cron job"})
        self.assertEqual(self.listed("q=bob"), {"default", "cron job"})
        self.assertEqual(self.listed("q=cron&read_only__exact=1"), set())

    def test_a_key_revoked_in_the_list_stops_working(self) -> None:
        self.assertEqual(self.call("GET", "/api/me").status_code, 200)
        self.client.post(KEYS, {"action": "revoke_keys", "index": 0, "_selected_action": [self.record.pk]})
        self.assertEqual(self.call("GET", "/api/me").status_code, 401)
        self.assertEqual(self.call("GET", "/api/me", key=self.bobs_key).status_code, 200)
        self.assertRegex(LogEntry.objects.get().change_message, r"^Revoked\. Request: [0-9a-f]{32}\.$")

    def test_a_key_revoked_on_its_page_stops_working(self) -> None:
        self.assertContains(self.client.get(self.page), 'name="_revoke"')
        self.assertRedirects(self.client.post(self.page, {"name": "default", "_revoke": "Revoke"}), self.page)
        self.assertEqual(self.call("GET", "/api/me").status_code, 401)
        self.assertEqual(self.call("GET", "/api/me", key=self.bobs_key).status_code, 200)
        self.assertNotContains(self.client.get(self.page), 'name="_revoke"')

    def test_revoking_again_keeps_the_first_revocation_time(self) -> None:
        ApiKey.objects.filter(pk=self.record.pk).update(revoked_at=timezone.now() - timedelta(days=1))
        before = ApiKey.objects.get(pk=self.record.pk).revoked_at
        self.client.post(KEYS, {"action": "revoke_keys", "index": 0, "_selected_action": [self.record.pk]})
        self.assertEqual(ApiKey.objects.get(pk=self.record.pk).revoked_at, before)

    def test_staff_with_view_permission_cannot_revoke(self) -> None:
        self.become_staff_who_may("view_apikey")
        self.assertNotContains(self.client.get(self.page), 'name="_revoke"')
        self.client.post(KEYS, {"action": "revoke_keys", "index": 0, "_selected_action": [self.record.pk]})
        self.assertEqual(
            self.client.post(self.page, {"name": "default", "_revoke": "Revoke"}).status_code, 403
        )
        self.assertEqual(self.call("GET", "/api/me").status_code, 200)


class QueryCountTests(AdminTestCase):
    def queries_of(self, path: str) -> int:
        self.client.get(path)  # content types are looked up once per process
        with CaptureQueriesContext(
            connection,
        ) as queries:
            self.assertEqual(self.client.get(path).status_code, 200)
        return len(queries)

    def test_query_counts_do_not_depend_on_the_number_of_keys(self) -> None:
        pages = (USERS, KEYS, f"{USERS}{self.alice.pk}/change/", f"{USERS}{self.alice.pk}/delete/")

        def grow_to(count: int) -> list[int]:
            while ApiKey.objects.filter(user=self.alice).count() < count:
                issue_key(self.alice)
                issue_key(User.objects.create(username=f"user{User.objects.count()}"))
            return [self.queries_of(page) for page in pages]

        self.assertEqual(grow_to(3), grow_to(30))
