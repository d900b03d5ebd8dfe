"""`GET /api/me`."""

from datetime import UTC, datetime

from accounts.models import ApiKey
from tests.base import ApiTestCase


class MeTests(ApiTestCase):
    def test_me_returns_the_user_and_the_key(self) -> None:
        created = datetime(2026, 11, 22, 8, 0, 0, 120, tzinfo=UTC)
        record, key = ApiKey.issue(self.bob, name="laptop", read_only=True, created_at=created)
        response = self.call("GET", "/api/me", key=key)
        self.assertEqual(
            response.json(),
            {
                "username": "bob",
                "key": {
                    "name": "laptop",
                    "prefix": record.prefix,
                    "read_only": True,
                    "created_at": "2026-11-22T08:00:00.000120Z",
                    "expires_at": None,
                },
            },
        )

    def test_a_time_on_a_whole_second_has_no_fraction(self) -> None:
        expires = datetime(2999, 1, 1, tzinfo=UTC)
        _, key = ApiKey.issue(self.bob, expires_at=expires)
        me = self.call("GET", "/api/me", key=key).json()
        self.assertEqual(me["key"]["expires_at"], "2999-01-01T00:00:00Z")
