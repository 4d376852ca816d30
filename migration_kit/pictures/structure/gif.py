"""GIF: blocks (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from migration_kit.pictures.structure.model import BrokenFileError, Skeleton

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B


def _colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def gif_blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of every block after header and colours, the trailer included.

    Raises BrokenFileError where an unknown block stands, IndexError where the file is cut off.
    """
    at = 13 + _colours(data[10])
    while True:
        kind, start = data[at], at
        if kind == TRAILER:
            yield kind, start, start + 1
            return
        if kind == EXTENSION:
            at += 2
        elif kind == IMAGE:
            at += 11 + _colours(data[at + 9])
        else:
            raise BrokenFileError("the GIF's blocks are broken")
        while data[at]:
            at += 1 + data[at]
        at += 1
        yield kind, start, at


def gif_skeleton(data: bytes) -> Skeleton:
    """The canvas, or what frames that reach beyond it need, and the frames. Raises BrokenFileError."""
    width, height = struct.unpack_from("<HH", data, 6)
    frames = 0
    for kind, start, _ in gif_blocks(data):
        if kind == IMAGE:
            frames += 1
            left, top, wide, high = struct.unpack_from("<HHHH", data, start + 1)
            # Decoders enlarge the canvas to hold such a frame.
            width, height = max(width, left + wide), max(height, top + high)
    if not frames:
        raise BrokenFileError("the GIF holds no picture")
    return Skeleton(width, height, frames)
