"""The service on a read-only file system, except for its data, as in its systemd unit and container."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import skipUnless

import httpx
from django.conf import settings
from django.templatetags.static import static

from tests.faults.service import VALID, WITHIN, ServiceTestCase, wait_until
from tests.live import free_port, is_ready, kill

TOOLS = all(map(shutil.which, ("unshare", "setpriv")))

# In a mount namespace, everything but the data becomes read only, and no capability can change that.
SEALED = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro /
! touch "$2/written" 2> /dev/null
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$3"
"""


@skipUnless(TOOLS, "unshare and setpriv (util-linux) are not installed")
class ReadOnlyTests(ServiceTestCase):
    def test_the_service_writes_only_to_its_data_folder(self) -> None:
        data, port = self.folder / "data", free_port()
        data.mkdir()
        if settings.ON_SQLITE:
            (self.folder / "live.sqlite3").rename(data / "live.sqlite3")
        url = self.environment["DATABASE_URL"].replace("live.sqlite3", "data/live.sqlite3")
        process = self.sealed(data, PORT=str(port), DATABASE_URL=url, HOME="/nonexistent", TMPDIR=str(data))
        base, key = f"http://127.0.0.1:{port}", {"X-API-Key": self.key}
        client = self.enterContext(httpx.Client(base_url=base, headers=key, timeout=WITHIN))

        def ready() -> bool:
            self.assertIsNone(process.poll(), (data / "log").read_text())
            return is_ready(client)

        wait_until(ready)
        self.assertEqual(client.post("/api/simulations", json=VALID).status_code, 201)
        self.assertEqual(client.get("/accounts/login/").status_code, 200)
        self.assertEqual(client.get(f"/{static('goatfish.css').lstrip('/')}").status_code, 200)
        self.assertNotIn("rror", (data / "log").read_text())

    def sealed(self, data: Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start gunicorn with `data` as the only writable folder."""
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        gunicorn = Path(sys.executable).with_name("gunicorn")
        with (data / "log").open("wb") as log:
            process = subprocess.Popen(
                ["unshare", *as_root, "--mount", "sh", "-c", SEALED, "sh", data, settings.BASE_DIR, gunicorn],
                cwd=settings.BASE_DIR,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.addCleanup(kill, process)
        return process
