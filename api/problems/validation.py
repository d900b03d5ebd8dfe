"""Says what is wrong with a value in words that also say what to send."""

from collections.abc import Sequence
from typing import Any

from api.problems.problem import FieldError

# By pydantic's error types; what is not here keeps pydantic's own message.
MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a field that can be set here",
    "string_type": "must be a string",
    "string_unicode": "must not hold a lone surrogate",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "model_type": "must be a JSON object",
    "list_type": "must be an array",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
}


def field_error(error: Any, source: str, names: Sequence[str | int]) -> FieldError:
    """Return one of pydantic's errors as an entry of a problem's `errors`.

    `source` is ninja's (`body`, `query`), `names` the way to the value in it.
    """
    template = MESSAGES.get(error["type"])
    return {
        **place(source, names),
        "detail": template.format(**error.get("ctx", {})) if template else error["msg"],
        "code": error["type"],
    }


def place(source: str, names: Sequence[str | int]) -> FieldError:
    """Return where a value is: a JSON pointer (RFC 6901) into the body, or a parameter's or header's name."""
    if source in ("query", "path", "header", "cookie"):
        name = next((name for name in reversed(names) if isinstance(name, str)), "")
        return {"header" if source in ("header", "cookie") else "parameter": name}
    escaped = (str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return {"pointer": "".join(f"/{name}" for name in escaped)}
