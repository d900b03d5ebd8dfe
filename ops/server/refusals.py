"""What gunicorn answers by itself, to requests that are no HTTP or too long: a problem, not HTML."""

import os
from typing import Any

import orjson
from gunicorn import util

# No module that needs Django: gunicorn's master loads this, and has no settings.
from api.problems.types import INTERNAL_ERROR, MALFORMED_REQUEST


def write_problem(sock: Any, status: int, reason: str, message: str) -> None:
    """Do what `gunicorn.util.write_error` does; the path may not even be known, and the connection ends."""
    type, request_id = INTERNAL_ERROR if status == 500 else MALFORMED_REQUEST, os.urandom(16).hex()
    body = orjson.dumps(
        {
            "type": type.uri,
            "title": type.title,
            "status": status,
            "detail": f"The server cannot read the request: {reason}.",
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + body)
