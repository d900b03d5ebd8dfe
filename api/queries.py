"""Strict reading of the query of a request's address."""

from collections.abc import Mapping

from django.http import HttpRequest

from api.problems.problem import FieldError, invalid


def check_query(request: HttpRequest, declared: Mapping[str, bool]) -> None:
    """Raise a 422 problem for a parameter that is unknown, empty, or stands twice where it may stand once.

    `declared` names the parameters, and tells whether each may be repeated.
    """
    if not request.META.get("QUERY_STRING"):
        return
    errors: list[FieldError] = []
    for name, values in request.GET.lists():
        if name not in declared:
            takes = f"it takes {', '.join(declared)}" if declared else "it takes none"
            errors.append(_error(name, f"is not a parameter of this operation; {takes}", "unknown_parameter"))
        elif len(values) > 1 and not declared[name]:
            errors.append(_error(name, "may stand only once", "repeated_parameter"))
        elif "" in values:
            errors.append(_error(name, "must not be empty; leave it out instead", "empty_parameter"))
        elif any("\0" in value for value in values):
            errors.append(_error(name, "must not contain the NUL character", "nul_character"))
    if errors:
        raise invalid(*errors)


def _error(parameter: str, detail: str, code: str) -> FieldError:
    return {"parameter": parameter, "detail": detail, "code": code}
