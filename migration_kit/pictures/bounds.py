"""Which files no decoder may see: empty, too large, broken, of another type than said, or made to exhaust a decoder.

Told from bytes, header and skeleton alone. What a decoder finds afterwards is a matter of `decoding`.
"""

from __future__ import annotations

from dataclasses import dataclass

from migration_kit.pictures.file_types import sniff
from migration_kit.pictures.structure import OtherTypeError, Skeleton, SkeletonError, read_skeleton

MIB = 1_048_576
EMPTY_FILE = "Empty file (0 bytes)"


@dataclass(frozen=True)
class Limits:
    """What a file may hold and what looking at it may take. Sizes in bytes, times in seconds."""

    max_bytes: int = 25 * MIB
    max_pixels: int = 50_000_000
    max_frames: int = 60
    max_frame_pixels: int = 500_000_000
    """Pixels of all frames together: what a small file can make a decoder draw."""
    max_seconds: int = 120
    max_memory: int = 2048 * MIB


def breach(data: bytes, mime: str, limits: Limits) -> str | None:
    """Why a file may not be decoded, or None where it may. `mime`: what it was said to be before."""
    if not data:
        return EMPTY_FILE
    if len(data) > limits.max_bytes:
        return f"Larger than {limits.max_bytes // MIB} MiB"
    if (found := sniff(data).mime) != mime:
        return f"{OtherTypeError.label}: it was said to be {mime} and is {found}"
    try:
        skeleton = read_skeleton(data, mime)
    except SkeletonError as error:
        return f"{error.label}: {error}"
    return _too_large(skeleton, limits)


def _too_large(skeleton: Skeleton, limits: Limits) -> str | None:
    if skeleton.pixels < 1:
        return "Broken file: it has no pixels"
    if skeleton.pixels > limits.max_pixels:
        return f"More than {limits.max_pixels / 1e6:.0f} megapixels"
    if skeleton.frames > limits.max_frames:
        return f"More than {limits.max_frames} frames"
    if skeleton.pixels * skeleton.frames > limits.max_frame_pixels:
        return f"More than {limits.max_frame_pixels / 1e6:.0f} megapixels in all frames"
    return None
