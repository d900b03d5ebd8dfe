"""Types that JSON does not have, read from JSON by strict schemas."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BeforeValidator, Strict
from pydantic_core import PydanticCustomError

from api.inputs import iso_date, rfc3339

READERS: dict[type, BeforeValidator] = {datetime: BeforeValidator(rfc3339), date: BeforeValidator(iso_date)}
"""How plain types are read in a body, where it is not by pydantic."""

IN_STRINGS = (Decimal, UUID, Enum, time, timedelta, bytes, PurePath, IPv4Address, IPv6Address)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def _from_string(value: Any) -> Any:
    if isinstance(value, bool | list | dict) or value is None:
        raise PydanticCustomError("string_type", "must be a string")
    return value


def _decimal_string(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise PydanticCustomError("decimal_parsing", "must be a decimal number")
    return _from_string(value)


def from_json(annotation: Any, marks: Sequence[Any] = ()) -> Any:
    """Return an annotation of a strict schema that lets types which JSON does not have be read from JSON.

    pydantic's strict mode knows no strings for these types in values that are parsed already.
    """
    if annotation in READERS and not any(isinstance(mark, BeforeValidator) for mark in marks):
        return Annotated[annotation, READERS[annotation]]
    if isinstance(annotation, type) and issubclass(annotation, IN_STRINGS) and get_origin(annotation) is None:
        read = _decimal_string if issubclass(annotation, Decimal) else _from_string
        return Annotated[annotation, Strict(strict=False), BeforeValidator(read)]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(from_json(args[0], args[1:]), *args[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(from_json(each) for each in args)]  # noqa: UP007 (built from a tuple)
    if origin in (list, dict, set, frozenset, tuple):
        inner = origin[tuple(each if each is ... else from_json(each) for each in args)]
        return inner if origin in (list, dict) else Annotated[inner, Strict(strict=False)]
    return annotation
