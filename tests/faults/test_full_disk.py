"""SQLite on a full disk."""

import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import times
from tests.faults.processes import children
from tests.faults.service import Server

SIZE = 32 * 2**20


class FullDiskTests(ExperimentTestCase):
    disk: Path
    is_mounted: bool

    @classmethod
    def database(cls) -> str:
        """Return the URL of a file on a small disk of its own, if one can be mounted."""
        cls.disk = cls.folder / "disk"
        cls.disk.mkdir()
        mount = f"mount -t tmpfs -o size={SIZE} none {cls.disk}".split()
        cls.is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if cls.is_mounted:
            cls.addClassCleanup(subprocess.check_call, ["umount", "--lazy", cls.disk])
        return f"sqlite:///{quote(str(cls.disk / 'live.sqlite3'))}"

    def test_writes_resume_when_a_full_disk_has_space_again(self) -> None:
        server = self.launch()
        with self.load("disk full (SQLite)", server.address) as load:
            for _ in range(times(20, 2)):
                self.fill(server)
                load.await_failures()
                self.assertEqual(server.client.get("/api/simulations").status_code, 200)
                self.free(server)
                load.recover()

    def fill(self, server: Server) -> None:
        """Fill the disk. Without the permission to mount one, limit the file size of the workers instead."""
        if self.is_mounted:
            with suppress(OSError), (self.disk / "filler").open("wb", buffering=0) as filler:
                while filler.write(b"x" * 2**12):
                    pass
        else:
            self.limit(server, 2**10)

    def free(self, server: Server) -> None:
        """Free the space again."""
        if self.is_mounted:
            (self.disk / "filler").unlink()
        else:
            self.limit(server, resource.RLIM_INFINITY)

    def limit(self, server: Server, size: int) -> None:
        """Limit the size of files that workers can write; beyond it, they get EFBIG."""
        for worker in children(server.process.pid):
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
