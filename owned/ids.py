"""Ids of objects: short, random, and without characters that people confuse."""

import os
import re

import shortuuid

ID_LENGTH = 20
ALPHABET = list(shortuuid.get_alphabet())
ID_PATTERN = re.compile(f"[{''.join(ALPHABET)}]{{{ID_LENGTH}}}")


# Six bits of a random byte choose a letter, and a byte that chooses none is dropped, so that each letter is
# as likely as any other. `ShortUUID.random` cuts a longer number and favours some first letters; it takes
# thirty times as long too.
_CHOSEN = bytes(ord(ALPHABET[byte % 64 % len(ALPHABET)]) for byte in range(256))
_DROPPED = bytes(byte for byte in range(256) if byte % 64 >= len(ALPHABET))


def random_id() -> str:
    """Return a new id of 116 random bits."""
    letters = b""
    while len(letters) < ID_LENGTH:
        letters += os.urandom(2 * ID_LENGTH).translate(_CHOSEN, _DROPPED)
    return letters[:ID_LENGTH].decode()
