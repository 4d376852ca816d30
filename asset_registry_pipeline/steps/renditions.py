"""A cover in the sizes that the app shows, from bytes of unknown origin; no network, no stores.

Called in an isolated process (`migration_kit.pictures.isolation`), under the limits of `LIMITS`. The original keeps its
pixels and loses its private metadata; the small ones are JPEGs in sRGB on white, square, the whole picture in their
middle: nothing of a cover is cut off and nothing is stretched.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration_kit.pictures.bounds import MIB, Limits, breach
from migration_kit.pictures.decoding import UndecodableError, decode, load_all
from migration_kit.pictures.encoding import encode_jpeg
from migration_kit.pictures.file_types import EXTENSIONS, HEAD_BYTES, sniff
from migration_kit.pictures.privacy import strip
from migration_kit.pictures.showing import as_seen, framed, upright
from migration_kit.pictures.structure import SkeletonError

if TYPE_CHECKING:
    from PIL import Image

ORIGINAL = "original"
SIDES = (150, 500)
"""Pixels of the small ones' sides."""
LIMITS = Limits(max_bytes=10 * MIB, max_seconds=30)
TYPES = ("image/jpeg", "image/png", "image/webp")
LEAST_SIDE = 100
"""Pixels below which a side shows nothing: Apple's smallest artwork has 100."""
_QUALITY = 85


@dataclass(frozen=True)
class Rendition:
    """One size of a cover: `name` (`original`, `500x500`), bytes, type, and pixels as it is looked at."""

    name: str
    data: bytes
    mime: str
    width: int
    height: int

    @property
    def file_name(self) -> str:
        """Its name in the bucket, behind the cover's own mark."""
        return f"{self.name}.{EXTENSIONS[self.mime]}"


@dataclass(frozen=True)
class Unfit:
    """Why a file cannot be a cover, in words for a curator."""

    why: str


def make_renditions(data: bytes) -> tuple[Rendition, ...] | Unfit:
    """The original first, then the small ones; or why the file cannot be a cover. Never raises for what it holds.

    Raises MemoryError where the process has a limit that is too low for this picture.
    """
    mime = sniff(data[:HEAD_BYTES]).mime
    if data and mime not in TYPES:
        return Unfit(f"it is {mime} by its content; JPEG, PNG or WebP is needed")
    if (reason := breach(data, mime, LIMITS)) is not None:
        return Unfit(reason)
    try:
        clean = strip(data, mime)
        image = decode(clean, mime)
        why = _unfit(image, load_all(image))
    except UndecodableError as error:
        why = f"Undecodable: {error}"
    except SkeletonError as error:
        why = f"{error.label}: {error}"
    return Unfit(why) if why is not None else _rendered(clean, mime, image)


def _unfit(image: "Image.Image", frames: int) -> str | None:
    """Why a sound picture is no cover, None where it is one."""
    if frames > 1:
        return f"it is an animation of {frames} frames; a still picture is needed"
    if image.mode == "CMYK":
        return "its colours are for print (CMYK), and screens show them differently; RGB is needed"
    if min(image.size) < LEAST_SIDE:
        return f"it has {image.width}x{image.height} pixels; {LEAST_SIDE} a side are needed"
    return None


def _rendered(clean: bytes, mime: str, image: "Image.Image") -> tuple[Rendition, ...]:
    width, height = upright(image).size
    seen = as_seen(image)
    small = (
        Rendition(f"{side}x{side}", encode_jpeg(framed(seen, side), _QUALITY), "image/jpeg", side, side)
        for side in SIDES
    )
    return (Rendition(ORIGINAL, clean, mime, width, height), *small)
