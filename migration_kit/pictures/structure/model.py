"""What a walk over a file finds: its skeleton, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

TRUNCATED = "the file is truncated"


class SkeletonError(ValueError):
    """Why a file may not be decoded. `label` begins the reason that people read."""

    label = "Broken file"


class BrokenFileError(SkeletonError):
    """The file is not whole: cut off, or its skeleton contradicts itself."""


class BombError(SkeletonError):
    """The file is made to exhaust whoever decodes it."""

    label = "Decompression bomb"


class OtherTypeError(SkeletonError):
    """The file is of another type than its first bytes say."""

    label = "Type mismatch"


@dataclass(frozen=True)
class Skeleton:
    """Width and height in pixels (of what a decoder allocates), and how many frames or pages there are."""

    width: int
    height: int
    frames: int = 1

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.width * self.height
