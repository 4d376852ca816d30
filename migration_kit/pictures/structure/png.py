"""PNG and APNG: chunks. PNG specification, third edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from migration_kit.pictures.structure.model import TRUNCATED, BombError, BrokenFileError, Skeleton

MAX_CHUNKS = 50_000
"""25 MiB in the 8 KiB chunks that libpng writes are 3,200."""
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
MAX_PROFILE = 1_048_576
"""Bytes of a colour profile once it is unpacked: what the decoder (Pillow) accepts, too."""


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of every PNG chunk, length and checksum included, up to IEND."""
    at = 8
    while True:
        if at + 12 > len(data):
            raise BrokenFileError(TRUNCATED)
        length = struct.unpack_from(">I", data, at)[0]
        end = at + 12 + length
        if end > len(data):
            raise BrokenFileError(TRUNCATED)
        kind = data[at + 4 : at + 8]
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def png_skeleton(data: bytes) -> Skeleton:
    """Size and frames. Texts are no matter here: they are taken out unread. Raises BrokenFileError or BombError."""
    size, frames, pictured = None, 1, False
    for number, (kind, at, end) in enumerate(png_chunks(data)):
        if number > MAX_CHUNKS:
            raise BombError(f"more than {MAX_CHUNKS} chunks")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, at + 8)
        elif kind == b"acTL":
            frames = max(frames, struct.unpack_from(">I", data, at + 8)[0])
        elif kind == b"iCCP":
            _check_profile(data[at + 8 : end - 4])
        elif not kind[0] & 0x20 and kind not in _CRITICAL:
            raise BrokenFileError(f"a PNG has no critical chunk {kind!r}")
        if (kind == b"IHDR") != (number == 0):
            raise BrokenFileError("the PNG does not begin with its one header")
        pictured = pictured or kind == b"IDAT"
    if size is None or not pictured:
        raise BrokenFileError("the PNG holds no picture")
    return Skeleton(size[0], size[1], frames)


def is_animated_png(data: bytes) -> bool:
    """Whether a PNG says that it is an animation, be it of one frame only."""
    return any(kind == b"acTL" for kind, _, _ in png_chunks(data))


def _check_profile(body: bytes) -> None:
    _, _, packed = body.partition(b"\x00")
    unpacker = zlib.decompressobj()
    try:
        size = len(unpacker.decompress(packed[1:], MAX_PROFILE + 1))
    except zlib.error as error:
        raise BrokenFileError("its colour profile is broken") from error
    if size > MAX_PROFILE:
        raise BombError(f"a colour profile of more than {MAX_PROFILE} bytes")
