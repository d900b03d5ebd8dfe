"""The lock on the admin's forms: a form does not overwrite a change that its user has not seen."""

import re
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from owned.history import Entry, history_of

SHOWN = 10  # versions; the object's history shows all
VERSION = re.compile(r"[0-9]{1,9}")


class LockedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that is refused unless it was opened with the stored version.

    Its user can also save over the version that the refusal showed, and over no later one. Neither version is
    one of the form's fields.
    """

    conflict: list[Entry] | None = None
    """The versions that the user has not seen, the latest first."""

    @cached_property
    def opened_version(self) -> str:
        """The version that the page was opened with, as the page sent it back."""
        return self.data.get("opened_version", "") if self.is_bound else str(self.instance.version)

    def clean(self) -> dict[str, Any] | None:
        """Look for a conflict, before what was typed is put on the instance."""
        row: Any = self.instance
        if not row._state.adding and str(row.version) not in (
            self.opened_version,
            self.data.get("save_over"),
        ):
            is_known = VERSION.fullmatch(self.opened_version)
            opened = int(self.opened_version) if is_known else row.version - 1
            self.conflict = [e for e in history_of(type(row), row.pk, limit=SHOWN) if e.version > opened]
            reason = (
                "Someone changed it after this page was opened."
                if is_known
                else "This page did not say which version it was opened with."
            )
            raise ValidationError(f"{reason} Nothing was saved; your input is kept below.", code="conflict")
        return super().clean()
