"""`manage.py forget_entries`."""

from datetime import timedelta
from io import StringIO

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone

from owned.history import forget_before
from tests.base import ApiTestCase


class ForgetEntriesTests(ApiTestCase):
    def note(self, *days: int) -> None:
        for age in days:
            entry = LogEntry.objects.create(user=self.alice, object_repr=str(age), action_flag=CHANGE)
            LogEntry.objects.filter(pk=entry.pk).update(action_time=timezone.now() - timedelta(days=age))

    def left(self) -> set[str]:
        return set(LogEntry.objects.values_list("object_repr", flat=True))

    def test_deletes_what_is_old_and_nothing_else(self) -> None:
        self.note(400, 364, 366, 0, 9000, 29, 31)
        out = StringIO()
        call_command("forget_entries", stdout=out)
        self.assertEqual(out.getvalue(), "Deleted 3 entries.\n")
        self.assertEqual(self.left(), {"364", "0", "29", "31"})
        call_command("forget_entries", days=30, stdout=out)
        self.assertEqual(self.left(), {"0", "29"})

    def test_takes_a_batch_at_a_time_whatever_lies_between(self) -> None:
        self.note(2, 0, 2, 2, 0, 0, 0, 2, 2, 0)
        with self.assertNumQueries(2 * 3 + 1):
            self.assertEqual(forget_before(timezone.now() - timedelta(days=1), batch=2), 5)
        self.assertEqual(self.left(), {"0"})

    def test_refuses_days_that_cannot_be(self) -> None:
        self.note(2)
        for days in (0, -1, 36501):
            with self.assertRaisesMessage(CommandError, f"--days is {days}; it takes 1 to 36500."):
                call_command("forget_entries", days=days)
        self.assertEqual(self.left(), {"2"})
