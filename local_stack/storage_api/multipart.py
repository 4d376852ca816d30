"""A reader of multipart/form-data bodies that never holds more than a piece of them.

Here belongs the format (RFC 7578) and nothing of what the parts mean.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message

_LONGEST_HEAD = 16 * 1024


class MalformedBody(ValueError):  # noqa: N818 - reads as what it is
    """The body is not what its content type says."""


@dataclass(frozen=True)
class PartHead:
    """The head of a part: its field name, its file name if it is a file, its type without parameters."""

    name: str
    filename: str | None
    content_type: str


def boundary_of(content_type: str) -> bytes:
    """The boundary named by a multipart content type; raises MalformedBody."""
    boundary = _header("content-type", content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise MalformedBody("multipart/form-data without a boundary")
    return boundary.encode("latin-1")


async def parts(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[PartHead | bytes]:
    """Each part's head followed by the pieces of its content; raises MalformedBody, and at a body that ends early."""
    delimiter = b"\r\n--" + boundary
    reader = _Reader(body)
    async for _ in reader.until(delimiter):
        pass  # what stands before the first boundary means nothing
    while await reader.take(2) != b"--":
        head = b""
        async for piece in reader.until(b"\r\n\r\n"):
            head += piece
            if len(head) > _LONGEST_HEAD:
                raise MalformedBody("a part's head is too long")
        yield _part_head(head.decode("utf-8", errors="replace"))
        async for piece in reader.until(delimiter):
            yield piece


class _Reader:
    """Pieces of a stream up to a mark, whatever the chunks they arrive in."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._buffer = b"\r\n"  # so that a boundary at the very beginning is preceded like every other

    async def until(self, mark: bytes) -> AsyncIterator[bytes]:
        """What comes before the mark, in pieces; the mark itself is consumed."""
        while (found := self._buffer.find(mark)) < 0:
            safe = len(self._buffer) - len(mark) + 1  # the rest may be the beginning of the mark
            if safe > 0:
                piece, self._buffer = self._buffer[:safe], self._buffer[safe:]
                yield piece
            self._buffer += await self._more()
        piece, self._buffer = self._buffer[:found], self._buffer[found + len(mark) :]
        if piece:
            yield piece

    async def take(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._buffer) < size:
            self._buffer += await self._more()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    async def _more(self) -> bytes:
        async for chunk in self._body:
            if chunk:
                return chunk
        raise MalformedBody("the body ends before its last boundary")


def _part_head(text: str) -> PartHead:
    headers: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = _header("content-disposition", headers.get("content-disposition", ""))
    field = disposition.get_param("name", header="content-disposition")
    filename = disposition.get_filename()
    kind = _header("content-type", headers.get("content-type", "text/plain")).get_content_type()
    return PartHead(field if isinstance(field, str) else "", filename, kind)


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
