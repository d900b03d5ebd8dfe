"""The base class of most tests: alice owns objects, bob is the stranger, and both have an API key."""

import json
import os
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import TestCase

from accounts.models import ApiKey, User
from simulations.models import Simulation

UNDER_ASGI = os.environ.get("HANDLER") == "asgi"
"""Whether requests of `call` go through Django's ASGI handler, as under `gunicorn -k asgi`."""
VALID = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}


class ApiTestCase(TestCase):
    alice: User
    bob: User
    key: str
    bobs_key: str

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.bob = User.objects.create(username="alice"), User.objects.create(username="bob")
        cls.key, cls.bobs_key = issue_key(cls.alice), issue_key(cls.bob)

    def setUp(self) -> None:
        cache.clear()  # which has the request counters
        ContentType.objects.get_for_models(*apps.get_models())  # which each process caches

    def simulation(self, owner: User | None = None, **fields: Any) -> Simulation:
        row: Simulation = Simulation.objects.create(owner=owner or self.alice, **{**VALID, **fields})
        return row

    def call(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        key: str | None = "",
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send a request with alice's key, another key, or none (`None`). Bytes are sent unchanged."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {})
        if key is not None:
            sent["X-API-Key"] = key or self.key
        send: Any = self.client.generic
        if UNDER_ASGI:
            self.async_client.raise_request_exception = self.client.raise_request_exception
            send = async_to_sync(self.send_under_asgi)
        response: Any = send(method, path, data, content_type, headers=sent)
        if response.streaming:  # read and close it, as a server does
            response.streaming_content = [b"".join(response)]
        return response

    async def send_under_asgi(self, *arguments: Any, **options: Any) -> Any:
        return await self.async_client.generic(*arguments, **options)

    def assertProblem(self, response: Any, status: int, slug: str) -> dict[str, Any]:  # noqa: N802
        """Check that the response is a complete problem, and return it."""
        problem: dict[str, Any] = json.loads(response.content)
        self.assertEqual((response.status_code, problem["type"]), (status, f"/problems/{slug}"), problem)
        self.assertEqual(response["Content-Type"], "application/problem+json")
        self.assertEqual(problem["status"], status)
        if hasattr(response, "asgi_request"):
            sent = response.asgi_request.scope["path"]
        else:
            sent = response.request["PATH_INFO"].encode("latin-1").decode()
        self.assertEqual(problem["instance"], sent)
        self.assertEqual(problem["request_id"], response["X-Request-ID"])
        return problem


def issue_key(user: User, **fields: Any) -> str:
    """Create an API key and return it. Fields are set without validation, such as an expiry in the past."""
    record, key = ApiKey.issue(user)
    if fields:
        ApiKey.objects.filter(pk=record.pk).update(**fields)
    return key
