"""Problem details (RFC 9457): the errors of the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from api.problems import types
from api.problems.types import ProblemType

PROBLEM_JSON = "application/problem+json"
LISTED_ERRORS = 100

FieldError = dict[str, str]
"""Where (`pointer`, `parameter` or `header`), `detail` and `code`: one entry of `errors`."""


@dataclass
class Problem(Exception):  # noqa: N818 (RFC 9457's word)
    """An error response, raised wherever the error is found."""

    type: ProblemType
    detail: str
    errors: Iterable[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request: HttpRequest) -> HttpResponse:
        """Return the problem as a response."""
        type = self.type
        return problem_response(
            request, type.uri, type.title, type.status, self.detail, list(self.errors), self.headers
        )


def problem_response(
    request: HttpRequest,
    type: str,
    title: str,
    status: int,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return problem details; `errors` is left out where it is empty."""
    body: dict[str, Any] = {
        "type": type,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "request_id": request.request_id,  # type: ignore[attr-defined]
    }
    if errors:
        body["errors"] = errors
    return HttpResponse(orjson.dumps(body), status=status, content_type=PROBLEM_JSON, headers=headers)


def problem_for_status(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """Return the problem of a status that an operation, Django or a library chose.

    A status without a page of ours has the type `about:blank` and its standard title (RFC 9457, 4.2.1).
    """
    if type := types.BY_STATUS.get(status):
        return Problem(type, detail or type.cause).response(request)
    try:
        title = HTTPStatus(status).phrase
    except ValueError:  # a status that nobody has registered
        title = "Error"
    return problem_response(request, "about:blank", title, status, detail or f"{title}.")


def too_large(limit: int) -> Problem:
    """Return the problem of a body over a limit in bytes."""
    return Problem(types.BODY_TOO_LARGE, f"The body must not be larger than {limit} bytes.")


def invalid(*errors: FieldError) -> Problem:
    """Return the problem of invalid values; the first hundred are listed."""
    count = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
    listed = f"; the first {LISTED_ERRORS} are listed" if len(errors) > LISTED_ERRORS else ""
    return Problem(types.VALIDATION_ERROR, f"{count} invalid{listed}.", errors[:LISTED_ERRORS])


def unreadable_header(header: str, detail: str, code: str) -> Problem:
    """Return the problem of an invalid header."""
    return Problem(
        types.MALFORMED_REQUEST,
        f"The {header} header is invalid.",
        [{"header": header, "detail": detail, "code": code}],
    )
