"""Deployment checks: what an operator should fix before others use the service.

`manage.py check --deploy` runs them; `--database default` adds those that query the database.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError, connections
from django.utils import timezone

from ops.health import migrations_are_missing
from ops.models import Backup

MOUNTS = Path("/proc/self/mounts")
SHARED = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|gpfs|ocfs2|gfs2|glusterfs|beegfs|fuse\.(?!portal).*"
)
BACKUP_AGE = timedelta(days=7)
CLOCK = timedelta(seconds=2)
NEW_SECRET = "Generate one with python3 -c 'import secrets; print(secrets.token_urlsafe(48))'."  # noqa: S105


@register(Tags.security, deploy=True)
def check_proxies(**kwargs: Any) -> list[CheckMessage]:
    """Warn if clients may be trusted as proxies, and so can choose the address that is rate-limited."""
    networks: Iterable[IPv4Network | IPv6Network] = getattr(settings, "TRUSTED_PROXIES", ())
    return [
        checks.Warning(
            f"TRUSTED_PROXIES contains {network}, which is too broad: every client in it can pretend to have "
            "any address, and so avoid rate limits.",
            hint="Set TRUSTED_PROXIES to the addresses of the proxies, such as 10.0.0.5/32.",
            id="ops.W001",
        )
        for network in networks
        if not network.is_private and network.prefixlen < (8 if network.version == 4 else 16)
    ]


@register(Tags.security, deploy=True)
def check_hosts(**kwargs: Any) -> list[CheckMessage]:
    """Warn if ALLOWED_HOSTS allows every name, or none that other machines use."""
    names = set(settings.ALLOWED_HOSTS)
    if "*" in names:
        fault = "allows every name, so an attacker can choose the name in the links of emails"
    elif settings.SECURE_SSL_REDIRECT and names <= {"localhost", "127.0.0.1", "[::1]"}:
        fault = "allows only local names, so requests from other machines are rejected"
    else:
        return []
    hint = "Set ALLOWED_HOSTS to the names of the service, such as goatfish.example.org."
    return [checks.Warning(f"ALLOWED_HOSTS {fault}.", hint=hint, id="ops.W008")]


@register(Tags.security, deploy=True)
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """Warn about secrets that can be guessed or are shared; Django itself checks SECRET_KEY."""
    token = getattr(settings, "METRICS_TOKEN", "")
    messages = [message for entry in settings.DATABASES.values() for message in check_password(entry)]
    if token and token == settings.SECRET_KEY:
        fault = "equals SECRET_KEY, so everyone who may read the metrics knows it"
    elif token and (len(token) < 16 or len(set(token)) < 8):
        fault = "must have at least 16 characters, and 8 different ones"
    else:
        return messages
    return [*messages, checks.Warning(f"METRICS_TOKEN {fault}.", hint=NEW_SECRET, id="ops.W002")]


def check_password(entry: dict[str, Any]) -> list[CheckMessage]:
    """Warn if the password of an entry of DATABASES is easy to guess; it may have none."""
    password = str(entry.get("PASSWORD") or "")
    if not password or password not in {entry.get("USER"), entry.get("NAME"), settings.SECRET_KEY}:
        return []
    return [
        checks.Warning(
            "The password in DATABASE_URL equals the name of the user or of the database, or SECRET_KEY.",
            hint=f"Change it with ALTER ROLE … PASSWORD '…'. {NEW_SECRET}",
            id="ops.W003",
        )
    ]


@register(Tags.security, deploy=True)
def check_sqlite(**kwargs: Any) -> list[CheckMessage]:
    """Warn if a SQLite file is on a network, where its locks and shared memory do not work."""
    mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
    files = [Path(entry["NAME"]) for entry in settings.DATABASES.values() if settings.ON_SQLITE]
    return [message for file in files for message in check_mount(file.resolve(), mounts)]


def check_mount(file: Path, mounts: str) -> list[CheckMessage]:
    """Warn if a file is on a network file system, by a table in the format of /proc/mounts."""
    kind = file_system_of(file, mounts)
    if not SHARED.fullmatch(kind):
        return []
    return [
        checks.Warning(
            f"{file} is on a network file system ({kind}), where SQLite loses data.",
            hint="Set DATABASE_URL to a file on a local disk, or to PostgreSQL.",
            id="ops.W004",
        )
    ]


def file_system_of(file: Path, mounts: str) -> str:
    """Return the type of a file's file system, or an empty string if the table has none."""
    found = (-1, "")
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place))
        if (
            file.is_relative_to(folder) and len(folder.parts) >= found[0]
        ):  # the last mount covers earlier ones
            found = (len(folder.parts), kind)
    return found[1]


@register(Tags.database, deploy=True)
def check_databases(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the databases that `--database` names."""
    return [message for using in databases or () for message in check_database(using)]


def check_database(using: str) -> list[CheckMessage]:
    """Check migrations, backups and the clock."""
    try:
        if migrations_are_missing(using):
            return [
                checks.Error("The database lacks migrations.", hint="Run manage.py migrate.", id="ops.E001")
            ]
        return [*is_backed_up(using), *check_clock(using)]
    except DatabaseError:
        said = "The database does not respond, so its migrations, backups and clock were not checked."
        return [checks.Warning(said, hint="Check DATABASE_URL, and whether the server runs.", id="ops.W005")]


def is_backed_up(using: str) -> list[CheckMessage]:
    """Warn if no backup was taken in the last week, on any machine."""
    last = Backup.objects.using(using).order_by("-taken_at").first()
    if last and last.taken_at > timezone.now() - BACKUP_AGE:
        return []
    said = f"The last backup was taken on {last.taken_at:%Y-%m-%d}" if last else "No backup has been taken"
    hint = "Run manage.py backup FILE every night (docs/backups.md)."
    return [checks.Warning(f"{said}.", hint=hint, id="ops.W006")]


def check_clock(using: str, clock: Any = timezone.now) -> list[CheckMessage]:
    """Warn if the clocks of this machine and of PostgreSQL differ."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return []
    before: datetime = clock()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    if before - CLOCK <= there <= clock() + CLOCK:
        return []
    seconds = abs(there - before).total_seconds()
    said = f"The clocks of this machine and of the database differ by {seconds:.0f} s"
    return [
        checks.Warning(
            f"{said}, so keys expire too early or too late.",
            hint="Run an NTP client on both (timedatectl set-ntp true).",
            id="ops.W007",
        )
    ]
