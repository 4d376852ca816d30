"""A picture that is over its bucket's limit: quality steps, then the app's own largest side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from migration_kit.pictures import decoding
from migration_kit.pictures.encoding import encode_jpeg
from migration_kit.pictures.showing import eight_bits, in_srgb, scaled, upright
from nabo_pipeline.codecs import encoders
from nabo_pipeline.codecs.comparison import same_pixels, similarity
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Compressed, Task

if TYPE_CHECKING:
    from PIL import Image

_HOPELESS = 2
"""A step that is this many times too large is not worth the next quality: ten steps of quality save a third at most."""


def within_limit(image: Image.Image, task: Task) -> Compressed | None:
    """The picture below its bucket's limit, or None: steps of quality, then scaled down, without and with loss."""
    limit = task.size_limit or 0
    plain = _plain(image)
    qualities = _qualities(image, task)
    for base in _sizes(plain, task.max_side):
        mime = _target(base, task)
        if mime is None:
            continue
        for encode, faithful in _steps(base, mime, task, qualities if base is plain else None):
            data = encode(base)
            if len(data) > _HOPELESS * limit and not faithful:
                break
            if len(data) > limit:
                continue
            made = decoding.decode(data, mime)
            alike = float(same_pixels(base, made)) if faithful else similarity(base, made)
            if alike >= (1.0 if faithful else task.settings.similarity_floor[mime]):
                return Compressed(data, mime, rules.REDUCED, round(alike, 4), *base.size, 1)
    return None


def _qualities(image: Image.Image, task: Task) -> tuple[int, ...]:
    """The steps that can help at full size: a JPEG gets no smaller at a higher quality than it has or was tried at."""
    settings = task.settings
    if task.mime != "image/jpeg":
        return settings.limit_qualities
    own = rules.estimate_jpeg_quality(getattr(image, "quantization", {}))
    tried = (
        own > settings.leave_jpeg_at_or_below and settings.policy != rules.AS_IT_IS and image.mode != "CMYK"
    )
    most = min(own, settings.jpeg_quality - 1) if tried else own
    return tuple(quality for quality in settings.limit_qualities if quality <= most)


def _target(base: Image.Image, task: Task) -> str | None:
    """A JPEG stays one; everything else becomes a WebP, which has transparency; a PNG where nothing else is taken.

    What is too large for the memory that WebP takes becomes a JPEG if it can, else it has to be scaled down.
    """
    types = task.bucket_types or frozenset(("image/webp", "image/jpeg"))
    if base.width * base.height > task.settings.max_webp_pixels:
        jpeg = "image/jpeg" in types and not decoding.has_alpha(base)
        return "image/jpeg" if jpeg else None
    wanted = ("image/jpeg", "image/webp") if task.mime == "image/jpeg" else ("image/webp", "image/png")
    return next((mime for mime in wanted if mime in types), None)


def _plain(image: Image.Image) -> Image.Image:
    """The picture upright, in eight bits a channel, with what has to travel on."""
    if image.mode == "CMYK" or image.mode.startswith("I"):
        return _to_srgb(upright(image))
    shown = upright(image)
    if shown.mode in ("RGB", "RGBA", "L") and "transparency" not in shown.info:
        return shown
    return shown.convert("RGBA" if decoding.has_alpha(shown) else "RGB")


def _sizes(plain: Image.Image, max_side: int | None) -> Iterator[Image.Image]:
    yield plain
    if max_side is None or max(plain.size) <= max_side:
        return
    scale = max_side / max(plain.size)
    size = (max(1, round(plain.width * scale)), max(1, round(plain.height * scale)))
    yield scaled(plain, size)


def _to_srgb(image: Image.Image) -> Image.Image:
    """A CMYK or 16-bit picture as 8-bit sRGB or gray, by its own colour profile where it has one."""
    if image.mode.startswith("I"):
        return eight_bits(image)
    made = in_srgb(image, image.info.get("icc_profile")) or image.convert("RGB")
    made.info.pop("icc_profile", None)
    return made


def _steps(
    base: Image.Image, mime: str, task: Task, qualities: Sequence[int] | None
) -> Iterator[tuple[Callable[[Image.Image], bytes], bool]]:
    """Encoders in the order in which they are tried, and whether each is without loss. No qualities: it is scaled."""
    settings, smaller = task.settings, qualities is None
    if mime == "image/webp" and not encoders.can_be_webp(base):
        return
    if smaller and mime == "image/webp":
        yield lambda image: encoders.encode_lossless_webp(image, settings.webp_effort), True
    if smaller and mime == "image/png":
        yield lambda image: encoders.optimize_png(encoders.encode_png(image)), True
    if mime == "image/png":
        return
    encode = encode_jpeg if mime == "image/jpeg" else encoders.encode_webp
    for quality in settings.limit_qualities if qualities is None else qualities:
        yield lambda image, quality=quality: encode(image, quality), False  # type: ignore[misc]
