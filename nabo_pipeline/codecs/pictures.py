"""Decoded pictures: opening with limits, exact comparison, similarity. What to do with a picture is in `compress`."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

FORMATS = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF", "image/tiff": "TIFF",
}  # fmt: skip
LUMA_SIDE = 1024
"""Pictures with a longer side are scaled down to this before similarity is measured: SSIM takes 70 bytes a pixel."""
_WINDOW = 7

# The cap on pixels is checked on the skeleton, before Pillow sees the file.
Image.MAX_IMAGE_PIXELS = None


class UndecodableError(ValueError):
    """No decoder makes a picture of these bytes."""


def decode(data: bytes, mime: str) -> Image.Image:
    """The decoded picture (its first frame loaded). Only the decoder of `mime` is tried."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=[FORMATS[mime]])
            image.load()
    except (OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError, OverflowError) as error:
        raise UndecodableError(" ".join(str(error).split())[:120]) from error
    return image


def frame_count(image: Image.Image) -> int:
    """How many frames or pages the decoder finds."""
    return int(getattr(image, "n_frames", 1))


def decode_all(data: bytes, mime: str) -> int:
    """Decodes every frame, one at a time; returns their number. Raises UndecodableError."""
    return load_all(decode(data, mime))


def load_all(image: Image.Image) -> int:
    """Decodes the frames after the first of an opened picture and goes back to it; returns how many there are."""
    frames = frame_count(image)
    if frames == 1:
        return 1
    try:
        for frame in ImageSequence.Iterator(image):
            frame.load()
        image.seek(0)
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UndecodableError(" ".join(str(error).split())[:120]) from error
    return frames


def same_pixels(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures are equal in every pixel, transparency and the colour under it included."""
    if one.size != other.size:
        return False
    return np.array_equal(np.asarray(one.convert("RGBA")), np.asarray(other.convert("RGBA")))


def similarity(one: Image.Image, other: Image.Image) -> float:
    """SSIM of the luma of two pictures of one size, from 0 to 1; both scaled down if larger than `LUMA_SIDE`."""
    from skimage.metrics import structural_similarity

    if one.size != other.size:
        return 0.0
    if min(one.size) < _WINDOW:
        return 1.0 if same_pixels(one, other) else 0.0
    luma = [_luma(image) for image in (one, other)]
    return max(0.0, float(structural_similarity(*luma, data_range=255)))  # type: ignore[no-untyped-call]


def _luma(image: Image.Image) -> np.ndarray:
    gray = image.convert("RGBA").convert("L") if image.mode == "P" else image.convert("L")
    longest = max(gray.size)
    if longest > LUMA_SIDE:
        scale = LUMA_SIDE / longest
        size = max(_WINDOW, round(gray.width * scale)), max(_WINDOW, round(gray.height * scale))
        gray = gray.resize(size, Image.Resampling.BOX)
    return np.asarray(gray)
