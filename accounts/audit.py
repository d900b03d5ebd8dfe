"""The audit log of users and API keys: Django's own, with the id of the request in each message."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.db import models
from django.http import HttpRequest

from ops.middleware.requests import current_request_id


def record(user: models.Model, row: models.Model, action: int, text: str) -> None:
    """Log a write, in its transaction."""
    LogEntry.objects.log_actions(user.pk, [row], action, with_request(text))


def with_request(message: str | list[Any]) -> str:
    """Return the text of a message, or of fields in the admin's own form, with the id of the request."""
    text = LogEntry(change_message=message if isinstance(message, str) else json.dumps(message))
    message = text.get_change_message()
    return f"{message.removesuffix('.')}. Request: {current_request_id.get()}."


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose entries in the log name the request."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return super().log_addition(request, obj, with_request(message))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return super().log_change(request, obj, with_request(message))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return LogEntry.objects.log_actions(request.user.pk or 0, queryset, DELETION, with_request("Deleted"))


@admin.register(LogEntry)
class LogEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The log, to read."""

    list_display = fields = (
        "action_time",
        "user",
        "action_flag",
        "content_type",
        "object_repr",
        "change_message",
    )
    list_filter = ["action_flag"]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_id__exact", "user__username__exact", "change_message"]
    search_help_text = "An object's ID or a username as it is, or part of a message, as a request's ID."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
