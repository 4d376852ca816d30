"""The skeleton of picture files: dimensions from the header, and whether the file is there to its end.

A walk over markers, chunks and blocks, some 0.5 ms a file; no pixel is decoded. It runs before any codec, because
codecs take gigabytes on a header that lies, and pass truncated files as good. One module a format.
"""

from __future__ import annotations

import struct

from migration_kit.pictures.structure.gif import EXTENSION as GIF_EXTENSION
from migration_kit.pictures.structure.gif import gif_blocks, gif_skeleton
from migration_kit.pictures.structure.jpeg import EOI, SOS, Segment, jpeg_segments, jpeg_skeleton
from migration_kit.pictures.structure.model import (
    TRUNCATED,
    BombError,
    BrokenFileError,
    OtherTypeError,
    Skeleton,
    SkeletonError,
)
from migration_kit.pictures.structure.png import is_animated_png, png_chunks, png_skeleton
from migration_kit.pictures.structure.tiff import tiff_skeleton
from migration_kit.pictures.structure.webp import webp_chunks, webp_skeleton

__all__ = [
    "EOI", "GIF_EXTENSION", "SOS", "BombError", "BrokenFileError", "OtherTypeError", "Segment", "Skeleton",
    "SkeletonError", "gif_blocks", "is_animated_png", "jpeg_segments", "png_chunks", "read_skeleton", "webp_chunks",
]  # fmt: skip

_READERS = {
    "image/jpeg": jpeg_skeleton, "image/png": png_skeleton, "image/webp": webp_skeleton, "image/gif": gif_skeleton,
    "image/tiff": tiff_skeleton,
}  # fmt: skip


def read_skeleton(data: bytes, mime: str) -> Skeleton:
    """The skeleton of a whole file.

    Raises:
        BrokenFileError: it is cut off, or is not of this type.
        BombError: it would make a decoder work or allocate far beyond what its picture needs.
        OtherTypeError: decoders of another type than its first bytes say would read another picture in it.
    """
    try:
        return _READERS[mime](data)
    except (IndexError, struct.error) as error:
        raise BrokenFileError(TRUNCATED) from error
