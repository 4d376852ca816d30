"""Which files no codec may see: empty, too large, broken, of another type than was said, or made to exhaust a decoder.

Told from bytes, header and skeleton alone. What a decoder finds afterwards is a matter of `codecs`.
"""

from __future__ import annotations

from migration_kit.accounting import State
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Rejected, Settings
from nabo_pipeline.media.file_types import sniff
from nabo_pipeline.media.structure import OtherTypeError, Skeleton, SkeletonError, read_skeleton


def check_bounds(data: bytes, mime: str, settings: Settings) -> Rejected | None:
    """Why a file may not be decoded, or None where it may. `mime`: what the inventory said of it."""
    reason = _reason(data, mime, settings)
    return Rejected(State.QUARANTINED, reason) if reason else None


def _reason(data: bytes, mime: str, settings: Settings) -> str | None:
    if not data:
        return rules.EMPTY_FILE
    if len(data) > settings.max_bytes:
        return f"Larger than {settings.max_bytes // rules.MIB} MiB"
    if (found := sniff(data).mime) != mime:
        return f"{OtherTypeError.label}: it was {mime} in the inventory and is {found} now"
    try:
        skeleton = read_skeleton(data, mime)
    except SkeletonError as error:
        return f"{error.label}: {error}"
    return _too_large(skeleton, settings)


def _too_large(skeleton: Skeleton, settings: Settings) -> str | None:
    if skeleton.pixels < 1:
        return "Broken file: it has no pixels"
    if skeleton.pixels > settings.max_pixels:
        return f"More than {settings.max_pixels / 1e6:.0f} megapixels"
    if skeleton.frames > settings.max_frames:
        return f"More than {settings.max_frames} frames"
    if skeleton.pixels * skeleton.frames > settings.max_frame_pixels:
        return f"More than {settings.max_frame_pixels / 1e6:.0f} megapixels in all frames"
    return None
