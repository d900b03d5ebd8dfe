"""What an operator should mend before others use the service.

`manage.py check --deploy` tells, and with `--database default` what takes a look at the database.
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
NEW_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' makes one."  # noqa: S105


@register(Tags.security, deploy=True)
def proxies_are_few(**kwargs: Any) -> list[CheckMessage]:
    """Tell when any client may say which address it comes from, and so be counted as somebody else."""
    networks: Iterable[IPv4Network | IPv6Network] = getattr(settings, "TRUSTED_PROXIES", ())
    return [
        checks.Warning(
            f"TRUSTED_PROXIES trusts {network}, more than anybody has proxies: whoever is in it can pass "
            "for any address, and past the limits.",
            hint="Set TRUSTED_PROXIES to the addresses of the proxies, as 10.0.0.5/32.",
            id="ops.W001",
        )
        for network in networks
        if not network.is_private and network.prefixlen < (8 if network.version == 4 else 16)
    ]


@register(Tags.security, deploy=True)
def hosts_are_named(**kwargs: Any) -> list[CheckMessage]:
    """Tell when any name is taken, or none by which a client comes from elsewhere."""
    names = set(settings.ALLOWED_HOSTS)
    if "*" in names:
        fault = "takes any name, and the links in mails carry the one that somebody else sent"
    elif settings.SECURE_SSL_REDIRECT and names <= {"localhost", "127.0.0.1", "[::1]"}:
        fault = "names this machine alone, so that who comes by another name is refused"
    else:
        return []
    hint = "Set ALLOWED_HOSTS to the names of the service, as goatfish.example.org."
    return [checks.Warning(f"ALLOWED_HOSTS {fault}.", hint=hint, id="ops.W008")]


@register(Tags.security, deploy=True)
def secrets_are_secret(**kwargs: Any) -> list[CheckMessage]:
    """Tell of secrets that can be guessed, or are shared; Django looks at SECRET_KEY itself."""
    token = getattr(settings, "METRICS_TOKEN", "")
    messages = [message for entry in settings.DATABASES.values() for message in password_is_secret(entry)]
    if token and token == settings.SECRET_KEY:
        fault = "is the SECRET_KEY as well, which whoever reads the metrics thus knows"
    elif token and (len(token) < 16 or len(set(token)) < 8):
        fault = "has fewer than 16 characters, or 8 different ones"
    else:
        return messages
    return [*messages, checks.Warning(f"METRICS_TOKEN {fault}.", hint=NEW_SECRET, id="ops.W002")]


def password_is_secret(entry: dict[str, Any]) -> list[CheckMessage]:
    """Look at the password of an entry of DATABASES; a database that asks for none is another matter."""
    password = str(entry.get("PASSWORD") or "")
    if not password or password not in {entry.get("USER"), entry.get("NAME"), settings.SECRET_KEY}:
        return []
    return [
        checks.Warning(
            "The password in DATABASE_URL is the name of the user or of the database, or the SECRET_KEY.",
            hint=f"ALTER ROLE … PASSWORD '…' sets another; {NEW_SECRET}",
            id="ops.W003",
        )
    ]


@register(Tags.security, deploy=True)
def sqlite_is_local(**kwargs: Any) -> list[CheckMessage]:
    """Tell when SQLite's locks and shared memory, which hold on one machine alone, are on a network."""
    mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
    files = [Path(entry["NAME"]) for entry in settings.DATABASES.values() if settings.ON_SQLITE]
    return [message for file in files for message in is_local(file.resolve(), mounts)]


def is_local(file: Path, mounts: str) -> list[CheckMessage]:
    """Look at the kind of the file system that a file is on."""
    kind = file_system_of(file, mounts)
    if not SHARED.fullmatch(kind):
        return []
    return [
        checks.Warning(
            f"{file} is on a file system of the kind {kind}, where SQLite loses data.",
            hint="Set DATABASE_URL to a file on a disk of this machine, or to PostgreSQL.",
            id="ops.W004",
        )
    ]


def file_system_of(file: Path, mounts: str) -> str:
    """Return the kind of a file's file system, by a table as that of /proc/mounts; empty if it has none."""
    found = (-1, "")
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place))
        if file.is_relative_to(folder) and len(folder.parts) >= found[0]:  # a later one lies over an earlier
            found = (len(folder.parts), kind)
    return found[1]


@register(Tags.database, deploy=True)
def database_is_looked_after(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at the databases that `--database` names."""
    return [message for using in databases or () for message in is_looked_after(using)]


def is_looked_after(using: str) -> list[CheckMessage]:
    """Tell of migrations, backups and the clock."""
    try:
        if migrations_are_missing(using):
            return [
                checks.Error("The database lacks migrations.", hint="Run manage.py migrate.", id="ops.E001")
            ]
        return [*is_backed_up(using), *clocks_agree(using)]
    except DatabaseError:
        said = "The database does not answer, so that its migrations, backups and clock were not looked at."
        return [
            checks.Warning(said, hint="Look at DATABASE_URL, and whether the server runs.", id="ops.W005")
        ]


def is_backed_up(using: str) -> list[CheckMessage]:
    """Warn if no backup was taken in the last week, on any machine."""
    last = Backup.objects.using(using).order_by("-taken_at").first()
    if last and last.taken_at > timezone.now() - BACKUP_AGE:
        return []
    said = f"The last backup was taken on {last.taken_at:%Y-%m-%d}" if last else "No backup has been taken"
    hint = "Run manage.py backup FILE every night (docs/backups.md)."
    return [checks.Warning(f"{said}.", hint=hint, id="ops.W006")]


def clocks_agree(using: str, clock: Any = timezone.now) -> list[CheckMessage]:
    """Tell when this machine's clock is not that of PostgreSQL's; SQLite has no other."""
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
            f"{said}, by which keys expire too early or too late.",
            hint="Run an NTP client on both (timedatectl set-ntp true).",
            id="ops.W007",
        )
    ]
