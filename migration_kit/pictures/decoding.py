"""Opening pictures: only the formats that were checked before, every frame, any failure told in one way.

Called in an isolated process, on bytes within their `bounds`. What to do with a picture does not belong here.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageSequence

from migration_kit.pictures.structure import OtherTypeError

FORMATS = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF", "image/tiff": "TIFF",
}  # fmt: skip
_SAME_FORMAT = {"MPO": "JPEG"}
"""Pillow's name for a JPEG with further pictures behind the first."""

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
