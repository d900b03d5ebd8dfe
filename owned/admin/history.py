"""How the admin itself writes into its log."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.db import router, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from owned.history import message


class RecordedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Notes its writes as the API does: with the id of the request, and in the write's own transaction."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Note that a row was made."""
        return super().log_addition(request, obj, text_of(message))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Note that a row was changed, and which fields."""
        return super().log_change(request, obj, text_of(message))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Note of each row that it is about to be deleted."""
        return LogEntry.objects.log_actions(request.user.pk or 0, queryset, DELETION, text_of("Deleted."))

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Do what was chosen for the ticked rows, and note it, in one transaction; stock Django takes two."""
        with transaction.atomic(using=router.db_for_write(self.model)):
            return super().response_action(request, queryset, *args, **kwargs)


def text_of(what: str | list[Any]) -> str:
    """Return the text of an entry about what was done: a sentence, or fields in the admin's own form."""
    done = what if isinstance(what, str) else LogEntry(change_message=json.dumps(what)).get_change_message()
    return message(done.removesuffix("."))
