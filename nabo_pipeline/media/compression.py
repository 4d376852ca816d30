"""The rules of compression: settings, verdicts, limits and the estimate of a JPEG's quality. No codec here.

Compression only ever helps: a result is used if it is clearly smaller and faithful, else the picture goes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from migration_kit.accounting import State
from migration_kit.pictures.bounds import Limits

SMALLEST, KEEP_FORMAT, AS_IT_IS = "smallest faithful", "keep format", "as it is"
POLICIES = (SMALLEST, KEEP_FORMAT, AS_IT_IS)
"""Never change a format where the bucket takes it (`keep format`); re-encode nothing that the bucket takes and that is
not too large for it (`as it is`: private metadata is taken out all the same)."""

KEPT_NOT_SMALLER = "kept: not smaller"
KEPT_QUALITY = "kept: quality"
KEPT_COMPRESSED = "kept: already compressed"
KEPT_SPECIAL = "kept: not safe to re-encode"
KEPT_ANIMATION = "kept: animation"
KEPT_BY_POLICY = "kept: as it is"
KEPT_CODEC = "kept: codec failed"
COMPRESSED = "compressed"
OPTIMIZED = "optimised without loss"
CONVERTED = "converted"
CONVERTED_ANIMATION = "converted: animation"
REDUCED = "reduced to the bucket's limit"

OVER_LIMIT = "Over bucket limit after compression"
ANIMATED = "Animation cannot be kept in this bucket"
PAGES = "Several pages cannot be kept in this bucket"
NO_LOSSLESS_COPY = "Cannot be converted without loss"

MAX_SIDE: Mapping[str, int] = {"avatars": 1024, "service-media": 2048}
"""The app's own upload limits in pixels, applied only where a picture is too large for its bucket."""

# ITU-T T.81, table K.1: the luminance table that quality settings of libjpeg are multiples of, in zigzag order.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51,
    61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77,
    113, 121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip


@dataclass(frozen=True)
class Settings(Limits):
    """What compression may do, within limits. Savings in percent, similarity as SSIM (0 to 1)."""

    policy: str = SMALLEST
    jpeg_quality: int = 85
    leave_jpeg_at_or_below: int = 86
    optimize_jpeg: bool = True
    """Whether a JPEG that is not re-encoded goes through a lossless pass."""
    webp_effort: int = 20
    """0 to 100, for lossless WebP: 26 and more take half as much time again and save 0 to 1.5% more."""
    max_webp_pixels: int = 16_000_000
    """Larger pictures do not become lossless WebP: it takes 26 to 40 bytes a pixel, oxipng 7 to 10."""
    animated_gif_to_webp: bool = False
    """Whether an animated GIF becomes an animated WebP, frame by frame the same, where the bucket takes no GIF."""
    min_saving_lossless: float = 2.0
    min_saving_lossy: float = 10.0
    similarity_floor: Mapping[str, float] = field(
        default_factory=lambda: {"image/jpeg": 0.95, "image/webp": 0.95}
    )
    """By the format of a result with loss."""
    limit_qualities: tuple[int, ...] = (90, 85, 80)
    """Quality steps for a picture over its bucket's limit."""


@dataclass(frozen=True)
class Task:
    """One picture to compress for one bucket. `max_side` in pixels; `data` is the file as the backup holds it."""

    data: bytes
    mime: str
    bucket_types: frozenset[str]
    size_limit: int | None
    max_side: int | None
    settings: Settings


@dataclass(frozen=True)
class Compressed:
    """What is to be uploaded. `similarity` is None where no pixel was changed (or 1.0 where that was compared)."""

    data: bytes
    mime: str
    verdict: str
    similarity: float | None
    width: int
    height: int
    frames: int


@dataclass(frozen=True)
class Rejected:
    """Why a picture cannot go: excluded by a rule, or quarantined because its bytes are no sound picture."""

    state: State
    reason: str


def saving(before: int, after: int) -> float:
    """Percent of `before` bytes that `after` saves; negative where it is larger."""
    return 100 * (before - after) / before if before else 0.0


def estimate_jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """The libjpeg quality (1 to 100) nearest to a JPEG's first quantisation table (64 values, either order).

    The sum of the table is compared, so that the order of its values does not matter. 100 if there is no table.
    """
    if not tables:
        return 100
    total = sum(tables[min(tables)])
    return min(range(1, 101), key=lambda quality: (abs(_table_sum(quality) - total), -quality))


@cache
def _table_sum(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (value * scale + 50) // 100)) for value in _LUMINANCE)
