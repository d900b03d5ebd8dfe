"""What operators leave behind."""

from django.db import models


class TakenBackup(models.Model):
    """A note that a backup was written to its end, by which `manage.py check` knows; in no backup itself."""

    taken_at = models.DateTimeField()
    rows = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.rows:,} rows at {self.taken_at:%Y-%m-%d %H:%M}"
