"""Problem details for requests that gunicorn itself refuses: malformed HTTP, or a head that is too long."""

from typing import Any
from uuid import uuid4

import orjson

# The `type` and `title` of two entries of api/problems/types.py.
MALFORMED_REQUEST = "/problems/malformed-request", "Malformed request"
INTERNAL_ERROR = "/problems/internal-error", "Internal error"


def write_problem(sock: Any, status: int, reason: str, message: str) -> None:
    """Replace `gunicorn.util.write_error`, which sends HTML. The connection is closed afterwards."""
    uri, title = INTERNAL_ERROR if status == 500 else MALFORMED_REQUEST
    request_id = uuid4()
    problem = {
        "type": uri,
        "title": title,
        "status": status,
        "detail": f"The server cannot read the request: {reason}.",
        "instance": request_id.urn,  # the path may be unknown
        "request_id": request_id.hex,
    }
    body = orjson.dumps(problem)
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"X-Request-ID: {request_id.hex}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    sock.sendall(head.encode() + body)
