"""The cursor of a keyset page, for the peers whose framework has none."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime
from typing import Any

import orjson

DATES = {"start_date", "end_date"}
TIMES = {"created_at", "updated_at"}


def encode(value: object, id: str) -> str:
    """Return the cursor after the row with this sort key and id."""
    return urlsafe_b64encode(orjson.dumps([value, id])).decode()


def decode(cursor: str, key: str) -> tuple[Any, str]:
    """Return the sort key and the id. Raises ValueError."""
    value, id = orjson.loads(urlsafe_b64decode(cursor))
    if key in DATES:
        return date.fromisoformat(value), id
    if key in TIMES:
        return datetime.fromisoformat(value), id
    return value, id
