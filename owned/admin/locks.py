"""The lock on the admin's forms: what others changed meanwhile is not written over unseen."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

SHOWN = 10  # changes that are told of; after more than these, the object's history tells
VERSION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Conflict:
    """What stands in the database where a form was opened with another version of it."""

    version: int
    updated_at: datetime
    changes: list[Any]
    """Who changed it since the form was opened, the latest first."""
    stored: list[tuple[str, str]]
    """The label and the stored value of each field that the form would now change."""


class LockedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that is refused unless it was opened with the version that is stored.

    It can also name the version to be saved over: the one that its conflict showed, and no later one.
    Neither stands among its fields, and so in the log of what was changed.
    """

    conflict: Conflict | None = None

    @cached_property
    def opened_version(self) -> str:
        """The version that the page was opened with, as the page sent it back."""
        return self.data.get("opened_version", "") if self.is_bound else str(self.instance.version)

    def clean(self) -> dict[str, Any] | None:
        """Look for a conflict, before what was typed is put on the instance."""
        adding, stored = self.instance._state.adding, str(self.instance.version)
        if not adding and stored not in (self.opened_version, self.data.get("save_over")):
            self.conflict = self.found_conflict()
            known = VERSION.fullmatch(self.opened_version)
            reason = (
                "It was changed after this page was opened."
                if known
                else "This page did not say which version it was opened with."
            )
            raise ValidationError(
                f"{reason} Nothing was saved; what you typed is kept below.", code="conflict"
            )
        return super().clean()

    def found_conflict(self) -> Conflict:
        """Return what is known of the stored row; each change raised its version by one and left an entry."""
        row: Any = self.instance
        opened = int(self.opened_version) if VERSION.fullmatch(self.opened_version) else row.version - 1
        changes = [opened][:0]
        stored = [(str(self.fields[name].label), str(getattr(row, name))) for name in self.changed_data]
        return Conflict(row.version, row.updated_at, list(changes), stored)
