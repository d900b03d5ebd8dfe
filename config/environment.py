"""How one environment variable becomes a setting, or one line that says how to mend it."""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from socket import getaddrinfo
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from django import VERSION
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

Network = IPv4Network | IPv6Network
T = TypeVar("T")
D = TypeVar("D")


def setting(read: Callable[[str], T], name: str, default: D, takes: str) -> T | D:
    """Read a variable; an empty one counts as not set, as compose files and systemd units leave them.

    Raises ImproperlyConfigured, in one line: the variable, what it holds, what it takes.
    """
    if not os.environ.get(name):
        return default
    try:
        return read(name)
    except EnvError:
        raise ImproperlyConfigured(f"{name} is {os.environ[name]!r}; it takes {takes}.") from None


def redis_url(url: str) -> str:
    """Return a `REDIS_URL` that redis-py can read. The error does not repeat it: it may hold a password."""
    if not url:
        return url
    from redis import ConnectionPool, RedisError  # 0.2 s of a start, for those that have one

    try:
        parts = urlsplit(url)
        network = parts.hostname and re.fullmatch("(/[0-9]{0,4})?", parts.path)
        if not (parts.path if parts.scheme == "unix" else network):
            raise ValueError("no file, no host, or no number of a database")
        ConnectionPool.from_url(url).make_connection()  # which connects to nothing, but looks at all parts
    except (RedisError, TypeError, ValueError):
        raise ImproperlyConfigured(
            "REDIS_URL cannot be read; it takes redis://:PASSWORD@HOST:PORT/NUMBER, percent-encoded where a "
            "part holds a sign of its own."
        ) from None
    return url


def cache(url: str) -> dict[str, Any]:
    """Return the entry of Django's CACHES for a `REDIS_URL`; without one it is in each process's memory."""
    if not url:
        options = {"MAX_ENTRIES": 100_000}  # each a counter; past that, a third are thrown away
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": options}
    seconds = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url, "OPTIONS": seconds}


def bearer_token(token: str) -> str:
    """Return a token that a client can send in a header. The error does not repeat it."""
    if not re.fullmatch("[!-~]{0,1000}", token):
        raise ImproperlyConfigured(
            "METRICS_TOKEN cannot be read; it takes up to 1000 ASCII characters without spaces."
        )
    return token


def mail(url: str, version: tuple[Any, ...] = VERSION) -> dict[str, Any]:
    """Return Django's settings for mail: to the server of an `EMAIL_URL`, or to the console without one.

    Django 6.1 has them in MAILERS, and takes none of the names that it had before.
    """
    backend = f"django.core.mail.backends.{'smtp' if url else 'console'}.EmailBackend"
    options = mail_server(url) if url else {}
    if version >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}
    before = {"username": "host_user", "password": "host_password"}
    named = {f"EMAIL_{before.get(name, name)}".upper(): value for name, value in options.items()}
    return {"EMAIL_BACKEND": backend, **named}


def mail_server(url: str) -> dict[str, Any]:
    """Turn an `EMAIL_URL` into arguments of Django's SMTP backend. The error repeats nothing of it."""
    ports = {"smtp": 25, "submission": 587, "smtps": 465}
    try:
        parts = urlsplit(url)
        port = parts.port or ports[parts.scheme]
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("no host, or more than a host")
    except (KeyError, ValueError):
        raise ImproperlyConfigured(
            "EMAIL_URL cannot be read; it takes smtp://USER:PASSWORD@HOST:PORT, submission:// for STARTTLS "
            "or smtps:// for TLS, percent-encoded where a part holds a sign of its own."
        ) from None
    return {
        "host": parts.hostname,
        "port": port,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "submission",  # encrypted after a plain beginning
        "use_ssl": parts.scheme == "smtps",  # encrypted from the beginning
        "timeout": 10,  # seconds that whoever asked for a mail waits
    }


class Rate(NamedTuple):
    """How many requests are taken in a window of so many seconds."""

    quota: int
    seconds: int


def read_rate(name: str) -> Rate | None:
    """Read a variable as `1200/minute`; `off` is None. Raises EnvError, which `setting` explains."""
    text = os.environ[name]
    if text == "off":
        return None
    quota, _, unit = text.partition("/")
    seconds = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}.get(unit)
    if seconds is None or not re.fullmatch("[1-9][0-9]{0,8}", quota):
        raise EnvError(text)
    return Rate(int(quota), seconds)


def read_seconds(name: str) -> int | None:
    """Read a variable as a number of seconds, a day at most; `off` is None. Raises EnvError."""
    text = os.environ[name]
    if text == "off":
        return None
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > 86_400:
        raise EnvError(text)
    return int(text)


def read_host(name: str) -> str:
    """Read a variable as an address, or a name that has one here. Raises EnvError."""
    text = os.environ[name]
    try:
        getaddrinfo(text, None)
    except (OSError, UnicodeError) as error:
        raise EnvError(text) from error
    return text


def read_names(name: str) -> list[str]:
    """Read a variable as names of hosts, separated by commas, as ALLOWED_HOSTS has them. Raises EnvError."""
    names = [part.strip() for part in os.environ[name].split(",")]
    if not all(re.fullmatch(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", part) for part in names):
        raise EnvError(names)
    return names


def read_networks(name: str) -> list[Network]:
    """Read a variable as addresses and networks, separated by commas; `none` is none. Raises EnvError."""
    text = os.environ[name]
    try:
        return [] if text == "none" else [ip_network(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise EnvError(text) from error


def kept_secret(file: Path) -> str:
    """Return the secret in `file`, made on the first call; only its owner can read it.

    Written aside and linked into place, so that of two processes that start at once both read the same.
    Raises ImproperlyConfigured, in one line.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            draft = file.with_name(f"{file.name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            with suppress(FileExistsError):
                file.hardlink_to(draft)
            draft.unlink()
        return file.read_text()
    except (OSError, UnicodeError):
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and {file} cannot be made or read; set the one, or mend the other."
        ) from None
