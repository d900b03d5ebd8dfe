"""A Python client, generated from the OpenAPI document by openapi-python-client."""

import importlib
import subprocess
import sys
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from django.conf import settings

from tests.live import LiveTestCase

DATES = {"start_date": "2026-06-01", "end_date": "2026-09-30"}


class PythonTests(LiveTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        """Generate the client in a folder that is deleted after this class, and make it importable."""
        super().setUpClass()
        result = subprocess.run(
            [
                *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
                *("--path", settings.BASE_DIR / "docs" / "openapi.json"),
                *("--output-path", cls.folder / "goatfish_client"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if result.returncode:
            raise AssertionError(f"openapi-python-client failed: {result.stdout}{result.stderr}")
        cls.enterClassContext(patch.object(sys, "path", [str(cls.folder), *sys.path]))

    def test_a_generated_python_client_works(self) -> None:
        _, live = self.start()
        models: Any = importlib.import_module("goatfish_client.models")
        package: Any = importlib.import_module("goatfish_client")
        client = self.enterContext(
            package.AuthenticatedClient(
                base_url=str(live.base_url), token=self.key, prefix="", auth_header_name="X-API-Key"
            )
        )

        names = [f"Python {number}" for number in ("one", "two", "three")]
        created_items = []
        for number, name in enumerate(names):
            body = models.SimulationIn.from_dict({"name": name, **DATES})
            created = call("create_simulation", client=client, body=body, idempotency_key=f"python-{number}")
            self.assertEqual(created.status_code, HTTPStatus.CREATED)
            self.assertIsInstance(created.parsed, models.SimulationOut)
            created_items.append(created.parsed)

        listed: list[Any] = []
        next_page: dict[str, str] = {}
        while True:
            sort = models.ListSimulationsSort.CREATED_AT
            page = call("list_simulations", client=client, q="python", sort=sort, limit=2, **next_page).parsed
            listed += page.items
            if page.next_cursor is None:
                break
            next_page = {"cursor": page.next_cursor}
        self.assertEqual(listed, created_items)

        got = call("get_simulation", created_items[0].id, client=client)
        self.assertEqual(got.parsed, created_items[0])
        tag = got.headers["ETag"]

        patch = models.SimulationPatch.from_dict({"name": "Renamed"})
        renamed = call("update_simulation", created_items[0].id, client=client, body=patch, if_match=tag)
        self.assertEqual((renamed.status_code, renamed.parsed.name), (HTTPStatus.OK, "Renamed"))
        stale = models.SimulationIn.from_dict({"name": "Stale", **DATES})
        rejected = call("replace_simulation", created_items[0].id, client=client, body=stale, if_match=tag)
        self.assertEqual(rejected.status_code, HTTPStatus.PRECONDITION_FAILED)
        self.assertIsInstance(rejected.parsed, models.Problem)
        self.assertEqual(rejected.parsed.type_, "/problems/precondition-failed")

        deleted = call("delete_simulation", created_items[0].id, client=client)
        self.assertEqual(deleted.parsed, renamed.parsed)
        missing = call("get_simulation", created_items[0].id, client=client)
        self.assertEqual((missing.status_code, missing.parsed.status), (HTTPStatus.NOT_FOUND, 404))


def call(operation: str, *arguments: Any, **options: Any) -> Any:
    """Call an operation on simulations through the generated package."""
    module = importlib.import_module(f"goatfish_client.api.simulations.{operation}")
    return module.sync_detailed(*arguments, **options)
