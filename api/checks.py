"""System checks: how rate limits are counted, and what the contract cannot serve.

`manage.py check`, `migrate` and `runserver` run them. gunicorn does not: there, what is an error here fails
when it is called.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models
from django.urls import Resolver404, path, resolve
from ninja.operation import Operation
from ninja.security import APIKeyCookie

from api.bulk.schemas import Bulk
from api.contract import ContractAPI
from api.operations.parsing import parameter_types
from api.schemas import In, PageQuery
from api.selections import Selection
from owned.models import OwnedModel
from owned.validation import unversioned_keys

EXAMPLES = {"integer": "1", "number": "1", "uuid": "0190b8a6-6d3e-7cc0-a9e4-1f2d3c4b5a69"}


@register
def check_rate_limits(**kwargs: Any) -> list[CheckMessage]:
    """Tell when each worker process counts for itself, so that a limit is several times what it says."""
    counted = settings.RATE_LIMIT or settings.RATE_LIMIT_ANONYMOUS
    if settings.REDIS_URL or not counted or settings.WEB_CONCURRENCY == 1:
        return []
    return [
        Info(
            f"Rate limits are counted in each of the {settings.WEB_CONCURRENCY} worker processes alone.",
            hint="Set REDIS_URL to count across all of them, RATE_LIMIT=off and RATE_LIMIT_ANONYMOUS=off "
            "to count nothing, or WEB_CONCURRENCY=1.",
            id="api.I001",
        )
    ]


@register(Tags.urls)
def check_apis(**kwargs: Any) -> list[CheckMessage]:
    """Check every ContractAPI that the URLs of the service import."""
    import_module(settings.ROOT_URLCONF)
    return [error for api in ContractAPI.instances for error in check_api(api)]


@register(Tags.models)
def check_owned_models(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check every owned model."""
    configs = apps.get_app_configs() if app_configs is None else app_configs
    found = (model for config in configs for model in config.get_models() if issubclass(model, OwnedModel))
    return [error for model in found for error in check_owned_model(model)]


def check_api(api: ContractAPI) -> list[CheckMessage]:
    """Return what the contract cannot serve of an API."""
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("", api.urls)]
    declared = zip(api.operations, api.functions, strict=True)
    errors = [error for operation, function in declared for error in check_operation(operation, function)]
    try:
        document = api.get_openapi_schema(path_prefix="")
    except Exception as error:  # whatever a declaration does to it
        hint = "Fix what the operations declare."
        return errors or [_error(10, api.title, f"has no OpenAPI document: {error!r}.", hint)]
    return [*errors, *check_paths(document["paths"], urls)]


def check_operation(operation: Operation | None, function: Any) -> Iterator[CheckMessage]:
    """Yield what the contract cannot serve of an operation."""
    function = inspect.unwrap(function)
    name = f"{function.__module__}.{function.__qualname__}"
    if operation is None:
        yield _error(1, name, "is hidden by a decorator.", "Use functools.wraps in the decorator.")
        return
    hints = {hint for hint in parameter_types(operation) if isinstance(hint, type)}
    if any(isinstance(way, APIKeyCookie) for way in operation.auth_callbacks):
        hint = "Authenticate with a header: the API reads no sessions and no cookies."
        yield _error(2, name, "authenticates with a cookie or a session.", hint)
    if PageQuery in hints and not operation.auth_callbacks:
        hint = "Give it `auth=`: a cursor belongs to the user who got it."
        yield _error(3, name, "has pages, but does not authenticate.", hint)
    for bulk in hints:
        if issubclass(bulk, Bulk) and not _is_in(bulk.item_schema()):
            yield _error(4, name, "has a Bulk body of something that is no In schema.", "Use Bulk[YourIn].")
    used = inspect.getclosurevars(function).globals.values()
    named = [each for each in used if isinstance(each, type) and issubclass(each, OwnedModel)]
    for selection in hints:
        if issubclass(selection, Selection) and named:
            # Of several models, it belongs to the one that it fits best.
            yield from min((list(check_selection(name, selection, model)) for model in named), key=len)


