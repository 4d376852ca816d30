"""One picture, from the bytes in the backup to the bytes for the bucket, by the rules of `media.compression`.

Called inside an isolated process (`codecs.isolation`). On any doubt the original goes, without private metadata.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from migration_kit.accounting import State
from migration_kit.pictures.bounds import breach
from migration_kit.pictures.decoding import UndecodableError, decode, decode_all, load_all
from migration_kit.pictures.encoding import encode_jpeg
from migration_kit.pictures.privacy import is_multi_picture, strip
from migration_kit.pictures.showing import upright
from migration_kit.pictures.structure import SkeletonError, is_animated_png, png_chunks, read_skeleton
from nabo_pipeline.codecs import encoders
from nabo_pipeline.codecs.animation import to_animated_webp
from nabo_pipeline.codecs.comparison import same_look, same_pixels, similarity
from nabo_pipeline.codecs.reduce import within_limit
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Compressed, Rejected, Settings, Task, saving

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

_LOSSLESS_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_SRGB_GAMMA = 45_455
_SRGB_COLOURS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_BITS_PER_SAMPLE = 258
_BY_FAR = 1.25
"""A lossless pass takes a fifth off a JPEG at most."""
_ESTIMATE_ERROR = 1.06
"""Of the size of a lossless WebP, on photographs."""


def compress(task: Task) -> Compressed | Rejected:
    """What to upload for a picture, or why nothing may be uploaded. Never raises for what a file holds.

    Raises MemoryError where the process has a limit that is too low for this picture.
    """
    if (reason := breach(task.data, task.mime, task.settings)) is not None:
        return Rejected(State.QUARANTINED, reason)
    try:
        clean = strip(task.data, task.mime)
        image = decode(clean, task.mime)
        frames = load_all(image)
    except UndecodableError as error:
        return Rejected(State.QUARANTINED, f"Undecodable: {error}")
    except SkeletonError as error:
        return Rejected(State.QUARANTINED, f"{error.label}: {error}")
    kept = Compressed(clean, task.mime, rules.KEPT_NOT_SMALLER, None, *image.size, frames)
    allowed = not task.bucket_types or task.mime in task.bucket_types
    # The private metadata of a TIFF cannot be taken out of it: it never goes as it is.
    allowed = allowed and task.mime != "image/tiff"
    if frames > 1:
        return _several_frames(image, kept, task, allowed=allowed)
    if _is_hopeless(image, kept, task, allowed=allowed):
        return _reduced(image, task)
    return _fitting(image, _best(image, kept, task, allowed=allowed), task, allowed=allowed)


def decodes(file: tuple[bytes, str]) -> bool:
    """Whether a file (bytes, type) decodes to its last frame."""
    data, mime = file
    try:
        read_skeleton(data, mime)
        return decode_all(data, mime) > 0
    except (UndecodableError, SkeletonError, KeyError):
        return False


def _several_frames(
    image: Image.Image, kept: Compressed, task: Task, *, allowed: bool
) -> Compressed | Rejected:
    """An animation goes with all its frames or not at all: they must not be lost silently."""
    if task.mime == "image/tiff":
        return Rejected(State.EXCLUDED, rules.PAGES)
    best: Compressed | None = replace(kept, verdict=rules.KEPT_ANIMATION)
    if not allowed:
        webp = not task.bucket_types or "image/webp" in task.bucket_types
        wanted = webp and task.mime == "image/gif" and task.settings.animated_gif_to_webp
        effort = task.settings.webp_effort
        best = _or_none(lambda: to_animated_webp(image, kept, effort)) if wanted else None
    if best is None:
        return Rejected(State.EXCLUDED, rules.ANIMATED)
    if task.size_limit is not None and len(best.data) > task.size_limit:
        return Rejected(State.EXCLUDED, rules.OVER_LIMIT)
    return best


def _reduced(image: Image.Image, task: Task) -> Compressed | Rejected:
    """The picture below its bucket's limit, or that it cannot be brought there."""
    return _or_none(lambda: within_limit(image, task)) or Rejected(State.EXCLUDED, rules.OVER_LIMIT)


def _or_none(encode: Callable[[], T]) -> T | None:
    """What an encoder makes. It may fail as it likes: the picture was decoded, so there is another way for it."""
    try:
        return encode()
    except MemoryError:
        raise
    except Exception:  # whatever it is
        return None


def _is_hopeless(image: Image.Image, kept: Compressed, task: Task, *, allowed: bool) -> bool:
    """Whether the picture is so far over its bucket's limit that nothing without loss can bring it below."""
    settings, limit, size = task.settings, task.size_limit, len(kept.data)
    if limit is None or size <= limit or image.mode not in _LOSSLESS_MODES:
        return False
    if task.mime == "image/jpeg" and allowed:
        quality = rules.estimate_jpeg_quality(getattr(image, "quantization", {}))
        return quality <= settings.leave_jpeg_at_or_below and size > _BY_FAR * limit
    estimated = _or_none(lambda: encoders.estimated_lossless_size(image, settings.webp_effort)) or 0.0
    return estimated > _ESTIMATE_ERROR * limit


def _fitting(image: Image.Image, best: Compressed, task: Task, *, allowed: bool) -> Compressed | Rejected:
    """The best result if the bucket takes it, else one that was made to fit, else why there is none."""
    if not allowed and best.mime == task.mime:
        return Rejected(State.EXCLUDED, f"{rules.NO_LOSSLESS_COPY}: {task.mime}")
    if task.size_limit is not None and len(best.data) > task.size_limit:
        return _reduced(image, task)
    return best


