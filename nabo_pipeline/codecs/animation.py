"""An animated GIF as an animated WebP that shows the same at every moment, or nothing.

Both are compared as they are seen: frame by frame after disposal and blending, with times and repetitions.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageSequence

from migration_kit.pictures.decoding import decode, frame_count
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Compressed

if TYPE_CHECKING:
    from PIL import Image

_SHORTEST_MS, _INSTEAD_MS = 10, 100
"""Every browser shows frames of 10 ms and less for 100: a delay of 0 means that nobody set one."""


def to_animated_webp(image: Image.Image, kept: Compressed, effort: int) -> Compressed | None:
    """The animation as a lossless WebP; None where it would not show exactly the same. `effort`: 0 to 100."""
    before = _timeline(image)
    times = [_shown_ms(frame) for frame in ImageSequence.Iterator(image)]
    out = io.BytesIO()
    image.seek(0)
    image.save(
        out, "WEBP", save_all=True, lossless=True, exact=True, method=2, quality=effort, duration=times,
        loop=_repetitions(image), background=(0, 0, 0, 0),
    )  # fmt: skip
    made = decode(out.getvalue(), "image/webp")
    if made.size != image.size or made.info.get("loop") != _repetitions(image) or _timeline(made) != before:
        return None
    frames = frame_count(made)
    return replace(
        kept,
        data=out.getvalue(),
        mime="image/webp",
        verdict=rules.CONVERTED_ANIMATION,
        similarity=1.0,
        frames=frames,
    )


def _repetitions(image: Image.Image) -> int:
    """How often a WebP of this GIF has to run, 0 for ever: GIF counts what comes after the first time."""
    if "loop" not in image.info:
        return 1
    return int(image.info["loop"]) and int(image.info["loop"]) + 1


def _shown_ms(frame: Image.Image) -> int:
    given = int(frame.info.get("duration", 0))
    return given if given > _SHORTEST_MS else _INSTEAD_MS


def _timeline(image: Image.Image) -> list[tuple[bytes, int]]:
    """What is seen and for how long (ms). Equal frames in a row are one: encoders lengthen the first instead."""
    seen: list[tuple[bytes, int]] = []
    for digest, shown in _frames(image):
        if seen and seen[-1][0] == digest:
            seen[-1] = digest, seen[-1][1] + shown
        else:
            seen.append((digest, shown))
    return seen


def _frames(image: Image.Image) -> Iterator[tuple[bytes, int]]:
    for frame in ImageSequence.Iterator(image):
        pixels = np.array(frame.convert("RGBA"))
        # Nothing is behind a pixel that is wholly transparent, whatever its colour says.
        pixels[pixels[..., 3] == 0] = 0
        yield hashlib.sha256(pixels.tobytes()).digest(), _shown_ms(frame)
    image.seek(0)
