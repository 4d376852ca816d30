"""TIFF 6.0: directories, and whether the strips or tiles that they name lie inside the file."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from migration_kit.pictures.structure.model import (
    TRUNCATED,
    BombError,
    BrokenFileError,
    OtherTypeError,
    Skeleton,
)

MAX_STRIPS = 200_000
"""One strip a row of 65,535 rows, in three planes."""
MAX_PAGES = 1000
_WIDTH, _HEIGHT = 256, 257
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_SUBFILE, _DNG_VERSION, _REDUCED = 254, 50706, 1
_FORMS = {1: "B", 3: "H", 4: "I"}

_Tags = Mapping[int, tuple[int, int, int]]


def tiff_skeleton(data: bytes) -> Skeleton:
    """The largest size of all pages, and their number. Raises BrokenFileError, BombError or OtherTypeError."""
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    width = height = pages = 0
    seen: set[int] = set()
    while at:
        if at in seen:
            raise BrokenFileError("its directories run in a circle")
        seen.add(at)
        tags, at = _directory(data, order, at)
        if not pages:
            _check_raw(data, order, tags)
        width = max(width, _value(data, order, tags, _WIDTH))
        height = max(height, _value(data, order, tags, _HEIGHT))
        _check_strips(data, order, tags)
        pages += 1
        if pages > MAX_PAGES:
            raise BombError(f"more than {MAX_PAGES} pages")
    if not width or not height:
        raise BrokenFileError("the TIFF holds no picture")
    return Skeleton(width, height, pages)


def _check_raw(data: bytes, order: str, tags: _Tags) -> None:
    """Raw files of cameras are TIFFs whose first picture is a thumbnail, which a TIFF decoder takes for the picture."""
    preview = _value(data, order, tags, _SUBFILE) & _REDUCED
    if preview or _DNG_VERSION in tags or data[8:10] == b"CR":
        raise OtherTypeError(
            "it says image/tiff and is a camera's raw file, of which only a preview would be read"
        )


def _directory(data: bytes, order: str, at: int) -> tuple[_Tags, int]:
    """Tag -> (type, count, where its value stands) of the directory at `at`, and where the next one is."""
    count = struct.unpack_from(f"{order}H", data, at)[0]
    tags = {}
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, place)
        tags[tag] = kind, values, place + 8
    return tags, struct.unpack_from(f"{order}I", data, at + 2 + 12 * count)[0]


def _value(data: bytes, order: str, tags: _Tags, tag: int) -> int:
    return next(iter(_values(data, order, tags, tag)), 0)


def _values(data: bytes, order: str, tags: _Tags, tag: int) -> tuple[int, ...]:
    kind, count, at = tags.get(tag, (0, 0, 0))
    form = _FORMS.get(kind)
    if form is None:
        return ()
    if count > MAX_STRIPS:
        raise BombError(f"more than {MAX_STRIPS} strips")
    if struct.calcsize(form) * count > 4:
        at = struct.unpack_from(f"{order}I", data, at)[0]
    return struct.unpack_from(f"{order}{count}{form}", data, at)


def _check_strips(data: bytes, order: str, tags: _Tags) -> None:
    for where, sizes in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        starts = _values(data, order, tags, where)
        lengths = _values(data, order, tags, sizes)
        if any(start + length > len(data) for start, length in zip(starts, lengths, strict=False)):
            raise BrokenFileError(TRUNCATED)
