"""The contenders, and how each is started: with two worker processes, as its documentation recommends."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fill import ROOT, service_environment

PEERS = ROOT / ".venv-bench/bin"
HERE = ROOT / "benchmarks"
WORKERS = "2"


@dataclass(frozen=True)
class Contender:
    """A server and how to start it on a port."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    environment: Callable[[str, int], dict[str, str]]
    folder: Path = HERE


def goatfish_environment(database: str, port: int) -> dict[str, str]:
    """Return Goatfish's environment. Its rate limit is counted, but too high to be reached."""
    return service_environment(
        database, PORT=str(port), WEB_CONCURRENCY=WORKERS, RATE_LIMIT="999999999/minute"
    )


def peer_environment(database: str, port: int) -> dict[str, str]:
    """Return the environment of a peer."""
    return {"PATH": str(PEERS), "DATABASE_URL": database}


def gunicorn(module: str) -> Callable[[int], list[str]]:
    """Return the command for a WSGI peer: Goatfish's gunicorn.conf.py, without the access log."""
    options = ["--workers", WORKERS, "--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"]
    options += ["--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
    return lambda port: [
        f"{PEERS}/gunicorn",
        f"peers.{module}:application",
        "--bind",
        f"127.0.0.1:{port}",
        *options,
    ]


def uvicorn(module: str) -> Callable[[int], list[str]]:
    """Return the command for an ASGI peer: uvloop and httptools, without the access log."""
    options = ["--workers", WORKERS, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    return lambda port: [f"{PEERS}/uvicorn", f"peers.{module}:app", "--port", str(port), *options]


CONTENDERS = [
    Contender(
        "goatfish", "Goatfish", lambda port: [f"{ROOT}/.venv/bin/gunicorn"], goatfish_environment, ROOT
    ),
    Contender("fastapi-django", "FastAPI, Django ORM", uvicorn("fastapi_django"), peer_environment),
    Contender(
        "fastapi-sqlalchemy", "FastAPI, SQLAlchemy, asyncpg", uvicorn("fastapi_sqlalchemy"), peer_environment
    ),
    Contender(
        "litestar", "Litestar, SQLAlchemy, asyncpg, msgspec", uvicorn("litestar_sqlalchemy"), peer_environment
    ),
    Contender("drf", "Django REST Framework", gunicorn("drf"), peer_environment),
    Contender("ninja", "stock django-ninja", gunicorn("ninja_stock"), peer_environment),
    Contender("limit", "the limit: WSGI, psycopg, orjson", gunicorn("limit"), peer_environment),
]
