"""What operators leave behind."""

from django.db import models


class Backup(models.Model):
    """A record that a backup was completed, for `manage.py check --deploy --database default`."""

    taken_at = models.DateTimeField()
    size = models.PositiveBigIntegerField(help_text="In bytes.")

    def __str__(self) -> str:
        return f"{self.size:,} bytes at {self.taken_at:%Y-%m-%d %H:%M}"
