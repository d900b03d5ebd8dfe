"""Strict parsing of bodies and query strings, in ninja's `Parser`."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.security import APIKeyQuery

from api.problems import types
from api.problems.problem import FieldError, Problem, invalid, too_large
from api.problems.validation import MESSAGES
from api.problems.validation import place as place_of

_ESCAPE = re.compile(r"\\u(0000|[dD][89abAB])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
MEBIBYTE = 2**20


@dataclass(frozen=True)
class BodyReader:
    """Reads the bodies of one operation: by media type what parses the text, and the limit in bytes."""

    parsers: Mapping[str, Callable[[str], Any]]
    limit: int = MEBIBYTE

    def read(self, request: HttpRequest) -> Any:
        """Return the parsed body.

        Raises Problem: 413 for a body over the limit, 400 for an incomplete or malformed one, 415 for another
        media type or another encoding than UTF-8.
        """
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > self.limit:
            raise too_large(self.limit)
        if len(request.body) != length:  # lines that are missing at the end of CSV would not be noticed
            raise Problem(types.MALFORMED_REQUEST, f"The body ended before all {length} bytes arrived.")
        charset = (request.content_params or {}).get("charset", "utf-8")
        parse = self.parsers.get(request.content_type or "")
        if parse is None or charset.lower() != "utf-8":
            accepted = " or ".join(self.parsers)
            raise Problem(types.UNSUPPORTED_MEDIA_TYPE, f"Send the body as {accepted}, in UTF-8.")
        try:
            text = request.body.decode()
        except UnicodeDecodeError as error:
            raise Problem(
                types.UNSUPPORTED_MEDIA_TYPE, f"Byte {error.start} of the body is not UTF-8."
            ) from None
        return parse(text)


class StrictParser(Parser):
    """Refuses what JSON and the contract do not allow, where stock ninja takes what it can."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return what the operation's reader makes of the body. Raises Problem."""
        exchange = getattr(request, "exchange", None)
        if exchange is None:  # a part of a form that holds JSON
            return parse_json(request.body.decode())
        return exchange.plan.body.read(request)

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """Return the values of a query string, or of a form as ninja reads it. Raises Problem."""
        if data is request.GET:
            check_values(data, list_fields)
        result: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        return result


def query_names(operation: Operation) -> tuple[str, ...]:
    """Return the names of an operation's query parameters, and of keys that it authenticates with."""
    models = (model for model in operation.models if model.__ninja_param_source__ == "query")
    keys = (way.param_name for way in operation.auth_callbacks if isinstance(way, APIKeyQuery))
    return (*(name for model in models for name in model.__ninja_flatten_map__), *keys)


def parameter_types(operation: Operation) -> list[Any]:
    """Return the types of a function's parameters, as ninja has found them."""
    return [field.annotation for model in operation.models for field in model.model_fields.values()]


def reader_of(operation: Operation) -> BodyReader:
    """Return what reads an operation's body: JSON, and what the schema of a parameter allows besides."""
    for hint in parameter_types(operation):
        if hasattr(hint, "body_reader"):
            reader: BodyReader = hint.body_reader()
            return reader
    return BodyReader({JSON: parse_json})


def check_values(values: MultiValueDict[str, Any], list_fields: Iterable[str]) -> None:
    """Raise a 422 problem for a query parameter that is repeated, empty, or holds a NUL character."""
    errors = []
    for name, sent in values.lists():
        if len(sent) > 1 and name not in list_fields:
            errors.append(_error(name, "must not be repeated", "repeated_parameter"))
        elif "" in sent:
            errors.append(_error(name, "must not be empty; leave it out instead", "empty_parameter"))
        elif any("\0" in value for value in sent):
            errors.append(_error(name, "must not contain the NUL character", "nul_character"))
    if errors:
        raise invalid(*errors)


def check_names(request: HttpRequest, names: tuple[str, ...]) -> None:
    """Raise a 422 problem for query parameters that the operation does not have."""
    accepted = f"choose from {', '.join(names)}" if names else "this operation has none"
    unknown = [name for name in request.GET if name not in names]
    if unknown:
        detail = f"is not a parameter of this operation; {accepted}"
        raise invalid(*(_error(name, detail, "unknown_parameter") for name in unknown))


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises a problem: 400 also for `NaN`, a number beyond a double, a byte order mark, or an object that
    repeats a key; 422 for a NUL character or a lone surrogate in a string.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Problem(types.MALFORMED_REQUEST, f"The body is not JSON: {error.msg}, {place}.") from None
    except (RecursionError, ValueError) as error:
        raise Problem(types.MALFORMED_REQUEST, f"The body is not valid JSON: {error}.") from None
    if _ESCAPE.search(text):
        _check_strings(value, [])
    return value


def _check_strings(value: Any, place: list[str | int]) -> None:
    """Raise a 422 problem for a string that no database stores, wherever it is."""
    if isinstance(value, dict):
        for name, entry in value.items():
            _check_strings(name, place)
            _check_strings(entry, [*place, name])
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            _check_strings(entry, [*place, number])
    elif isinstance(value, str) and (found := _UNSTORABLE.search(value)):
        code = "nul_character" if found[0] == "\0" else "string_unicode"
        detail = "must not contain the NUL character" if found[0] == "\0" else MESSAGES[code]
        raise invalid({**place_of("body", place), "detail": detail, "code": code})


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object repeats the key {json.dumps(repeated)[:100]}")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _error(parameter: str, detail: str, code: str) -> FieldError:
    return {"parameter": parameter, "detail": detail, "code": code}
