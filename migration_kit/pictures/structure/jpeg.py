"""JPEG: segments, scans, the end. ITU-T T.81, annex B."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from migration_kit.pictures.structure.model import TRUNCATED, BombError, BrokenFileError, Skeleton

MAX_SCANS = 100
"""Progressive pictures have some ten. Each scan makes the decoder go over the whole picture again."""

EOI, SOS = 0xD9, 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# In entropy-coded data 0xFF stands before 0x00 (stuffing) and restart markers; anything else ends it.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """A JPEG segment: marker (0xE1 for APP1), where its marker begins, its payload."""

    marker: int
    start: int
    payload: bytes


def jpeg_segments(data: bytes, start: int = 0) -> Iterator[Segment]:
    """The segments of the JPEG at `start`, up to and including its end (0xD9, empty payload).

    Raises BrokenFileError where the picture does not reach its end.
    """
    if data[start : start + 2] != b"\xff\xd8":
        raise BrokenFileError("no JPEG begins here")
    at = start + 2
    while True:
        while at < len(data) and data[at] == 0xFF and data[at + 1 : at + 2] == b"\xff":
            at += 1
        if at + 1 >= len(data) or data[at] != 0xFF:
            raise BrokenFileError(TRUNCATED)
        marker = data[at + 1]
        if marker == EOI:
            yield Segment(marker, at, b"")
            return
        if marker in _STANDALONE:
            at += 2
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        if length < 2 or at + 2 + length > len(data):
            raise BrokenFileError(TRUNCATED)
        yield Segment(marker, at, data[at + 4 : at + 2 + length])
        at += 2 + length
        if marker == SOS:
            found = _AFTER_SCAN.search(data, at)
            if found is None:
                raise BrokenFileError(TRUNCATED)
            at = found.start()


def jpeg_skeleton(data: bytes) -> Skeleton:
    """The size in the frame header. Raises BrokenFileError or BombError."""
    width = height = scans = 0
    for segment in jpeg_segments(data):
        if segment.marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", segment.payload, 1)
            width, height = max(width, columns), max(height, rows)
        scans += segment.marker == SOS
        if scans > MAX_SCANS:
            raise BombError(f"more than {MAX_SCANS} scans")
    if not width or not scans:
        raise BrokenFileError("the JPEG holds no picture")
    return Skeleton(width, height)
