"""Decoded pictures: opening with limits, exact comparison, similarity. What to do with a picture is in `compress`."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, ImageSequence

from nabo_pipeline.media.privacy import orientation_of
from nabo_pipeline.media.structure import OtherTypeError

FORMATS = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF", "image/tiff": "TIFF",
}  # fmt: skip
_SAME_FORMAT = {"MPO": "JPEG"}
"""Pillow's name for a JPEG with further pictures behind the first."""
SSIM_PIXELS = 250_000
"""Larger pictures are averaged down to about this before similarity is measured. The authors of SSIM average down to
256 pixels of the shorter side, as seen from a usual distance (https://ece.uwaterloo.ca/~z70wang/research/ssim); this is
stricter. It takes 70 bytes a pixel."""
_WINDOW = 7
_STRIP_PIXELS = 1_000_000
"""Pictures are compared in strips of about this: whole copies in another mode would double the memory."""

# The cap on pixels is checked on the skeleton, before Pillow sees the file.
Image.MAX_IMAGE_PIXELS = None


class UndecodableError(ValueError):
    """No decoder makes a picture of these bytes."""


def decode(data: bytes, mime: str) -> Image.Image:
    """The decoded picture (its first frame loaded). Raises UndecodableError or OtherTypeError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Any of the five may claim it: what a picture is, type detection and decoder must both say.
            image = Image.open(io.BytesIO(data), formats=list(FORMATS.values()))
            _check_type(image, mime)
            image.load()
    except (OtherTypeError, MemoryError):
        raise
    except Exception as error:  # decoders raise all sorts of things: whatever it is, there is no picture
        raise _undecodable(error) from error
    return image


def _check_type(image: Image.Image, mime: str) -> None:
    found = str(image.format)
    if _SAME_FORMAT.get(found, found) != FORMATS[mime]:
        raise OtherTypeError(f"its first bytes say {mime}, the decoder finds {found}")


def _undecodable(error: Exception) -> UndecodableError:
    return UndecodableError(" ".join((str(error) or type(error).__name__).split())[:120])


def frame_count(image: Image.Image) -> int:
    """How many frames or pages the decoder finds."""
    return int(getattr(image, "n_frames", 1))


def decode_all(data: bytes, mime: str) -> int:
    """Decodes every frame, one at a time; returns their number. Raises UndecodableError or OtherTypeError."""
    return load_all(decode(data, mime))


def load_all(image: Image.Image) -> int:
    """Decodes the frames after the first of an opened picture and goes back to it; returns how many there are.

    A JPEG is one picture: what stands behind the first (MPF) no viewer shows, and nothing has checked its size.
    """
    if FORMATS["image/jpeg"] == _SAME_FORMAT.get(str(image.format), image.format):
        return 1
    try:
        frames = frame_count(image)
        if frames == 1:
            return 1
        for frame in ImageSequence.Iterator(image):
            frame.load()
        image.seek(0)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # as in `decode`
        raise _undecodable(error) from error
    return frames


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture carries transparency, as a channel or as a colour that stands for it."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


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


def to_srgb(image: Image.Image) -> Image.Image:
    """A CMYK or 16-bit picture as 8-bit sRGB or gray, by its own colour profile where it has one."""
    if image.mode.startswith("I"):
        wide = np.asarray(image.convert("I"))
        return Image.fromarray((wide >> 8).astype(np.uint8)).convert("L")
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            made = None
        if made is not None:
            made.info.pop("icc_profile", None)
            return made
    plain = image.convert("RGB")
    plain.info.pop("icc_profile", None)
    return plain
