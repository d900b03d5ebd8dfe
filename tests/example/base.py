"""Calls the example API as alice."""

from typing import Any

from django.test import override_settings

from tests.base import ApiTestCase
from tests.example.models import Sample


@override_settings(ROOT_URLCONF="tests.example.urls")
class ExampleTestCase(ApiTestCase):
    def sample(self, **fields: Any) -> Sample:
        return Sample.objects.create(**{"owner": self.alice, "name": "Sample", **fields})

    def get(self, path: str, **changes: Any) -> Any:
        return self.call("GET", f"/api{path}", **changes)

    def post(self, path: str, body: Any = b"", **changes: Any) -> Any:
        return self.call("POST", f"/api{path}", body, **changes)
