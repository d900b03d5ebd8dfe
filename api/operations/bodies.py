"""Bodies as the server hands them over: chunked ones, and what is left of those that are refused."""

from contextlib import suppress
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest

from api.problems.problem import Problem, too_large
from api.problems.types import MALFORMED_REQUEST

DRAINED_AT_ONCE = 2**16


def read_chunked(request: HttpRequest) -> None:
    """Read a body that came without `Content-Length`, which Django would take for empty.

    Raises Problem: 413 once it is larger than any operation accepts, 400 if it is malformed or incomplete.
    """
    stream = request.META.get("wsgi.input", request._stream)  # under ASGI, Django has read it to a file
    is_whole = request.META.get("wsgi.input_terminated", "wsgi.input" not in request.META)
    if not is_whole:
        return
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        body = stream.read(limit + 1)
    except Exception:  # each server has its own errors for this
        detail = "The chunked body is malformed or incomplete."
        raise Problem(MALFORMED_REQUEST, detail) from None
    if len(body) > limit:
        raise too_large(limit)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def drain(request: HttpRequest) -> None:
    """Read and drop what is left of a refused body, within bounds.

    gunicorn closes a connection with more than 64 KiB unread, after a response that promised to keep it open;
    the client's next request would then be lost.
    """
    if request.META.get("wsgi.input_terminated"):
        with suppress(Exception):  # malformed or cut off: gunicorn closes the connection
            for _ in range(2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE // DRAINED_AT_ONCE):
                if not request.META["wsgi.input"].read(DRAINED_AT_ONCE):
                    return
