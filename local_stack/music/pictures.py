"""The pictures of the stand-in: one for each release, of colours of its own, in every size that is asked for."""

from __future__ import annotations

import io
import struct
import zlib
from functools import lru_cache
from random import Random

LARGEST = 1_500
"""Pixels of a side of the original; nothing is enlarged beyond it."""
_CELLS = 6


@lru_cache(maxsize=256)
def jpeg(mark: str, side: int) -> bytes:
    """The picture of a release as a square JPEG."""
    from PIL import Image

    random = Random(mark)
    small = Image.new("RGB", (_CELLS, _CELLS))
    small.putdata([tuple(random.randrange(256) for _ in range(3)) for _ in range(_CELLS * _CELLS)])
    side = max(1, min(side, LARGEST))
    out = io.BytesIO()
    small.resize((side, side), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def broken(mark: str, side: int) -> bytes:
    """A JPEG that ends in the middle, as an interrupted upload leaves it."""
    whole = jpeg(mark, side)
    return whole[: len(whole) // 2]


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 900 million pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )
