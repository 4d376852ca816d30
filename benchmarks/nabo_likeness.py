"""How alike a picture and what was made of it are: one measure for both ways, independent of the pipeline's own.

SSIM of the luma (0 to 1), both upright, over white where they are transparent, scaled down to `LONGEST` if larger.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LONGEST = 1600
"""Pixels of the longer side: finer than any screen shows these pictures, and SSIM stays affordable."""


def likeness(source: Path, result: Path) -> float:
    """SSIM of two picture files; 0 where their sizes differ."""
    from skimage.metrics import structural_similarity

    one, other = _luma(source), _luma(result)
    if one.shape != other.shape:
        return 0.0
    return float(structural_similarity(one, other, data_range=255))  # type: ignore[no-untyped-call]


def _luma(path: Path) -> "np.ndarray":
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
        gray = picture.convert("L")
    longest = max(gray.size)
    if longest > LONGEST:
        size = round(gray.width * LONGEST / longest), round(gray.height * LONGEST / longest)
        gray = gray.resize(size, Image.Resampling.BOX)
    return np.asarray(gray)
