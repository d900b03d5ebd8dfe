"""The API that keeps the HTTP contract: django-ninja, made strict."""

from typing import Any

from django.http import HttpRequest
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from api.openapi.document import Document
from api.operations import contract
from api.problems.problem import install_handlers
from api.problems.validation import field_error
from ops.security_headers import ContentSecurityPolicyMiddleware


class StrictParser(Parser):
    """Hands over the body that the operation's own reader has read."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.parsed_body  # type: ignore[attr-defined]


class ContractAPI(NinjaAPI):
    """A NinjaAPI whose every operation keeps the contract, whatever its router."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            parser=StrictParser(),
            # The page must work without internet, so nothing may ask the public validator.
            docs=Swagger({"persistAuthorization": True, "validatorUrl": None}),
            docs_decorator=lambda view: require_safe(
                xframe_options_deny(ContentSecurityPolicyMiddleware(view))
            ),
            **options,
        )
        self.add_decorator(contract, mode="view")
        install_handlers(self)
        self._documents: dict[str, OpenAPISchema] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Return the document, made once for each prefix: stock ninja makes it anew for each request."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._documents:
            self._documents[prefix] = Document(self, prefix)
        return self._documents[prefix]

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """Return pydantic's errors as entries of a problem's `errors`."""
        errors = []
        for context in error_contexts:
            source = str(context.model.__ninja_param_source__)
            short = context.model.__ninja_flatten_map_reverse__
            for error in context.pydantic_validation_error.errors(include_url=False, include_input=False):
                # The location begins with the name of the function's parameter, which no client knows.
                names = short.get(error["loc"]) or error["loc"][1:]
                errors.append(field_error(error, source, names))
        return ValidationError(errors)
