"""The API that keeps the HTTP contract: django-ninja, made strict with its own hooks."""

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, reverse
from django.utils.module_loading import import_string
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Router, Swagger
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation, PathView

from api.openapi.document import Document
from api.operations.decorators import Plan, Run, act, operation_of, serve
from api.operations.parsing import StrictParser
from api.operations.responses import Renderer
from api.problems.handlers import install_handlers
from api.problems.problem import Problem
from api.problems.types import MALFORMED_REQUEST
from api.problems.validation import field_error
from ops.middleware.security_headers import ContentSecurityPolicyMiddleware


class ContractAPI(NinjaAPI):
    """A NinjaAPI whose operations keep the contract. What ninja documents works here too.

    What it cannot serve is an error of `manage.py check` (`api.checks`), never an exception at import.
    """

    instances: ClassVar[list["ContractAPI"]] = []

    def __init__(self, **options: Any) -> None:
        self.added: list[Router] = []
        super().__init__(
            **{
                "parser": StrictParser(),
                "renderer": Renderer(),
                # The page must work without internet, so nothing may ask the public validator.
                "docs": Swagger({"persistAuthorization": True, "validatorUrl": None}),
                "docs_decorator": lambda view: require_safe(
                    xframe_options_deny(ContentSecurityPolicyMiddleware(view))
                ),
                **options,
            }
        )
        self.add_decorator(self._serve, mode="view")
        self.add_decorator(self._act, mode="operation")
        install_handlers(self)
        self.functions: list[Callable[..., Any]] = []
        self.operations: list[Operation | None] = []
        """The operation of each function, or None for one that a decorator hides. `urls` completes both."""
        self._documents: dict[str, OpenAPISchema] = {}
        self.instances.append(self)

    def _serve(self, run: Run) -> Any:
        operation = operation_of(run)
        self.operations.append(operation)
        return refuse if operation is None else serve(self, Plan(operation, self._neighbours(operation)), run)

    def _act(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.functions.append(function)
        return act(function)

    def add_router(self, prefix: str, router: Router | str, **options: Any) -> None:
        """Add a router, and remember it for `urls`."""
        found: Router = import_string(router) if isinstance(router, str) else router
        super().add_router(prefix, found, **options)
        self.added.append(found)

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """Return the URLs; each object that can be updated with PATCH can be with POST, too."""
        for view in chain.from_iterable(self._views()):
            if not any("POST" in operation.methods for operation in view.operations):
                for operation in view.operations:
                    operation.methods += ["POST"] if "PATCH" in operation.methods else []
        return super().urls

    def _views(self) -> Iterator[Collection[PathView]]:
        """Yield the views of each router, and of each that a router has."""
        for router in self.added:
            for mount in router.build_routers(""):
                yield mount.template.path_operations.values()

    def _neighbours(self, operation: Operation) -> list[Operation]:
        """Return the operations of the same router."""
        for views in self._views():
            found = [each for view in views for each in view.operations]
            if any(each.view_func is operation.view_func for each in found):
                return found
        return []

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Name an operation as its function is named."""
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Return the document, made once for each prefix: stock ninja makes it anew for each request."""
        prefix = path_prefix
        if prefix is None:
            prefix = reverse(f"{self.urls_namespace}:api-root", kwargs=path_params or {})
        if prefix not in self._documents:
            self._documents[prefix] = Document(self, prefix)
        return self._documents[prefix]

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """Return pydantic's errors as entries of a problem's `errors`. A missing body is a 400 problem."""
        errors = []
        for context in error_contexts:
            single = len(context.model.model_fields) == 1
            for error in super().validation_error_from_error_contexts([context]).errors:
                source, *names = error["loc"]
                if source == "body" and single:  # the first name is the function's own, which no client knows
                    names = names[1:]
                    if not names and error["type"] == "missing":
                        detail = "The request has no body, and this operation needs one."
                        raise Problem(MALFORMED_REQUEST, detail)
                errors.append(field_error(error, source, names))
        return ValidationError(errors)


def refuse(request: HttpRequest, **path: Any) -> Any:
    """Stand for an operation that is hidden: a 500 problem."""
    raise ImproperlyConfigured("A decorator hides this operation; `manage.py check` names it.")
