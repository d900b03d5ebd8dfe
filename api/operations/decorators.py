"""What the contract adds to each operation, as two of ninja's decorators.

`serve` goes around the whole operation (mode "view"), `act` around its function (mode "operation", after
authentication and validation). Between them a write is one transaction, which ends once the response is made:
what cannot be sent is not stored either.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.operation import Operation

from api.operations.idempotency import Retry
from api.operations.parsing import BodyReader, check_names, query_names, reader_of
from api.operations.responses import ObjectResponses
from api.problems.problem import Problem
from api.problems.types import READ_ONLY_KEY

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Run = Callable[..., HttpResponseBase]
AsyncRun = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


class Plan:
    """What the declaration of an operation says, read once at start."""

    def __init__(self, operation: Operation, neighbours: Sequence[Operation]) -> None:
        self.operation = operation
        self.query = query_names(operation)
        self.body: BodyReader = reader_of(operation)
        self.objects = ObjectResponses(operation, neighbours)


@dataclass
class Exchange:
    """One request on its way through one operation."""

    plan: Plan
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of a successful response, unless the operation sets its own."""
    own: HttpResponse | None = None
    """What the function takes for `response`, to set headers and cookies on."""
    stack: ExitStack | None = None
    began: bool = False
    retry: Retry | None = None

    def begin(self, request: HttpRequest, values: Mapping[str, Any]) -> HttpResponseBase | None:
        """Check what validation does not; begin the transaction of a write.

        Returns the stored response where the request is a retry. Raises Problem.
        """
        self.own = next((each for each in values.values() if isinstance(each, HttpResponse)), None)
        if request.META.get("QUERY_STRING"):
            check_names(request, self.plan.query)
        caller = getattr(request, "auth", None)
        if request.method in SAFE_METHODS:
            return None
        if getattr(caller, "read_only", False):
            raise Problem(READ_ONLY_KEY, "This key may read but not write.")
        if self.stack is not None:
            self.stack.enter_context(transaction.atomic())
        self.began = True
        self.retry = Retry.of(request, caller)
        return None if self.retry is None else self.retry.stored()

    def end(self, response: HttpResponseBase) -> HttpResponseBase:
        """Complete the response; store it for retries, or roll back what failed."""
        if response.status_code < 400:
            if self.own is not None and self.own is not response:
                for name, value in self.own.items():
                    if name != "Content-Type":
                        response.setdefault(name, value)
                response.cookies.update(self.own.cookies)
            for name, value in self.headers.items():
                response.setdefault(name, value)
            if self.retry is not None:
                self.retry.store(response)
        elif self.began:
            transaction.set_rollback(True)
        return response


def serve(api: NinjaAPI, plan: Plan, run: Run) -> Run | AsyncRun:
    """Give each request its exchange, and end it."""
    is_async = inspect.iscoroutinefunction(inspect.unwrap(run))

    def write(request: HttpRequest, **path: Any) -> HttpResponseBase:
        exchange = request.exchange = Exchange(plan)  # type: ignore[attr-defined]
        call = async_to_sync(run) if is_async else run  # type: ignore[arg-type]
        try:
            if "HTTP_IDEMPOTENCY_KEY" in request.META:
                _ = request.body  # a form cannot be hashed once it is parsed
            with ExitStack() as exchange.stack:
                return exchange.end(call(request, **path))
        except Exception as error:  # of the commit, as a deferred constraint raises
            return api.on_exception(request, error)

    @wraps(run)
    def view(request: HttpRequest, **path: Any) -> HttpResponseBase:
        if request.method not in SAFE_METHODS:
            return write(request, **path)
        exchange = request.exchange = Exchange(plan)  # type: ignore[attr-defined]
        return exchange.end(run(request, **path))

    @wraps(run)
    async def async_view(request: HttpRequest, **path: Any) -> HttpResponseBase:
        if request.method not in SAFE_METHODS:  # in one thread, which the transaction belongs to
            return await sync_to_async(write)(request, **path)
        exchange = request.exchange = Exchange(plan)  # type: ignore[attr-defined]
        return exchange.end(await run(request, **path))  # type: ignore[misc]

    return async_view if is_async else view


def operation_of(run: Run) -> Operation | None:
    """Return the operation that is run, or None if a decorator hides it: one without `functools.wraps`."""
    operation = getattr(inspect.unwrap(run), "__self__", None)
    return operation if isinstance(operation, Operation) else None


def act(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call an operation's function in its transaction, and make the response of an object that it returns."""

    @wraps(function)
    def call(request: HttpRequest, *args: Any, **values: Any) -> Any:
        exchange: Exchange = request.exchange  # type: ignore[attr-defined]
        stored = exchange.begin(request, values)
        if stored is not None:
            return stored
        result = function(request, *args, **values)
        return exchange.plan.objects.respond(request, result, exchange.headers)

    @wraps(function)
    async def async_call(request: HttpRequest, *args: Any, **values: Any) -> Any:
        exchange: Exchange = request.exchange  # type: ignore[attr-defined]
        begin = exchange.begin if request.method in SAFE_METHODS else sync_to_async(exchange.begin)
        stored = begin(request, values)
        stored = await stored if inspect.isawaitable(stored) else stored
        if stored is not None:
            return stored
        result = await function(request, *args, **values)
        return exchange.plan.objects.respond(request, result, exchange.headers)

    return async_call if inspect.iscoroutinefunction(function) else call
