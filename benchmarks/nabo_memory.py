"""How much memory a worker process takes at most for one picture of 12 and of 50 megapixels, format by format.

Each picture is compressed by a fresh worker, as the pipeline runs it, and its result decoded again as verification
does. The figure is the kernel's own high-water mark of that process: no spike escapes it. (`VmHWM`, not `ru_maxrss`:
that one begins with the size of the process that started this one.) At 50 megapixels the pictures are smoother than
photographs, because larger files than 25 MiB are not taken at all; an encoder's memory goes by the pixels, not by what
they show.
"""

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from nabo_pipeline.media.compression import Task

KIB_PER_MIB = 1024
SIZES = {"12mp": (4000, 3000), "50mp": (8660, 5773)}
QUICK_SIZES = {"12mp": (400, 300), "50mp": (866, 577)}
FORMATS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {"quality": 95, "subsampling": 0}),
    "jpeg_progressive": ("JPEG", "RGB", {"quality": 95, "subsampling": 0, "progressive": True}),
    "png": ("PNG", "RGB", {"compress_level": 1}),
    "png_alpha": ("PNG", "RGBA", {"compress_level": 1}),
    "webp": ("WEBP", "RGB", {"quality": 90, "method": 0}),
    "webp_alpha": ("WEBP", "RGBA", {"lossless": True, "quality": 0, "method": 0}),
    "tiff": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    "gif": ("GIF", "P", {}),
}
"""Name -> Pillow's format, mode and options."""
FORMATS_TO_FIT = ("jpeg", "png_alpha")
"""Tried with the smallest bucket, too: their results are over its limit and must be made to fit."""
BUCKETS = {"service-media": 10_000_000, "avatars": 2_000_000}
TYPES = frozenset(("image/jpeg", "image/png", "image/webp"))


@dataclass(frozen=True)
class Peak:
    """The worker's peak (MiB) for one picture, and what it made of it."""

    name: str
    mib: float
    outcome: str


def run(environment: Mapping[str, str], folder: Path) -> Iterator[dict[str, Any]]:
    """The peaks: `peak_mib` and `peak_mib_50mp` are the worst of all formats and buckets."""
    quick = environment.get("BENCH_PICTURES") == "small"
    sizes, formats = (QUICK_SIZES, FORMATS_TO_FIT) if quick else (SIZES, tuple(FORMATS))
    for key, size in sizes.items():
        pictures = _pictures(folder, size, formats)
        cases = [(name, path, "service-media") for name, path in pictures.items()]
        if (
            key == "12mp"
        ):  # at 50 a result that does not fit is scaled down as here: the lossless try is the worst
            cases += [(name, pictures[name], "avatars") for name in FORMATS_TO_FIT]
        with ThreadPoolExecutor(2) as threads:
            peaks = list(threads.map(_peak, cases))
        worst = max(peaks, key=lambda peak: peak.mib)
        suffix = "" if key == "12mp" else "_50mp"
        yield {
            f"peak_mib{suffix}": worst.mib,
            f"peak{suffix}_worst": worst.name,
            f"peaks{suffix}": {peak.name: f"{peak.mib:.0f}, {peak.outcome}" for peak in peaks},
        }


def _pictures(folder: Path, size: tuple[int, int], formats: tuple[str, ...]) -> dict[str, Path]:
    """One file of each format with this many pixels. Raises ValueError if the pipeline would not take one."""
    from nabo_pipeline.media.compression import Settings

    base, written = _picture(size), {}
    for name in formats:
        format_, mode, options = FORMATS[name]
        path = folder / f"{name}-{size[0]}x{size[1]}"
        _in_mode(base, mode).save(path, format_, **options)
        if path.stat().st_size > Settings().max_bytes:
            raise ValueError(f"{path.name} takes {path.stat().st_size} bytes: more than the pipeline reads")
        written[name] = path
    return written


def _picture(size: tuple[int, int]) -> "Image.Image":
    from PIL import Image, ImageOps

    from local_stack.sources.media.photographs import COLOURED, as_taken_by_a_phone, picture

    rng = random.Random(12)
    if size[0] > SIZES["12mp"][0]:
        return picture(rng, (1000, 1000), COLOURED).resize(size, Image.Resampling.BICUBIC)
    scene = picture(rng, (size[0], size[0]), COLOURED)
    return as_taken_by_a_phone(ImageOps.fit(scene, size), rng)


def _in_mode(picture: "Image.Image", mode: str) -> "Image.Image":
    from PIL import Image

    if mode == "P":
        return picture.quantize(64)
    if mode == "RGBA":
        picture = picture.copy()
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def _peak(case: tuple[str, Path, str]) -> Peak:
    from migration_kit.pictures.isolation import isolated_workers
    from nabo_pipeline.media.compression import MAX_SIDE, Settings, Task

    name, path, bucket = case
    mime = f"image/{name.partition('_')[0]}"
    task = Task(path.read_bytes(), mime, TYPES, BUCKETS[bucket], MAX_SIDE.get(bucket), Settings())
    with isolated_workers(1, seconds=300, memory=Settings().max_memory) as workers:
        outcome, peak = workers.run(compress_and_decode, task)
    return Peak(f"{name} to {bucket}", peak / KIB_PER_MIB, outcome)


def compress_and_decode(task: "Task") -> tuple[str, int]:
    """Inside the worker: its work on one picture. Returns what it made, and its peak in KiB."""
    from nabo_pipeline.codecs.compress import compress, decodes
    from nabo_pipeline.media.compression import Rejected

    result = compress(task)
    if isinstance(result, Rejected):
        told = result.reason
    elif decodes((result.data, result.mime)):
        told = f"{result.verdict}: {result.mime}, {len(result.data) / 1e6:.1f} MB"
    else:
        told = "does not decode"
    return told, _high_water_mark()


def _high_water_mark() -> int:
    """The most KiB that this process has had in memory since it was started (proc(5), VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1])
