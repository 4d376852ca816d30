"""Encoders, each with what must go into every new file: colour profile and orientation.

When which one is used, and whether its result is good enough, is decided in `compress`.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from migration_kit.pictures.decoding import has_alpha
from migration_kit.pictures.encoding import fitting_profile, metadata

WEBP_MAX_SIDE = 16_383
_WEBP_METHOD = 2
"""Method 4 saves 0.2 to 2% more than 2 on photographs and takes up to half as long again."""
_WEBP_LOSSY_METHOD = 2
"""Method 4 takes twice as long for files of the same size and similarity."""
_SAMPLE_PIXELS = 1_000_000
_SAMPLE_TILES, _SAMPLE_SHARE = 4, 20
"""A sample is 4 x 4 tiles, each with a twentieth of the shorter side: 1% to 4% of the pixels."""
_OXIPNG_LEVEL = 1
"""Level 0 saves 1% of a photograph, 1 saves 7% at a quarter of the speed, 2 saves 7 to 8% at half of that."""


def encode_webp(image: Image.Image, quality: int) -> bytes:
    """WebP with loss, `quality` 1 to 100."""
    picture = _rgb(image)
    out = io.BytesIO()
    how = {"quality": quality, "method": _WEBP_LOSSY_METHOD}
    picture.save(out, "WEBP", **how, **metadata(image, picture.mode))
    return out.getvalue()


def encode_lossless_webp(image: Image.Image, effort: int) -> bytes:
    """WebP without any loss; colour under transparency stays. `effort`: 0 to 100."""
    picture = _rgb(image)
    out = io.BytesIO()
    how: dict[str, Any] = {"lossless": True, "exact": True, "method": _WEBP_METHOD, "quality": effort}
    picture.save(out, "WEBP", **how, **metadata(image, picture.mode))
    return out.getvalue()


def estimated_lossless_size(image: Image.Image, effort: int) -> float:
    """About how many bytes `encode_lossless_webp` makes of the picture, from tiles of it: 6% off on photographs.

    Pictures below a megapixel are not worth it: 0.
    """
    pixels = image.width * image.height
    side = min(image.size) // _SAMPLE_SHARE
    if pixels < _SAMPLE_PIXELS or side < 1:
        return 0.0
    sample = Image.new("RGBA" if has_alpha(image) else "RGB", (_SAMPLE_TILES * side, _SAMPLE_TILES * side))
    for row in range(_SAMPLE_TILES):
        for column in range(_SAMPLE_TILES):
            left = (image.width - side) * (2 * column + 1) // (2 * _SAMPLE_TILES)
            top = (image.height - side) * (2 * row + 1) // (2 * _SAMPLE_TILES)
            tile = image.crop((left, top, left + side, top + side)).convert(sample.mode)
            sample.paste(tile, (column * side, row * side))
    return len(encode_lossless_webp(sample, effort)) * pixels / (sample.width * sample.height)


def encode_png(image: Image.Image) -> bytes:
    """A PNG of a decoded picture, in its own mode, quickly: what is to be small goes through `optimize_png`."""
    out = io.BytesIO()
    kept = metadata(image, image.mode)
    if "transparency" in image.info:
        kept["transparency"] = image.info["transparency"]
    image.save(out, "PNG", compress_level=1, **kept)
    return out.getvalue()


def optimize_png(data: bytes) -> bytes:
    """The same PNG with better filters and compression; chunks, depth and colour under transparency stay."""
    import oxipng

    return bytes(oxipng.optimize_from_memory(data, level=_OXIPNG_LEVEL))


def optimize_jpeg(data: bytes) -> bytes:
    """The same JPEG, its coefficients untouched, as a progressive file with the best tables and scans."""
    from mozjpeg_lossless_optimization import COPY_MARKERS, optimize  # type: ignore[import-untyped]

    return bytes(optimize(data, copy=COPY_MARKERS.ALL))


def can_be_webp(image: Image.Image) -> bool:
    """Whether WebP can hold the picture: its sides, and a colour profile of RGB colours if it has one."""
    return max(image.size) <= WEBP_MAX_SIDE and (
        not image.info.get("icc_profile") or fitting_profile(image, "RGB") is not None
    )


def _rgb(image: Image.Image) -> Image.Image:
    """The picture in a mode that WebP takes."""
    if image.mode in ("RGB", "RGBA") and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if has_alpha(image) else "RGB")
