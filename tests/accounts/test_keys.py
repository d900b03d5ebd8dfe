"""The format of an API key, authentication and the `issue_key` command."""

import hashlib
import re
import zlib
from datetime import timedelta
from io import StringIO
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import SimpleTestCase, TestCase
from django.utils import timezone

from accounts.keys import checksum, is_well_formed, new_key
from accounts.models import ApiKey, User
from tests.base import ApiTestCase


class FormatTests(SimpleTestCase):
    def test_a_new_key_has_the_documented_format(self) -> None:
        keys = {new_key() for _ in range(100)}
        self.assertEqual(len(keys), 100)
        for key in keys:
            self.assertRegex(key, r"\Agf_[0-9A-Za-z]{36}\Z")
            self.assertTrue(is_well_formed(key))

    def test_the_checksum_is_crc32_in_base62(self) -> None:
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        for secret in ("0" * 30, "z" * 30, "Goatfish" * 3 + "abcdef"):
            number = 0
            for character in checksum(secret):
                number = number * 62 + digits.index(character)
            self.assertEqual(number, zlib.crc32(secret.encode()))

    def test_the_checksum_detects_every_single_character_error(self) -> None:
        key = new_key()
        for place in range(3, 39):
            wrong = "a" if key[place] != "a" else "b"
            self.assertFalse(is_well_formed(key[:place] + wrong + key[place + 1 :]))

    def test_other_strings_are_not_well_formed(self) -> None:
        key = new_key()
        for text in (
            "",
            "gf_",
            key[:-1],
            key + "0",
            key + "\n",
            f" {key}",
            key.lower(),
            key.replace("gf_", "GF_"),
            "é" * 39,
        ):
            self.assertFalse(is_well_formed(text), text)


class AuthenticationTests(ApiTestCase):
    def test_a_wrong_checksum_costs_no_query(self) -> None:
        with self.assertNumQueries(0):
            self.call("GET", "/api/me", key="gf_" + "0" * 36)

    def test_a_revoked_key_stops_working_immediately(self) -> None:
        self.assertEqual(self.call("GET", "/api/me").status_code, 200)
        self.assertEqual(ApiKey.objects.filter(user=self.alice).revoke(), 1)
        self.assertProblem(self.call("GET", "/api/me"), 401, "invalid-key")

    def test_a_key_works_until_it_expires(self) -> None:
        record, key = ApiKey.issue(self.alice, expires_at=timezone.now() + timedelta(hours=1))
        self.assertEqual(self.call("GET", "/api/me", key=key).status_code, 200)
        ApiKey.objects.filter(pk=record.pk).update(expires_at=timezone.now())
        self.assertProblem(self.call("GET", "/api/me", key=key), 401, "invalid-key")

    def test_issue_rejects_an_expiry_in_the_past(self) -> None:
        with self.assertRaisesMessage(ValidationError, "must be in the future"):
            ApiKey.issue(self.alice, expires_at=timezone.now())
        self.assertEqual(ApiKey.objects.filter(user=self.alice).count(), 1)

    def test_only_the_digest_and_the_prefix_are_stored(self) -> None:
        record, key = ApiKey.issue(self.alice)
        row = ApiKey.objects.filter(pk=record.pk).values().get()
        self.assertEqual(bytes(row["digest"]), hashlib.sha256(key.encode()).digest())
        self.assertEqual(row["prefix"], key[:11])
        self.assertNotIn(key[11:], str(row))

    def test_digests_are_unique(self) -> None:
        digest = ApiKey.objects.get(user=self.alice).digest
        with self.assertRaises(IntegrityError), transaction.atomic():
            ApiKey.objects.filter(user=self.bob).update(digest=digest)

    def test_last_used_at_is_updated_at_most_every_ten_minutes(self) -> None:
        record = ApiKey.objects.get(user=self.alice)
        with self.assertNumQueries(2):
            self.call("GET", "/api/me")
        record.refresh_from_db()
        used_at = record.last_used_at
        assert used_at is not None
        with self.assertNumQueries(1):
            self.call("GET", "/api/me")
        record.refresh_from_db()
        self.assertEqual(record.last_used_at, used_at)
        ApiKey.objects.filter(pk=record.pk).update(last_used_at=used_at - timedelta(minutes=10, seconds=1))
        self.call("GET", "/api/me")
        record.refresh_from_db()
        self.assertTrue(record.last_used_at and record.last_used_at >= used_at)

    def test_a_failed_update_of_last_used_at_does_not_fail_the_request(self) -> None:
        def refuse_updates(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith("UPDATE"):
                raise DatabaseError("read-only")
            return execute(sql, *args)

        with connection.execute_wrapper(refuse_updates), self.assertLogs("accounts.auth", "WARNING") as logs:
            self.assertEqual(self.call("GET", "/api/me").status_code, 200)
        self.assertNotIn(self.key, logs.output[0])


class IssueKeyTests(TestCase):
    def issue(self, *args: Any, **options: Any) -> str:
        out = StringIO()
        call_command("issue_key", *args, stdout=out, **options)
        return out.getvalue()

    def test_issue_key_prints_only_a_working_key(self) -> None:
        printed = self.issue("ada", create_user=True)
        self.assertTrue(re.fullmatch(r"gf_[0-9A-Za-z]{36}\n", printed))
        me = self.client.get("/api/me", headers={"X-API-Key": printed.strip()})
        self.assertEqual(me.json()["username"], "ada")
        self.assertFalse(User.objects.get().has_usable_password())

    def test_issue_key_sets_the_name_permissions_and_expiry(self) -> None:
        self.issue("ada", create_user=True, name="laptop", read_only=True, expires_in_days=2)
        key = ApiKey.objects.get()
        self.assertEqual((key.name, key.read_only), ("laptop", True))
        assert key.expires_at is not None
        self.assertAlmostEqual(key.expires_at, timezone.now() + timedelta(days=2), delta=timedelta(minutes=1))

    def test_issue_key_creates_a_second_key_for_the_same_user(self) -> None:
        keys = {self.issue("ada", create_user=True) for _ in range(2)}
        self.assertEqual((len(keys), User.objects.count(), ApiKey.objects.count()), (2, 1, 2))

    def test_issue_key_reports_invalid_values_and_writes_nothing(self) -> None:
        for args, options, words in (
            (["ghost"], {}, "--create-user"),
            (["a b"], {"create_user": True}, "valid username"),
            (["ada"], {"create_user": True, "expires_in_days": 0}, "1 to 36500"),
            (["ada"], {"create_user": True, "expires_in_days": 10**9}, "1 to 36500"),
            (["ada"], {"create_user": True, "name": "x" * 101}, "100"),
        ):
            with self.subTest(args, **options), self.assertRaisesMessage(CommandError, words):
                self.issue(*args, **options)
        self.assertEqual((User.objects.count(), ApiKey.objects.count()), (0, 0))
