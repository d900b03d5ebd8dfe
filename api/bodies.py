"""Strict reading of a request's body."""

import json
from io import BytesIO
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest

from api.problem_types import BODY_TOO_LARGE, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE
from api.problems import Problem

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396


def read_chunked(request: HttpRequest) -> None:
    """Take in a body that came without `Content-Length`, which Django would pass over as empty.

    Raises a 413 problem once it is longer than any operation takes.
    """
    if "HTTP_TRANSFER_ENCODING" not in request.META or not request.META.get("wsgi.input_terminated"):
        return
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request.META["wsgi.input"].read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def check_body(request: HttpRequest, media_types: tuple[str, ...]) -> None:
    """Raise a problem for what need not be parsed: 400 without a body, 415 for another type or encoding."""
    if not request.body:
        raise Problem(MALFORMED_REQUEST, "The request has no body; send a JSON object.")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type not in media_types or charset.lower() != "utf-8":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send the body as {' or '.join(media_types)}, in UTF-8.")


def read_json(body: bytes) -> Any:
    """Return the parsed body of a request.

    Raises a problem: 415 for another encoding than UTF-8, 400 for a byte order mark or malformed JSON,
    `NaN` and `Infinity` included.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Byte {error.start} of the body is not UTF-8.") from None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Problem(
            MALFORMED_REQUEST, f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}."
        ) from None
    except (RecursionError, ValueError) as error:
        raise Problem(MALFORMED_REQUEST, f"The body is not JSON that can be read: {error}.") from None


def too_large(limit: int) -> Problem:
    """Return the problem of a body over `limit` bytes."""
    return Problem(BODY_TOO_LARGE, f"The body is over {limit} bytes; send less at a time.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
