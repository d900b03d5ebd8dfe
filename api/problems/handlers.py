"""Exception handlers of ninja's: each exception of an operation becomes a problem."""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from api.limits import spend_address
from api.problems import types
from api.problems.problem import FieldError, Problem, invalid, problem_for_status, too_large
from api.problems.types import ProblemType
from api.problems.validation import place
from owned.constraints import violated_by
from owned.models import VersionConflict

RETRY_AFTER = "5"  # seconds until a client tries an unavailable database again
# PostgreSQL's "invalid transaction state" codes that a retry fixes: a standby refuses a write, or the server
# ended a transaction that took too long.
PASSING_STATES = frozenset({"25006", "25P03", "25P04"})

logger = logging.getLogger(__name__)


def install_handlers(api: NinjaAPI) -> None:
    """Make the API respond to each exception with a problem."""
    handlers: dict[type[Exception], Any] = {
        Problem: lambda request, error: error.response(request),
        ValidationError: lambda request, error: invalid(*error.errors).response(request),
        ModelError: _invalid_model,
        AuthenticationError: _invalid_key,
        Throttled: _throttled,
        HttpError: _http_error,
        PermissionDenied: _problem(types.FORBIDDEN, "This operation is not allowed."),
        ObjectDoesNotExist: _problem(types.NOT_FOUND, "Object not found."),
        Http404: _problem(types.NOT_FOUND, "Object not found."),
        RequestDataTooBig: _too_large,
        UnreadablePostError: _problem(types.MALFORMED_REQUEST, "The body ended before all of it arrived."),
        SuspiciousOperation: _problem(types.MALFORMED_REQUEST, "The request is malformed."),
        VersionConflict: _version_conflict,
        IntegrityError: _constraint,
        DataError: _data_error,
        RecursionError: _problem(types.MALFORMED_REQUEST, "The body is nested too deeply."),
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        InternalError: _internal,
        Exception: _crash,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def _problem(type: ProblemType, detail: str) -> Any:
    return lambda request, error: Problem(type, detail).response(request)


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return too_large(settings.DATA_UPLOAD_MAX_MEMORY_SIZE).response(request)


def _invalid_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    try:
        spend_address(request)
    except Problem as limited:
        return limited.response(request)
    headers = {"WWW-Authenticate": 'ApiKey realm="goatfish"'}  # RFC 9110, 11.6.1
    return Problem(types.INVALID_KEY, "X-API-Key header invalid.", headers=headers).response(request)


def _throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    return Problem(types.RATE_LIMITED, error.message).response(request)  # ninja adds Retry-After


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Problem):  # raised by our parser, wrapped by ninja
        return error.__cause__.response(request)
    return problem_for_status(request, error.status_code, error.message)


def _invalid_model(request: HttpRequest, error: ModelError) -> HttpResponse:
    errors: list[FieldError] = []
    by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    for name, found in by_field.items():
        at = place("body", [] if name == NON_FIELD_ERRORS else [name])
        errors += [{**at, "detail": "; ".join(e.messages), "code": str(e.code or "invalid")} for e in found]
    return invalid(*errors).response(request)


def _version_conflict(request: HttpRequest, error: VersionConflict) -> HttpResponse:
    type = types.PRECONDITION_FAILED if "HTTP_IF_MATCH" in request.META else types.CONFLICT
    return Problem(type, "Another request changed the object at the same time.").response(request)


def _constraint(request: HttpRequest, error: IntegrityError) -> HttpResponse:
    violation = violated_by(error)
    if violation is None:
        raise error
    if violation.unique:
        return Problem(types.CONFLICT, violation.message).response(request)
    at = place("body", [violation.field] if violation.field else [])
    return invalid({**at, "detail": violation.message, "code": violation.code}).response(request)


def _data_error(request: HttpRequest, error: DataError) -> HttpResponse:
    if not str(getattr(error.__cause__, "sqlstate", None) or "").startswith("22"):
        raise error  # not of the values that were sent
    detail = "contains a value that the database cannot store: too long, too large or too precise"
    return invalid({"pointer": "", "detail": detail, "code": "invalid_value"}).response(request)


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("the database is unavailable: %s", error, exc_info=error)
    headers = {"Retry-After": RETRY_AFTER}
    return Problem(types.UNAVAILABLE, "The database cannot be reached.", headers=headers).response(request)


def _internal(request: HttpRequest, error: InternalError) -> HttpResponse:
    if getattr(error.__cause__, "sqlstate", None) not in PASSING_STATES:
        raise error
    return _unavailable(request, error)


def _crash(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # Django logs it, and calls handler500
