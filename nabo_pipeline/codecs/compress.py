"""One picture, from the bytes in the backup to the bytes for the bucket, by the rules of `media.compression`.

Called inside an isolated process (`codecs.isolation`). On any doubt the original goes, without private metadata.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration_kit.accounting import State
from nabo_pipeline.codecs import pictures
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Compressed, Rejected, Settings, Task, saving
from nabo_pipeline.media.privacy import is_multi_picture, minimal_exif, orientation_of, strip
from nabo_pipeline.media.structure import BrokenFileError, png_chunks, read_skeleton

if TYPE_CHECKING:
    from PIL import Image

_WEBP_MAX_SIDE = 16_383
_LOSSLESS_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_SRGB_GAMMA = 45_455
LOSSLESS_EFFORT = 20
"""For lossless WebP a quality is an effort: 50 takes twice the time of 20 and saves 1% more."""
LOSSLESS = 101
"""A WebP quality beyond the scale: without any loss."""


def compress(task: Task) -> Compressed | Rejected:
    """What to upload for a picture, or why nothing may be uploaded. Never raises for what a file holds."""
    if (rejected := check_bounds(task.data, task.mime, task.settings)) is not None:
        return rejected
    try:
        clean = strip(task.data, task.mime)
        image = pictures.decode(clean, task.mime)
        frames = pictures.load_all(image)
    except (pictures.UndecodableError, BrokenFileError) as error:
        return Rejected(State.QUARANTINED, f"Undecodable: {error}")
    # Pillow counts the frames of a multi-picture JPEG, too; to viewers it is one picture.
    frames = 1 if task.mime == "image/jpeg" else frames
    kept = Compressed(clean, task.mime, rules.KEPT_NOT_SMALLER, None, *image.size, frames)
    allowed = not task.bucket_types or task.mime in task.bucket_types
    if frames > 1:
        return _several_frames(kept, task, allowed=allowed)
    return _fitting(image, _best(image, kept, task, allowed=allowed), task, allowed=allowed)


def _fitting(image: Image.Image, best: Compressed, task: Task, *, allowed: bool) -> Compressed | Rejected:
    """The best result if the bucket takes it, else one that was made to fit, else why there is none."""
    if task.size_limit is not None and len(best.data) > task.size_limit:
        return _within_limit(image, task) or Rejected(State.EXCLUDED, rules.OVER_LIMIT)
    if not allowed and best.mime == task.mime:
        return Rejected(State.EXCLUDED, f"Unsupported file type: {task.mime}")
    return best


def decodes(file: tuple[bytes, str]) -> bool:
    """Whether a file (bytes, type) decodes to its last frame."""
    data, mime = file
    try:
        read_skeleton(data, mime)
        return pictures.decode_all(data, mime) > 0
    except (pictures.UndecodableError, BrokenFileError, KeyError):
        return False


def check_bounds(data: bytes, mime: str, settings: Settings) -> Rejected | None:
    """Why a file may not be decoded, or None where it may: asked before any codec has seen it."""
    if not data:
        return Rejected(State.QUARANTINED, rules.EMPTY_FILE)
    if len(data) > settings.max_bytes:
        return Rejected(State.QUARANTINED, f"Larger than {settings.max_bytes // rules.MIB} MiB")
    try:
        skeleton = read_skeleton(data, mime)
    except BrokenFileError as error:
        return Rejected(State.QUARANTINED, f"Broken file: {error}")
    reason = None
    if skeleton.pixels < 1:
        reason = "Broken file: it has no pixels"
    elif skeleton.pixels > settings.max_pixels:
        reason = f"More than {settings.max_pixels / 1e6:.0f} megapixels"
    elif skeleton.frames > settings.max_frames:
        reason = f"More than {settings.max_frames} frames"
    return Rejected(State.QUARANTINED, reason) if reason else None


def _several_frames(kept: Compressed, task: Task, *, allowed: bool) -> Compressed | Rejected:
    """An animation goes as it is or not at all: its frames must not be lost silently."""
    if not allowed or task.mime == "image/tiff":
        return Rejected(State.EXCLUDED, rules.PAGES if task.mime == "image/tiff" else rules.ANIMATED)
    if task.size_limit is not None and len(kept.data) > task.size_limit:
        return Rejected(State.EXCLUDED, rules.OVER_LIMIT)
    return replace(kept, verdict=rules.KEPT_ANIMATION)


def _best(image: Image.Image, kept: Compressed, task: Task, *, allowed: bool) -> Compressed:
    if task.mime == "image/jpeg":
        return _jpeg(image, kept, task.settings) if allowed else _lossless(image, kept, task, must=True)
    if task.mime == "image/webp" and allowed:
        # At rest a WebP is small already; a second generation of loss would only harm it.
        return replace(kept, verdict=rules.KEPT_COMPRESSED)
    return _lossless(image, kept, task, must=not allowed)


def _jpeg(image: Image.Image, kept: Compressed, settings: Settings) -> Compressed:
    if image.mode not in ("RGB", "L") or is_multi_picture(kept.data):
        return replace(kept, verdict=rules.KEPT_SPECIAL)
    quality = rules.estimate_jpeg_quality(getattr(image, "quantization", {}))
    if quality <= settings.leave_jpeg_at_or_below:
        return replace(kept, verdict=rules.KEPT_COMPRESSED)
    data = _encode_jpeg(image, settings.jpeg_quality)
    if saving(len(kept.data), len(data)) < settings.min_saving_lossy:
        return kept
    alike = pictures.similarity(image, pictures.decode(data, "image/jpeg"))
    if alike < settings.similarity_floor["image/jpeg"]:
        return replace(kept, verdict=rules.KEPT_QUALITY, similarity=None)
    return replace(kept, data=data, verdict=rules.COMPRESSED, similarity=round(alike, 4))


def _lossless(image: Image.Image, kept: Compressed, task: Task, *, must: bool) -> Compressed:
    """The picture without any loss, as WebP or PNG, whichever the bucket takes and is clearly smaller.

    `must`: the bucket does not take the source's format, so a larger result is used as well.
    """
    if image.mode not in _LOSSLESS_MODES or not _is_plain(kept.data, task.mime):
        return replace(kept, verdict=rules.KEPT_SPECIAL)
    types = task.bucket_types or frozenset(("image/webp", "image/png"))
    webp = "image/webp" in types and max(image.size) <= _WEBP_MAX_SIDE
    if webp and (must or task.settings.policy == "smallest faithful"):
        data, mime = _encode_webp(image, LOSSLESS), "image/webp"
    elif "image/png" in types:
        data, mime = _encode_png(image), "image/png"
    else:
        return kept
    if not must and saving(len(kept.data), len(data)) < task.settings.min_saving_lossless:
        return kept
    if not pictures.same_pixels(image, pictures.decode(data, mime)):
        return replace(kept, verdict=rules.KEPT_QUALITY)
    verdict = rules.CONVERTED if must else rules.COMPRESSED
    return replace(kept, data=data, mime=mime, verdict=verdict, similarity=1.0)


def _is_plain(data: bytes, mime: str) -> bool:
    """Whether 8 bits and the sRGB curve say all that the file says (PNG: depth, gamma and HDR chunks)."""
    if mime != "image/png":
        return True
    if data[24] > 8:
        return False
    chunks = {kind: data[start + 8 : end - 4] for kind, start, end in png_chunks(data)}
    if b"cICP" in chunks:
        return False
    named = b"sRGB" in chunks or b"iCCP" in chunks
    gamma = int.from_bytes(chunks.get(b"gAMA", _SRGB_GAMMA.to_bytes(4, "big")), "big")
    return named or abs(gamma - _SRGB_GAMMA) <= 100


def _within_limit(image: Image.Image, task: Task) -> Compressed | None:
    """The picture under its bucket's limit: quality steps, then the app's own largest side, without and with loss."""
    limit, settings = task.size_limit or 0, task.settings
    types = task.bucket_types or frozenset(("image/webp", "image/jpeg"))
    if image.mode not in (_LOSSLESS_MODES | {"CMYK"}):
        return None
    plain = (
        image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA" if _has_alpha(image) else "RGB")
    )
    mime = "image/jpeg" if task.mime == "image/jpeg" and "image/jpeg" in types else "image/webp"
    if mime not in types:
        return None
    scaled = _scaled(plain, task.max_side)
    steps = [(plain, quality) for quality in settings.limit_qualities]
    if scaled is not None:
        steps += [(scaled, quality) for quality in (LOSSLESS, *settings.limit_qualities)]
    for base, quality in steps:
        if mime == "image/webp" and max(base.size) > _WEBP_MAX_SIDE:
            continue
        base.info.update({key: image.info[key] for key in ("icc_profile", "exif") if key in image.info})
        data = _encode_jpeg(base, min(quality, 95)) if mime == "image/jpeg" else _encode_webp(base, quality)
        if len(data) > limit:
            continue
        alike = pictures.similarity(base, pictures.decode(data, mime))
        if alike >= settings.similarity_floor[mime]:
            return Compressed(data, mime, rules.REDUCED, round(alike, 4), *base.size, 1)
    return None


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA") or "transparency" in image.info


def _scaled(image: Image.Image, max_side: int | None) -> Image.Image | None:
    from PIL import Image as Pillow

    if max_side is None or max(image.size) <= max_side:
        return None
    scale = max_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Pillow.Resampling.LANCZOS)


def _kept_metadata(image: Image.Image) -> dict[str, Any]:
    """Colour profile and orientation: what must go into every new file."""
    kept: dict[str, Any] = {}
    if image.info.get("icc_profile"):
        kept["icc_profile"] = image.info["icc_profile"]
    orientation = orientation_of(image.info.get("exif", b""))
    if orientation != 1:
        kept["exif"] = b"Exif\x00\x00" + minimal_exif(orientation)
    return kept


def _encode_jpeg(image: Image.Image, quality: int) -> bytes:
    from PIL import JpegImagePlugin

    sampling = JpegImagePlugin.get_sampling(image) if getattr(image, "layer", None) else -1
    picture = image.convert("RGB") if image.mode not in ("RGB", "L") else image
    out = io.BytesIO()
    # 4:4:4 stays 4:4:4: coloured edges and lettering suffer first.
    subsampling = sampling if sampling in (0, 1, 2) else 2
    picture.save(
        out,
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        optimize=True,
        progressive=True,
        **_kept_metadata(image),
    )
    return out.getvalue()


def _encode_webp(image: Image.Image, quality: int) -> bytes:
    """WebP; with `LOSSLESS` lossless and exact (the colour under transparency stays)."""
    picture = image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")
    how: dict[str, Any] = (
        {"lossless": True, "exact": True, "method": 2, "quality": LOSSLESS_EFFORT}
        if quality == LOSSLESS
        else {"quality": quality}
    )
    out = io.BytesIO()
    picture.save(out, "WEBP", **how, **_kept_metadata(image))
    return out.getvalue()


def _encode_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    kept = _kept_metadata(image)
    if "transparency" in image.info:
        kept["transparency"] = image.info["transparency"]
    image.save(out, "PNG", optimize=True, **kept)
    return out.getvalue()
