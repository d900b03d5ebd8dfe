"""A middleware that uses several of Django's hooks."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse


class Recorder:
    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        request.META["hooks"] = ["request"]
        response = self.get_response(request)
        response["X-Hooks"] = " ".join(request.META["hooks"])
        return response

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        request.META["hooks"].append("process_view")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        request.META["hooks"].append("process_exception")
        return HttpResponse("<h1>handled</h1>", status=503)
