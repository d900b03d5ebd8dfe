"""CPU per request in one process, called as a server calls it but without one.

    createdb -h 127.0.0.1 -U postgres cpu
    export DATABASE_URL=postgres://postgres@127.0.0.1/cpu SECRET_KEY=x
    .venv/bin/python benchmarks/cpu.py [CHECKOUT]

With the path of another checkout, for instance a `git worktree` of an earlier commit, it measures that one:
run both in turn, each on its own database. It prints microseconds of CPU (user and system), the best of nine
rounds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

ROUNDS = 9
BODY = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}


Call = Callable[..., bytes]


def main() -> None:
    """Measure a checkout."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    os.chdir(checkout)
    sys.path[0] = str(checkout)
    sys.argv = ["gunicorn"]  # the settings of the service, not those of manage.py
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["RATE_LIMIT"] = "900000000/minute"  # counted, and never reached
    sys.stdout.write(f"{json.dumps(measure(service()))}\n")


def service() -> Call:
    """Return what sends a request to the service: a method, a path below the simulations, and a body."""
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from accounts.models import ApiKey, User

    user, _ = User.objects.get_or_create(username="cpu")
    _, key = ApiKey.issue(user, name="cpu")

    def call(method: str, path: str, body: bytes = b"") -> bytes:
        status: list[str] = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/api/simulations{path}",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_X_API_KEY": key,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
        }
        start: Any = lambda line, *_: status.append(line)  # noqa: E731
        response: Any = application(environ, start)
        content = b"".join(response)
        response.close()
        assert status[0].startswith("2"), (status, content)
        return content

    return call


def measure(call: Call) -> dict[str, int]:
    """Return the microseconds of each kind of request."""
    from django.db import connection

    one = json.dumps(BODY).encode()
    many = json.dumps({"items": [BODY] * 1000}).encode()
    ids = cycle([json.loads(call("POST", "", one))["id"] for _ in range(150)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {
        "get": microseconds(lambda: call("GET", f"/{next(ids)}"), 400),
        "list of 100": microseconds(lambda: call("GET", ""), 150),
        "create": microseconds(lambda: call("POST", "", one), 200),
        "replace": microseconds(lambda: call("PUT", f"/{next(ids)}", one), 200),
        "bulk of 1,000": microseconds(lambda: call("POST", "/bulk", many), 5),
    }


def microseconds(act: Callable[[], object], times: int) -> int:
    """Return the CPU of one call, at best."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(times):
            act()
        best = min(best, (time.process_time() - begun) / times)
    return round(best * 1e6)


if __name__ == "__main__":
    main()
