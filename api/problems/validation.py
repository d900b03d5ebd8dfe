"""Error messages for invalid values. Each message states the rule, so that it also says what to send."""

from collections.abc import Sequence
from typing import Any

from api.problems.problem import FieldError

# By pydantic's error type. Types that are not listed keep pydantic's message.
MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is an unknown or read-only field",
    "string_type": "must be a string",
    "string_unicode": "must not contain a lone surrogate",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "model_type": "must be a JSON object",
    "list_type": "must be an array",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}
EMPTY = {"string_too_short": "is required", "too_short": "must not be empty"}  # where the minimum is 1


def field_error(error: Any, source: str, names: Sequence[str | int]) -> FieldError:
    """Convert one of pydantic's errors to an entry of `errors`.

    `source` is django-ninja's (`body` or `query`), and `names` is the path to the value in it.
    """
    kind, context = error["type"], error.get("ctx", {})
    template = EMPTY.get(kind) if context.get("min_length") == 1 else MESSAGES.get(kind)
    detail = template.format(**context) if template else error["msg"]
    return {**place(source, names), "detail": detail, "code": kind}


def place(source: str, names: Sequence[str | int]) -> FieldError:
    """Return the location of a value: a JSON pointer (RFC 6901) into the body, or a parameter's name."""
    if source in ("query", "path", "header", "cookie"):
        name = next((name for name in reversed(names) if isinstance(name, str)), "")
        return {"header" if source in ("header", "cookie") else "parameter": name}
    escaped = (str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return {"pointer": "".join(f"/{name}" for name in escaped)}
