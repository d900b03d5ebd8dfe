"""The form of an API key: `gf_`, 30 random base62 characters, and 6 more of their CRC-32."""

import hashlib
import re
import secrets
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH = 11  # what is kept of a key to tell it from others
_KEY = re.compile(r"gf_([0-9A-Za-z]{30})([0-9A-Za-z]{6})")


def new_key() -> str:
    """Return a new key of 178 random bits; so many need no slow hash."""
    secret = "".join(secrets.choice(BASE62) for _ in range(30))
    return f"gf_{secret}{checksum(secret)}"


def checksum(secret: str) -> str:
    """Return the CRC-32 of a key's random part as six base62 digits, the most significant first."""
    number = zlib.crc32(secret.encode())
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


def is_well_formed(key: str) -> bool:
    """Tell a key that may exist from a typing error, without a look into the database."""
    match = _KEY.fullmatch(key)
    return match is not None and checksum(match[1]) == match[2]


def digest_of(key: str) -> bytes:
    """Return the SHA-256 under which a key is stored."""
    return hashlib.sha256(key.encode()).digest()
