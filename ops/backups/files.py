"""The file of a backup: lines of JSON, compressed by gzip, which common tools read.

The first line tells what made the backup, when, the migrations that were applied, and each table's columns
and number of rows. Then come the tables: a line that names one, and an array for each of its rows. The last
line holds the SHA-256 of all lines before it: `zcat FILE | head -n -1 | sha256sum`.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

import orjson

from ops.backups.tables import CHUNK, BackupError, damage
from owned.compiled import Row

FORMAT = "goatfish backup 1"
LEVEL = 1  # of zlib's nine: the third takes half a minute more for ten million rows
BATCH = 2_000  # rows that are restored at a time
FIRST_LINE = 2**24  # bytes that are read of a file which may be anything


class BackupWriter:
    """Writes the lines of a backup."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write into a file, or a pipe."""
        self.file = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0)
        self.digest = sha256()

    def write(self, *lines: Any) -> None:
        """Write lines, each of which is anything that JSON can hold."""
        text = b"".join([orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines])
        self.digest.update(text)
        self.file.write(text)

    def begin(self, **header: Any) -> None:
        """Write the first line."""
        self.write({"format": FORMAT, **header})

    def add(self, table: str, rows: Iterator[Row]) -> Iterator[int]:
        """Write a table; yields how many rows were written, again and again."""
        self.write({"table": table})
        while chunk := list(islice(rows, CHUNK)):
            self.write(*chunk)
            yield len(chunk)

    def end(self) -> None:
        """Write the last line."""
        self.write({"sha256": self.digest.hexdigest()})
        self.file.close()


class BackupReader:
    """Reads the lines of a backup. Raises BackupError where the file is none, or is damaged."""

    def __init__(self, file: IO[bytes]) -> None:
        """Read the first line, from a file or a pipe."""
        self.file = gzip.GzipFile(fileobj=file)
        self.digest = sha256()
        try:
            self.header: dict[str, Any] = orjson.loads(self.hashed(self.file.readline(FIRST_LINE)))
            known = self.header["format"] == FORMAT
        except (EOFError, zlib.error, gzip.BadGzipFile, KeyError, TypeError, ValueError):
            known = False
        if not known:
            raise BackupError("This is no backup of Goatfish, or its beginning is damaged.")

    def hashed(self, text: bytes) -> bytes:
        """Return what was read, and take it into the digest."""
        self.digest.update(text)
        return text

    def rows(self, table: str, count: int) -> Iterator[list[Row]]:
        """Go through the rows of the next table, some at a time."""
        with damage():
            if orjson.loads(self.hashed(self.file.readline())) != {"table": table}:
                raise ValueError(f"{table} is not where it should be")
        for begin in range(0, count, BATCH):
            with damage():
                rows = self.take(min(BATCH, count - begin))
            yield rows

    def take(self, count: int) -> list[Row]:
        """Return so many rows."""
        lines = list(islice(self.file, count))
        self.hashed(b"".join(lines))
        rows: list[Row] = orjson.loads(b"[%b]" % b",".join(lines))
        if len(rows) != count:
            raise ValueError(f"{count} rows should come, and {len(rows)} do")
        return rows

    def end(self) -> None:
        """Look whether all was read as it was written."""
        with damage():
            digest = self.digest.hexdigest()
            if orjson.loads(self.file.readline()) != {"sha256": digest} or self.file.read(1):
                raise ValueError("it does not end with the SHA-256 of its lines")


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, for its owner alone, that has its name only when all of it is on the disk.

    Raises FileExistsError where there is one of that name, at first or in the end.
    """
    if path.exists():
        raise FileExistsError
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as draft:
        try:
            yield cast(IO[bytes], draft)
            draft.flush()
            os.fsync(draft.fileno())
            publish(Path(draft.name), path)
        finally:
            Path(draft.name).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def publish(draft: Path, path: Path) -> None:
    """Give a file its name; raises FileExistsError where another has it."""
    try:
        path.hardlink_to(draft)  # which overwrites nothing, as a rename would
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError from None
        draft.rename(path)
