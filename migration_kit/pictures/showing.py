"""A decoded picture as people see it: turned as its EXIF says, its colours in sRGB; and smaller or larger copies.

Called in an isolated process, on what `decoding` has opened.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps

from migration_kit.pictures.privacy import orientation_of

PAPER = (255, 255, 255)
"""What stands behind a picture that is transparent or does not fill its frame."""


def upright(image: Image.Image) -> Image.Image:
    """The picture as it is looked at: its EXIF orientation is in the pixels. Itself where there is nothing to turn."""
    orientation = orientation_of(image.info.get("exif", b""))
    if orientation == 1:
        return image
    turned = ImageOps.exif_transpose(image)
    turned.info.pop("exif", None)
    return turned


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The picture in sRGB by a colour profile; None without one, and where it does not fit the picture."""
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def eight_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 bits of gray in eight, any other as it is: Pillow would clip all but the darkest values."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image.convert("I")) >> 8).clip(0, 255).astype(np.uint8))


def as_seen(image: Image.Image) -> Image.Image:
    """The picture upright in sRGB; RGB, or RGBA where it has transparency. A profile that does not fit is left out."""
    picture, profile = upright(image), image.info.get("icc_profile")
    picture = eight_bits(picture)
    clear = picture.has_transparency_data
    alpha = picture.convert("RGBA").getchannel("A") if clear else None
    if picture.mode not in ("RGB", "CMYK", "L"):
        picture = picture.convert("RGB")
    # Browsers, too, show a picture without a profile that does not fit it.
    picture = (in_srgb(picture, profile) or picture).convert("RGB")
    picture.info.pop("icc_profile", None)
    if alpha is not None:
        picture.putalpha(alpha)
    return picture


def scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in another size (pixels), with its colour profile."""
    made = image.resize(size, Image.Resampling.LANCZOS)
    if "icc_profile" in image.info:
        made.info["icc_profile"] = image.info["icc_profile"]
    return made


def framed(picture: Image.Image, side: int) -> Image.Image:
    """All of a picture (as `as_seen` makes it) in the middle of a square of `side` pixels, on `PAPER`.

    Nothing is cut off and nothing is stretched: what is not square gets margins, what is smaller is enlarged.
    """
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    fitting = scaled(picture, size) if size != picture.size else picture
    square = Image.new("RGB", (side, side), PAPER)
    mask = fitting.getchannel("A") if fitting.mode == "RGBA" else None
    square.paste(fitting.convert("RGB"), ((side - size[0]) // 2, (side - size[1]) // 2), mask)
    return square
