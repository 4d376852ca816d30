"""The files of archives: gzip files of binary COPY data, each known by its size and SHA-256.

What is in them, and whether it was restored, is `archive`'s business. Everything is streamed: an archive of any size
takes the memory of one block.
"""

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from migration_kit.failures import PermanentError
from migration_kit.reports import reports_path

BLOCK = 1 << 20
"""Bytes read at a time."""
# Level 1: the database waits for it, and rows of text shrink to a third already.
_LEVEL = 1


@dataclass(frozen=True)
class Stored:
    """A file as it was written: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


def archives_path() -> Path:
    """The folder of all archives, below REPORTS_PATH; people's data lies there, so it is closed to others.

    Raises:
        PermanentError: it cannot be made.
    """
    with told_as_refused(Path(os.environ.get("REPORTS_PATH") or "reports")):
        folder = reports_path("artwork", "archives")
        folder.chmod(0o700)
    return folder


def store(path: Path, blocks: Iterable[bytes | bytearray | memoryview]) -> Stored:
    """Write the blocks to a gzip file, on the disk for good when this returns.

    Raises:
        PermanentError: the disk is full, or nobody may write there.
    """
    with told_as_refused(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            hashed = _Hashed(raw)
            with gzip.GzipFile(
                filename="", mode="wb", compresslevel=_LEVEL, fileobj=hashed, mtime=0
            ) as packed:
                for block in blocks:
                    packed.write(block)
            raw.flush()
            os.fsync(raw.fileno())
        # The names are on the disk, too: its own, and that of the folder it is in.
        for folder in (path.parent, path.parent.parent):
            _sync_folder(folder)
    return Stored(hashed.size, hashed.digest.hexdigest())


def stored_blocks(path: Path, stored: Stored) -> Iterator[bytes]:
    """What was written to the file, read from the disk again, block by block.

    Raises:
        PermanentError: the file is not there, or not what was written.
    """
    require_whole(path, stored)
    with told_as_damaged(path), gzip.open(path, "rb") as packed:
        while block := packed.read(BLOCK):
            yield block


def require_whole(path: Path, stored: Stored) -> None:
    """Refuse a file that is gone, or no longer what was written.

    Raises:
        PermanentError: names the file and how it differs.
    """
    digest, size = hashlib.sha256(), 0
    with told_as_damaged(path), path.open("rb") as raw:
        while block := raw.read(BLOCK):
            digest.update(block)
            size += len(block)
    if size != stored.size:
        raise _damaged(path, f"it has {size} bytes and was written with {stored.size}")
    if digest.hexdigest() != stored.sha256:
        raise _damaged(path, "its SHA-256 is not that of what was written: somebody changed it")


def remove(folder: Path) -> None:
    """Take away an archive that was not finished; what is not there is no matter."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told_as_refused(path: Path) -> Iterator[None]:
    """An error of the file system while writing, for the person on call.

    Raises:
        PermanentError: says what the file system said, and what to do.
    """
    try:
        yield
    except OSError as refused:
        raise PermanentError(
            f"the archive cannot be written: {refused.strerror or refused}",
            item=str(path),
            remedy="Nothing of it was kept. Make room there, or let REPORTS_PATH name a folder on a disk with room that"
            " may be written to, then start again",
        ) from refused


@contextmanager
def told_as_damaged(path: Path) -> Iterator[None]:
    """An error of the file system or of gzip while reading, for the person on call.

    Raises:
        PermanentError: says what is wrong with the file, and what to do.
    """
    try:
        yield
    except FileNotFoundError as gone:
        raise _damaged(path, "it is not there") from gone
    except (OSError, EOFError, zlib.error) as wrong:
        raise _damaged(path, f"it cannot be read: {getattr(wrong, 'strerror', None) or wrong}") from wrong


def _damaged(path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"the archive is not whole: {why}",
        item=str(path),
        remedy="Let REPORTS_PATH name the folder in which it was made, or make a new archive (artwork_back_up)",
    )


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


class _Hashed:
    """A file that knows the size and the hash of what went into it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> int:
        self.digest.update(block)
        self.size += len(block)
        return self._raw.write(block)

    def flush(self) -> None:
        self._raw.flush()
