"""`manage.py forget_expired` deletes expired responses and uploads."""

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.utils import timezone

from api.idempotency import forget_expired
from api.models import PendingUpload, StoredResponse
from tests.base import ApiTestCase


class ForgetExpiredTests(ApiTestCase):
    def store(self, key: str, hours: int) -> None:
        StoredResponse.objects.create(
            owner=self.alice,
            key=key,
            fingerprint=b"",
            status=201,
            headers={},
            body=b"",
            created_at=timezone.now() - timedelta(hours=hours),
        )

    def test_only_expired_rows_are_deleted(self) -> None:
        for key, hours in (("new", 0), ("young", 23), ("old", 25), ("older", 2500)):
            self.store(key, hours)
        for user, hours in ((self.alice, 23), (self.bob, 25)):
            time = timezone.now() - timedelta(hours=hours)
            PendingUpload.objects.create(owner=user, content=b"", created_at=time)
        out = StringIO()
        call_command("forget_expired", stdout=out)
        self.assertEqual(out.getvalue(), "Deleted 2 stored responses.\nDeleted 1 unconfirmed uploads.\n")
        self.assertEqual(set(StoredResponse.objects.values_list("key", flat=True)), {"new", "young"})
        self.assertEqual(PendingUpload.objects.get().owner, self.alice)

    def test_rows_are_deleted_in_batches(self) -> None:
        for number in range(5):
            self.store(str(number), 25)
        self.assertEqual(forget_expired(batch=2), 5)
        self.assertFalse(StoredResponse.objects.exists())

    def test_a_request_also_deletes_expired_responses_of_its_owner(self) -> None:
        self.store("old", 25)
        body = {"name": "x", "start_date": "2026-01-01", "end_date": "2026-01-01"}
        self.call("POST", "/api/simulations", body, headers={"Idempotency-Key": "new"})
        self.assertEqual(list(StoredResponse.objects.values_list("key", flat=True)), ["new"])
