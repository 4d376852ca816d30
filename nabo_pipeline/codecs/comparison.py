"""Whether two pictures are the same: exactly, in how they are to be shown, or about. What follows is in `compress`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from migration_kit.pictures.privacy import orientation_of

if TYPE_CHECKING:
    from PIL import Image

SSIM_PIXELS = 250_000
"""Larger pictures are averaged down to about this before similarity is measured. The authors of SSIM average down to
256 pixels of the shorter side, as seen from a usual distance (https://ece.uwaterloo.ca/~z70wang/research/ssim); this is
stricter. It takes 70 bytes a pixel."""
_WINDOW = 7
_STRIP_PIXELS = 1_000_000
"""Pictures are compared in strips of about this: whole copies in another mode would double the memory."""


def same_pixels(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures are equal in every pixel, transparency and the colour under it included."""
    if one.size != other.size:
        return False
    # In another mode only where theirs differ: converting costs more than comparing.
    plain = one.mode == other.mode and one.mode in ("L", "RGB", "RGBA")
    mode = None if plain and not any("transparency" in image.info for image in (one, other)) else "RGBA"
    strips = zip(_strips(one, mode), _strips(other, mode), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in strips)


def same_look(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures are to be turned and coloured alike: orientation and colour profile."""
    turns = {orientation_of(image.info.get("exif", b"")) for image in (one, other)}
    profiles = {image.info.get("icc_profile") or None for image in (one, other)}
    return len(turns) == len(profiles) == 1


def _strips(image: Image.Image, mode: str | None) -> Iterator[np.ndarray]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        yield np.asarray(strip.convert(mode) if mode else strip)


def similarity(one: Image.Image, other: Image.Image) -> float:
    """SSIM of the luma of two pictures of one size, from 0 to 1; both averaged down to `SSIM_PIXELS` if larger."""
    if one.size != other.size:
        return 0.0
    if min(one.size) < _WINDOW:
        return 1.0 if same_pixels(one, other) else 0.0
    from skimage.metrics import structural_similarity

    luma = [_luma(image) for image in (one, other)]
    return max(0.0, float(structural_similarity(*luma, data_range=255)))  # type: ignore[no-untyped-call]


def _luma(image: Image.Image) -> np.ndarray:
    factor = math.ceil(math.sqrt(image.width * image.height / SSIM_PIXELS))
    small = image.convert("RGBA") if image.mode in ("P", "PA", "1") else image
    # A side must not fall below the window that similarity is measured in.
    factor = min(factor, min(image.size) // _WINDOW)
    if factor > 1:
        small = small.reduce(factor)
    return np.asarray(small.convert("L"))
