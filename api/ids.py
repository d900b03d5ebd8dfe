"""Ids of objects: short, random, and without characters that people confuse."""

import re
import secrets

import shortuuid
from shortuuid.main import int_to_string

ID_LENGTH = 20
ALPHABET = list(shortuuid.get_alphabet())
ID_PATTERN = re.compile(f"[{''.join(ALPHABET)}]{{{ID_LENGTH}}}")


def random_id() -> str:
    """Return a new id of 116 random bits.

    One draw below 57**20, so that each id is as likely as any other; `ShortUUID.random` cuts a longer
    number and favours some first characters.
    """
    return int_to_string(secrets.randbelow(len(ALPHABET) ** ID_LENGTH), ALPHABET, padding=ID_LENGTH)
