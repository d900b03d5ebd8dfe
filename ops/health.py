"""The probes `/healthz` and `/readyz`."""

from collections.abc import Callable

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase


class Readiness:
    """Whether requests can be served. Once no migrations are missing, they are not checked again."""

    def __init__(self) -> None:
        self.migrated = False

    def fault(self) -> str | None:
        """Return why requests cannot be served, or None if they can."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            self.migrated = self.migrated or not migrations_are_missing()
        except (DatabaseError, InterfaceError):
            return "the database does not respond"
        return None if self.migrated else "migrations are missing: run manage.py migrate"


class HealthMiddleware:
    """Responds before Django checks the `Host` header, because probes connect to an address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.readiness = Readiness()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in ("/healthz", "/readyz"):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        fault = self.readiness.fault() if request.path_info == "/readyz" else None
        response = HttpResponse(fault or "ok", status=503 if fault else 200, content_type="text/plain")
        response["Cache-Control"] = "no-store"
        response["Content-Length"] = str(len(response.content))
        return response


def migrations_are_missing(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Return whether a database lacks migrations of this version."""
    try:
        call_command("migrate", check_unapplied=True, database=using, verbosity=0)
    except SystemExit:
        return True
    return False
