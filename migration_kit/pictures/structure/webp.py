"""WebP: RIFF chunks (https://developers.google.com/speed/webp/docs/riff_container)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from migration_kit.pictures.structure.model import TRUNCATED, BrokenFileError, Skeleton


def webp_end(data: bytes) -> int:
    """Where the file ends by its own header. Raises BrokenFileError if it does not reach that."""
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise BrokenFileError(TRUNCATED)
    return int(end)


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of every WebP chunk, header and padding included."""
    end_of_file = webp_end(data)
    at = 12
    while at + 8 <= end_of_file:
        length = struct.unpack_from("<I", data, at + 4)[0]
        end = at + 8 + length + length % 2
        if at + 8 + length > end_of_file:
            raise BrokenFileError(TRUNCATED)
        yield data[at : at + 4], at, min(end, end_of_file)
        at = end


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def webp_skeleton(data: bytes) -> Skeleton:
    """The largest of canvas and pictures, and the frames. Raises BrokenFileError."""
    sizes: list[tuple[int, int]] = []
    frames = pictures = 0
    for kind, at, _ in webp_chunks(data):
        body = at + 8
        if kind == b"VP8X":
            sizes.append((1 + _uint24(data, body + 4), 1 + _uint24(data, body + 7)))
        elif kind == b"ANMF":
            frames += 1
            sizes.append((1 + _uint24(data, body + 6), 1 + _uint24(data, body + 9)))
        elif kind == b"VP8 ":
            pictures += 1
            width, height = struct.unpack_from("<HH", data, body + 6)
            sizes.append((width & 0x3FFF, height & 0x3FFF))
        elif kind == b"VP8L":
            pictures += 1
            bits = struct.unpack_from("<I", data, body + 1)[0]
            sizes.append((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)))
    if not sizes or not (frames or pictures):
        raise BrokenFileError("the WebP holds no picture")
    return Skeleton(max(width for width, _ in sizes), max(height for _, height in sizes), frames or 1)
