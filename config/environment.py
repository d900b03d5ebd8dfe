"""Reading environment variables: each becomes a setting, or an error of one line that says how to fix it."""

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
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

T = TypeVar("T")
D = TypeVar("D")

INVALID = (ValueError, LookupError, TypeError, OSError, ValidationError)  # raised by the parsers below


def setting(name: str, default: D, parse: Callable[[str], T], accepts: str, *, secret: bool = False) -> T | D:
    """Return the parsed value of a variable; an empty one is treated as unset.

    Raises ImproperlyConfigured with the variable, its value unless it may hold a secret, and what it accepts.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except INVALID:
        value = "is invalid" if secret else f"is {text!r}"
        raise ImproperlyConfigured(f"{name} {value}; it must be {accepts}.") from None


def boolean(text: str) -> bool:
    """Parse a truth value."""
    return {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }[text.lower()]


def number(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers in a range."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError("out of range")
        return int(text)

    return parse


def one_of(*values: str) -> Callable[[str], str]:
    """Return a parser that accepts some values."""
    return {value: value for value in values}.__getitem__


def or_off(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """Return a parser that also accepts `off`, for None."""
    return lambda text: None if text == "off" else parse(text)


class Rate(NamedTuple):
    """How many requests are allowed in a window of so many seconds."""

    quota: int
    seconds: int


def rate(text: str) -> Rate:
    """Parse a rate such as `1200/minute`."""
    quota, _, unit = text.partition("/")
    seconds = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}[unit]
    return Rate(number(1, 999_999_999)(quota), seconds)


def host(text: str) -> str:
    """Parse an address, or a name that resolves to one."""
    getaddrinfo(text, None)
    return text


def host_names(text: str) -> list[str]:
    """Parse names separated by commas, in the forms that ALLOWED_HOSTS accepts."""
    names = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", name) for name in names):
        raise ValueError("not a host name")
    return names


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Parse addresses and networks separated by commas, or `none`."""
    return [] if text == "none" else [ip_network(part.strip()) for part in text.split(",")]


def email(text: str) -> str:
    """Parse an email address."""
    validate_email(text)
    return text


def bearer_token(text: str) -> str:
    """Parse a token that a client can send in a header."""
    if not re.fullmatch("[!-~]{1,1000}", text):
        raise ValueError("not printable ASCII")
    return text


def redis_url(text: str) -> str:
    """Parse a URL that redis-py accepts."""
    from redis import ConnectionPool, RedisError  # takes 0.2 s

    parts = urlsplit(text)
    network = parts.hostname and re.fullmatch("(/[0-9]{0,4})?", parts.path)
    if not (parts.path if parts.scheme == "unix" else network):
        raise ValueError("no file, no host, or no database number")
    try:
        ConnectionPool.from_url(text).make_connection()  # validates all parts, and does not connect
    except RedisError as error:
        raise ValueError("rejected by redis-py") from error
    return text


def cache(url: str) -> dict[str, Any]:
    """Return an entry of Django's CACHES: in Redis if there is a URL, else in the memory of each process."""
    if not url:
        options = {"MAX_ENTRIES": 100_000}  # counters of requests; a third are dropped when there are more
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": options}
    seconds = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url, "OPTIONS": seconds}


def mail_server(text: str) -> dict[str, Any]:
    """Parse a mail server's URL into arguments of Django's SMTP backend."""
    parts = urlsplit(text)
    port = parts.port or {"smtp": 25, "submission": 587, "smtps": 465}[parts.scheme]
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("no host, or more than a host")
    return {
        "host": parts.hostname,
        "port": port,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "submission",  # STARTTLS
        "use_ssl": parts.scheme == "smtps",
        "timeout": 10,  # seconds; the user waits meanwhile
    }


def mail(server: dict[str, Any], version: tuple[Any, ...] = VERSION) -> dict[str, Any]:
    """Return Django's mail settings: for a server, or for the console if there is none.

    Django 6.1 replaces the EMAIL_… settings with MAILERS, and rejects the old names.
    """
    backend = f"django.core.mail.backends.{'smtp' if server else 'console'}.EmailBackend"
    if version >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": server}}}
    before = {"username": "host_user", "password": "host_password"}
    named = {f"EMAIL_{before.get(name, name)}".upper(): value for name, value in server.items()}
    return {"EMAIL_BACKEND": backend, **named}


def stored_secret(file: Path) -> str:
    """Return the secret in a file that only its owner can read; create it if it is missing.

    A temporary file is linked into place, so that two processes that start at once read the same secret.
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
            f"SECRET_KEY is not set, and {file} cannot be created or read; set SECRET_KEY, or fix the file."
        ) from None
