"""Turns whatever goes wrong into problem details (RFC 9457)."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError

from api.problems.types import (
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    INVALID_KEY,
    MALFORMED_REQUEST,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    UNAVAILABLE,
    VALIDATION_ERROR,
    ProblemType,
)
from owned.constraints import FieldCheck

PROBLEM_JSON = "application/problem+json"
LISTED_ERRORS = 100
RETRY_AFTER = "5"  # seconds that a client waits for the database
# What PostgreSQL calls an invalid state of a transaction, and a retry mends: it takes no writes for now, as a
# standby does, or it ended one that took too long.
PASSING_STATES = frozenset({"25006", "25P03", "25P04"})

FieldError = dict[str, str]
"""Where (`pointer`, `parameter` or `header`), `detail` and `code`: one entry of `errors`."""

logger = logging.getLogger(__name__)


@dataclass
class Problem(Exception):  # noqa: N818 (RFC 9457's word)
    """An answer other than the one asked for, raised wherever it shows."""

    type: ProblemType
    detail: str
    errors: Iterable[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request: HttpRequest) -> HttpResponse:
        """Return the answer that tells of this problem."""
        body: dict[str, Any] = {
            "type": self.type.uri,
            "title": self.type.title,
            "status": self.type.status,
            "detail": self.detail,
            "instance": request.path,
            "request_id": request.request_id,  # type: ignore[attr-defined]
        }
        if errors := list(self.errors):
            body["errors"] = errors
        return HttpResponse(
            orjson.dumps(body), status=self.type.status, content_type=PROBLEM_JSON, headers=self.headers
        )


def invalid(*errors: FieldError) -> Problem:
    """Return the problem of values that cannot be taken; the first hundred are listed."""
    count = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
    listed = f"; the first {LISTED_ERRORS} are listed" if len(errors) > LISTED_ERRORS else ""
    return Problem(VALIDATION_ERROR, f"{count} invalid{listed}.", errors[:LISTED_ERRORS])


def unreadable_header(header: str, detail: str, code: str) -> Problem:
    """Return the problem of a header that cannot be read."""
    return Problem(
        MALFORMED_REQUEST,
        f"The {header} header cannot be read.",
        [{"header": header, "detail": detail, "code": code}],
    )


def install_handlers(api: NinjaAPI) -> None:
    """Make the API answer every exception of an operation with a problem."""
    handlers: dict[type[Exception], Any] = {
        Problem: lambda request, error: error.response(request),
        ValidationError: lambda request, error: invalid(*error.errors).response(request),
        AuthenticationError: _invalid_key,
        ObjectDoesNotExist: _object_not_found,
        RequestDataTooBig: _too_big,
        IntegrityError: _constraint,
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        InternalError: _internal,
        Exception: _crash,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def problem_for_response(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    """Return the problem that stands for an error page of Django's: unknown paths, wrong methods, crashes."""
    match response.status_code:
        case 404:
            problem = Problem(NOT_FOUND, "There is nothing at this path.")
        case 405:
            allow = response["Allow"]
            problem = Problem(
                METHOD_NOT_ALLOWED,
                f"This path takes {allow}, not {request.method}.",
                headers={"Allow": allow},
            )
        case status if status < 500:
            problem = Problem(MALFORMED_REQUEST, "The request cannot be read.")
        case _:
            problem = Problem(INTERNAL_ERROR, "The service failed; the log tells why, under this request_id.")
    return problem.response(request)


def _invalid_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    headers = {"WWW-Authenticate": 'ApiKey realm="goatfish"'}  # RFC 9110, 11.6.1
    return Problem(INVALID_KEY, "X-API-Key header invalid.", headers=headers).response(request)


def _object_not_found(request: HttpRequest, error: ObjectDoesNotExist) -> HttpResponse:
    return Problem(NOT_FOUND, "Object not found.").response(request)


def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return Problem(BODY_TOO_LARGE, str(error)).response(request)


def _constraint(request: HttpRequest, error: IntegrityError) -> HttpResponse:
    check = FieldCheck.violated_by(error)
    if check is None:
        raise error
    return invalid(
        {
            "pointer": f"/{check.field}",
            "detail": str(check.violation_error_message),
            "code": str(check.violation_error_code),
        }
    ).response(request)


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("the database cannot be used: %s", error, exc_info=error)
    headers = {"Retry-After": RETRY_AFTER}
    return Problem(UNAVAILABLE, "The database cannot be reached.", headers=headers).response(request)


def _internal(request: HttpRequest, error: InternalError) -> HttpResponse:
    if getattr(error.__cause__, "sqlstate", None) not in PASSING_STATES:
        raise error
    return _unavailable(request, error)


def _crash(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # Django logs it and tells those who listen; the middleware makes a problem of its page
