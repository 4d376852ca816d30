"""Writing pictures: JPEG, and what must go into every new file, colour profile and orientation.

Called in an isolated process. Formats that only one pipeline writes are that pipeline's.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import JpegImagePlugin

from migration_kit.pictures.privacy import minimal_exif, orientation_of

if TYPE_CHECKING:
    from PIL import Image


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """A baseline JPEG with its own Huffman tables: on photographs as small as a progressive one, and a third faster."""
    sampling = JpegImagePlugin.get_sampling(image) if getattr(image, "layer", None) else -1
    out = io.BytesIO()
    # 4:4:4 stays 4:4:4: coloured edges and lettering suffer first.
    subsampling = sampling if sampling in (0, 1, 2) else 2
    picture = image if image.mode in ("RGB", "L") else image.convert("RGB")
    picture.save(
        out, "JPEG", quality=quality, subsampling=subsampling, optimize=True, **metadata(image, picture.mode)
    )
    return out.getvalue()


def fitting_profile(image: Image.Image, mode: str) -> bytes | None:
    """The colour profile if it describes colours as `mode` has them: a gray profile on RGB pixels gives wrong colours.

    Its colour space stands in bytes 16 to 19 of the header (ICC.1:2022, 7.2).
    """
    profile: bytes = image.info.get("icc_profile") or b""
    space = b"GRAY" if mode in ("L", "LA", "1") else b"RGB "
    return profile if profile[16:20] == space else None


def metadata(image: Image.Image, mode: str) -> dict[str, Any]:
    """Colour profile and orientation: what must go into every new file."""
    kept: dict[str, Any] = {}
    if (profile := fitting_profile(image, mode)) is not None:
        kept["icc_profile"] = profile
    orientation = orientation_of(image.info.get("exif", b""))
    if orientation != 1:
        kept["exif"] = b"Exif\x00\x00" + minimal_exif(orientation)
    return kept
