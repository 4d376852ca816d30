"""The bytes of a project's objects: one file a version, named by it, never changed once complete.

Here belongs the handling of files. Which file belongs to which object is the catalogue's to know.
"""

import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from local_stack.storage_api import errors

_PIECE = 256 * 1024


@dataclass(frozen=True)
class Blobs:
    """The folder with the files."""

    folder: Path

    def new_name(self) -> str:
        """A name no blob has."""
        return str(uuid.uuid4())

    async def write(self, body: AsyncIterator[bytes], limit: int) -> tuple[str, int]:
        """Store a body; returns its name and size. Raises that it is too large, after reading all of it.

        All of it is read because a client that is refused in the middle of sending sees a broken connection
        instead of the answer.
        """
        name = self.new_name()
        try:
            with self._path(name).open("wb") as file:
                size = await copy(body, file, limit)
        except BaseException:
            self.remove([name])
            raise
        if size > limit:
            self.remove([name])
            raise errors.too_large()
        return name, size

    async def append(self, name: str, body: AsyncIterator[bytes], limit: int) -> int:
        """Add a body to a blob that is not complete; returns how many bytes have arrived for it by then.

        What arrives beyond the limit is counted but not kept. What has arrived stays, even if the connection
        breaks: that is what makes an upload resumable.
        """
        with self._path(name).open("ab") as file:
            room = limit - file.tell()
            return limit - room + await copy(body, file, room)

    def size(self, name: str) -> int:
        """Bytes on disk; 0 if nothing has arrived yet."""
        path = self._path(name)
        return path.stat().st_size if path.exists() else 0

    def open(self, name: str) -> BinaryIO:
        """The blob for reading; it stays readable while open, whatever happens to the object."""
        try:
            return self._path(name).open("rb")
        except FileNotFoundError:
            raise errors.lost_object() from None

    def duplicate(self, name: str) -> str:
        """A second blob with the same bytes (a hard link: blobs never change)."""
        copy_name = self.new_name()
        try:
            self._path(copy_name).hardlink_to(self._path(name))
        except FileNotFoundError:
            raise errors.lost_object() from None
        return copy_name

    def replace(self, name: str, content: bytes) -> None:
        """Put other bytes in a blob's place, for tests of what a reader makes of it."""
        draft = self._path(self.new_name())
        draft.write_bytes(content)
        draft.replace(self._path(name))

    def remove(self, names: Iterable[str]) -> None:
        """Remove blobs; those that are gone already do no harm."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def remove_all_but(self, needed: set[str]) -> None:
        """Remove what a stop in the middle of an upload has left."""
        self.remove(path.name for path in self.folder.iterdir() if path.name not in needed)

    def _path(self, name: str) -> Path:
        return self.folder / name


def pieces(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """`size` bytes of the file from `start`, a piece at a time."""
    file.seek(start)
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


async def copy(body: AsyncIterator[bytes], file: BinaryIO, room: int) -> int:
    """Write the body to the file as far as there is room; returns how much arrived, written or not."""
    arrived = 0
    async for piece in body:
        if arrived < room:
            file.write(piece[: room - arrived])
        arrived += len(piece)
    return arrived
