"""Strict reading of a request's body, whatever its format."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from api.problems.problem import Problem
from api.problems.types import BODY_TOO_LARGE, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

MEBIBYTE = 2**20
DRAINED_AT_ONCE = 2**16


@dataclass(frozen=True)
class BodyReader:
    """Reads the bodies that one operation takes: by media type what parses the text, and how many bytes."""

    parsers: Mapping[str, Callable[[str], Any]]
    limit: int = MEBIBYTE

    def read(self, request: HttpRequest) -> Any:
        """Return the parsed body.

        Raises a problem: 413 for one that is too long, 400 for none, for a part and for one that cannot be
        parsed, 415 for another media type, or another encoding than UTF-8.
        """
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > self.limit:
            raise Problem(BODY_TOO_LARGE, f"The body is over {self.limit} bytes; send less at a time.")
        try:
            complete = len(request.body) == length
        except UnreadablePostError:
            complete = False
        if not complete:  # lines that were cut off at the end of one look like all of them
            raise Problem(MALFORMED_REQUEST, f"The body ended before its {length} bytes had come.")
        if not request.body:
            raise Problem(MALFORMED_REQUEST, "The request has no body, and this operation needs one.")
        charset = (request.content_params or {}).get("charset", "utf-8")
        parse = self.parsers.get(request.content_type or "")
        if parse is None or charset.lower() != "utf-8":
            takes = " or ".join(self.parsers)
            raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send the body as {takes}, in UTF-8.")
        try:
            text = request.body.decode()
        except UnicodeDecodeError as error:
            raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Byte {error.start} of the body is not UTF-8.") from None
        return parse(text)


def read_chunked(request: HttpRequest) -> None:
    """Take in a body that came without `Content-Length`, which Django would pass over as empty.

    Raises a problem: 413 once it is longer than any operation takes, 400 if it is broken, or breaks off.
    """
    if "HTTP_TRANSFER_ENCODING" not in request.META or not request.META.get("wsgi.input_terminated"):
        return
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        body = request.META["wsgi.input"].read(limit + 1)
    except Exception:  # each server has errors of its own for it
        detail = "The body's chunks cannot be read, or end before the last one."
        raise Problem(MALFORMED_REQUEST, detail) from None
    if len(body) > limit:
        raise Problem(BODY_TOO_LARGE, f"The body is over {limit} bytes; send less at a time.")
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def drain(request: HttpRequest) -> None:
    """Read what is left of a body that was refused, within bounds, and throw it away.

    gunicorn closes a connection with more than 64 KiB unread, after an answer that told the client to keep
    it; the client's next request would then be lost.
    """
    if request.META.get("wsgi.input_terminated"):
        with suppress(Exception):  # broken, or cut off: gunicorn closes the connection by itself
            for _ in range(2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE // DRAINED_AT_ONCE):
                if not request.META["wsgi.input"].read(DRAINED_AT_ONCE):
                    return


def parse_json(text: str) -> Any:
    """Return the value of a JSON text. Raises a 400 problem, for `NaN` and a byte order mark too."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Problem(MALFORMED_REQUEST, f"The body is not JSON: {error.msg}, {place}.") from None
    except (RecursionError, ValueError) as error:
        raise Problem(MALFORMED_REQUEST, f"The body is not JSON that can be read: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