def check_selection(name: str, selection: type[Selection], model: type[OwnedModel]) -> Iterator[CheckMessage]:
    """Yield the sort keys and filters of a selection that its model does not have."""
    label = model._meta.label
    for key in selection.sort_keys:
        if not _is_sort_key(model, key):
            message = f"sorts by {key!r}, which is no column of {label} that is never null."
            yield _error(5, name, message, f"Remove it from sort_keys of {selection.__name__}.")
    for filter in sorted(selection.model_fields.keys() - {"sort"}):
        if selection.own(filter) is None and not _is_lookup(model, filter):
            hint = f"Rename it, or annotate it with a Filter in {selection.__name__}."
            yield _error(6, name, f"filters by {filter!r}, which is no lookup of {label}.", hint)


def check_paths(paths: dict[str, Any], urls: Any) -> Iterator[CheckMessage]:
    """Yield the paths that end in a slash or are never reached, and the names that are not unique."""
    names: dict[str, str] = {}
    for address, methods in paths.items():
        for method, details in methods.items():
            name = f"{method.upper()} {address}"
            if address.endswith("/"):
                hint = "Remove the slash: the API does not redirect to it."
                yield _error(7, name, "has a path that ends with a slash.", hint)
            if (first := _served_instead(address, details, urls)) is not None:
                hint = "Declare the more specific path first, and all methods of a path with one spelling."
                yield _error(8, name, f"is never called, because /{first} matches its path first.", hint)
            known = names.setdefault(details["operationId"], name)
            if known != name:
                hint = "Rename one of the two functions: a client's methods are named after them."
                yield _error(9, name, f"is called {details['operationId']!r}, as {known} is.", hint)


def check_owned_model(model: Any) -> Iterator[CheckMessage]:
    """Yield what is not as every owned model has to be."""
    if not isinstance(model._meta.get_field("id"), models.CharField):
        yield _error(11, model, "has an id that is no text.", "Use the id of OwnedModel.")
    if not hasattr(getattr(model, "objects", None), "for_owner"):
        hint = "Derive its manager from OwnedManager."
        yield _error(12, model, "has no manager `objects` with `for_owner`.", hint)
    if not _has_column(model, model.label):
        hint = "Set `label` to the field that names a row."
        yield _error(13, model, f"has a label that is no column: {model.label!r}.", hint)
    for key in unversioned_keys(model):
        hint = "Use PROTECT, a key to an owned model, or an abstract base class."
        yield _error(14, model, f"has a key whose changes keep no versions: {key!r}.", hint)


def _error(number: int, obj: Any, message: str, hint: str) -> Error:
    name = obj._meta.label if hasattr(obj, "_meta") else obj
    return Error(f"{name} {message}", hint=hint, obj=obj, id=f"api.E{number:03}")


def _is_in(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, In)


def _has_column(model: type[models.Model], name: str) -> bool:
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return bool(field.concrete and not field.many_to_many)


def _is_sort_key(model: type[models.Model], key: str) -> bool:
    return _has_column(model, key) and not cast(Any, model._meta.get_field(key)).null


def _is_lookup(model: type[models.Model], name: str) -> bool:
    try:
        models.QuerySet(model).filter(**{name: ""})
    except FieldError:
        return False
    except Exception:  # noqa: S110 (the lookup exists, and would take another value)
        pass
    return True


def _served_instead(address: str, details: dict[str, Any], urls: Any) -> str | None:
    """Return the route that Django calls for an example of a path, if it is not the path's own."""
    own = address
    for parameter in details["parameters"]:
        if parameter.get("in") == "path":
            schema: dict[str, str] = parameter["schema"]
            example = EXAMPLES.get(schema.get("format", ""), EXAMPLES.get(schema.get("type", ""), "x"))
            address = address.replace(f"{{{parameter['name']}}}", example)
    try:
        route = resolve(address, urls).route
    except Resolver404:  # a converter of the service's own
        return None
    return None if _shape(route) == _shape(own) else route


def _shape(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route).lstrip("/")