def _best(image: Image.Image, kept: Compressed, task: Task, *, allowed: bool) -> Compressed:
    if allowed and task.settings.policy == rules.AS_IT_IS:
        return replace(kept, verdict=rules.KEPT_BY_POLICY)
    if allowed and task.mime == "image/webp":
        # At rest a WebP is small already; a second generation of loss would only harm it.
        return replace(kept, verdict=rules.KEPT_COMPRESSED)
    if allowed and task.mime == "image/jpeg":
        made = _or_none(lambda: _jpeg(image, kept, task.settings))
    else:
        made = _or_none(lambda: _lossless(image, kept, task, must=not allowed))
    return made or replace(kept, verdict=rules.KEPT_CODEC)


def _jpeg(image: Image.Image, kept: Compressed, settings: Settings) -> Compressed:
    """With loss where the source is finer than the target quality, else (or if that is no good) without any."""
    if image.mode not in ("RGB", "L") or is_multi_picture(kept.data):
        return replace(kept, verdict=rules.KEPT_SPECIAL)
    quality = rules.estimate_jpeg_quality(getattr(image, "quantization", {}))
    if quality <= settings.leave_jpeg_at_or_below:
        left = replace(kept, verdict=rules.KEPT_COMPRESSED)
    else:
        left = _jpeg_with_loss(image, kept, settings)
        if left.data is not kept.data:
            return left
    if not settings.optimize_jpeg:
        return left
    data = encoders.optimize_jpeg(kept.data)
    if saving(len(kept.data), len(data)) < settings.min_saving_lossless:
        return left
    made = decode(data, "image/jpeg")
    if not (same_look(image, made) and same_pixels(image, made)):
        return replace(kept, verdict=rules.KEPT_QUALITY)
    return replace(kept, data=data, verdict=rules.OPTIMIZED, similarity=1.0)


def _jpeg_with_loss(image: Image.Image, kept: Compressed, settings: Settings) -> Compressed:
    data = encode_jpeg(image, settings.jpeg_quality)
    if saving(len(kept.data), len(data)) < settings.min_saving_lossy:
        return kept
    made = decode(data, "image/jpeg")
    alike = similarity(image, made) if same_look(image, made) else 0.0
    if alike < settings.similarity_floor["image/jpeg"]:
        return replace(kept, verdict=rules.KEPT_QUALITY)
    return replace(kept, data=data, verdict=rules.COMPRESSED, similarity=round(alike, 4))


def _lossless(image: Image.Image, kept: Compressed, task: Task, *, must: bool) -> Compressed:
    """The picture without any loss, as WebP or PNG, whichever the bucket takes and is clearly smaller.

    `must`: the bucket does not take the source's format, so a larger result is used as well.
    """
    if image.mode not in _LOSSLESS_MODES or not _is_plain(image, kept.data, task.mime):
        return replace(kept, verdict=rules.KEPT_SPECIAL)
    encoded = _encoded_without_loss(image, kept, task, must=must)
    if encoded is None:
        return kept
    data, mime, shown = encoded
    if not must and saving(len(kept.data), len(data)) < task.settings.min_saving_lossless:
        return kept
    made = decode(data, mime)
    if not (same_look(shown, made) and same_pixels(shown, made)):
        return replace(kept, verdict=rules.KEPT_QUALITY)
    verdict = rules.CONVERTED if must else rules.COMPRESSED if mime != task.mime else rules.OPTIMIZED
    size = {"width": shown.width, "height": shown.height}
    return replace(kept, data=data, mime=mime, verdict=verdict, similarity=1.0, **size)


def _encoded_without_loss(
    image: Image.Image, kept: Compressed, task: Task, *, must: bool
) -> tuple[bytes, str, Image.Image] | None:
    """Bytes, type and what they must show; None where the bucket takes no format that can be used."""
    settings = task.settings
    types = task.bucket_types or frozenset(("image/webp", "image/png"))
    small = image.width * image.height <= settings.max_webp_pixels
    webp = "image/webp" in types and small and encoders.can_be_webp(image)
    if webp and (must or settings.policy == rules.SMALLEST):
        # Viewers differ in whether they turn a WebP by its EXIF, so it is turned here.
        shown = upright(image)
        return encoders.encode_lossless_webp(shown, settings.webp_effort), "image/webp", shown
    if "image/png" not in types:
        return None
    if task.mime == "image/png":
        return encoders.optimize_png(kept.data), "image/png", image
    shown = upright(image)
    return encoders.optimize_png(encoders.encode_png(shown)), "image/png", shown


def _is_plain(image: Image.Image, data: bytes, mime: str) -> bool:
    """Whether 8 bits, one frame and sRGB say all that the file says (PNG: depth, gamma, primaries and HDR chunks)."""
    if mime == "image/tiff":
        # Pillow reads 16 bits of three colours as 8 without a word.
        depths: tuple[int, ...] = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (1,))
        return max(depths) <= 8
    if mime != "image/png":
        return True
    if data[24] > 8 or is_animated_png(data):
        return False
    chunks = {
        kind: data[start + 8 : end - 4]
        for kind, start, end in png_chunks(data)
        if kind not in (b"IDAT", b"IEND")
    }
    if b"cICP" in chunks:
        return False
    if b"sRGB" in chunks or b"iCCP" in chunks:
        return True
    # Browsers make a colour profile of gamma and primaries; another format would not carry these on.
    gamma = int.from_bytes(chunks.get(b"gAMA", _SRGB_GAMMA.to_bytes(4, "big")), "big")
    colours = struct.unpack(">8I", chunks.get(b"cHRM", struct.pack(">8I", *_SRGB_COLOURS)))
    said, plain = (gamma, *colours), (_SRGB_GAMMA, *_SRGB_COLOURS)
    return all(abs(one - other) <= 100 for one, other in zip(said, plain, strict=True))
