"""The format of an API key: `gf_`, 30 random base62 characters and the 6 base62 digits of their CRC-32."""

import hashlib
import re
import secrets
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH = 11  # characters stored in clear, to identify a key
_KEY = re.compile(r"gf_([0-9A-Za-z]{30})([0-9A-Za-z]{6})")


def new_key() -> str:
    """Return a new key of 178 random bits, enough entropy to store a fast hash of it safely."""
    secret = "".join(secrets.choice(BASE62) for _ in range(30))
    return f"gf_{secret}{checksum(secret)}"


def checksum(secret: str) -> str:
    """Return the CRC-32 of a key's random part as six base62 digits, most significant first."""
    number = zlib.crc32(secret.encode())
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


def is_well_formed(key: str) -> bool:
    """Check the format and checksum of a key, without a query."""
    match = _KEY.fullmatch(key)
    return match is not None and checksum(match[1]) == match[2]


def digest_of(key: str) -> bytes:
    """Return the SHA-256 digest that is stored instead of the key."""
    return hashlib.sha256(key.encode()).digest()
