"""Real photographs in the formats, sizes and with the metadata of the backup; deterministic by seed.

Raw material are the photographs inside scikit-image's wheel (no download). Here: pixels and encodings.
What file is called how is in `shape`; broken pictures are in `hostile`.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from local_stack.sources.media.shape import File

if TYPE_CHECKING:
    from PIL import Image

PHOTOGRAPHS = (
    "astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg",
    "hubble_deep_field.jpg", "retina.jpg", "ihc.png", "color.png", "camera.png", "grass.png", "gravel.png", "brick.png",
)  # fmt: skip
SMALL_SIDES = (120, 240)
REAL_SIDES = {"png": (1350, 1750), "jpeg": (3400, 4200), "webp": (2200, 2800), "gif": (1200, 1600)}
"""Pixels of the longer side that make about 3 MiB a file, with the noise that a sensor adds."""
SENSOR_NOISE = 4.0
"""Standard deviation, in steps of 255: without it a picture that was scaled up would compress like a drawing."""
BASES = 12
"""How many encoded pictures stand behind the files without a mapping; a comment makes each file distinct."""


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _photograph(name: str) -> Image.Image:
    from PIL import Image

    with (files("skimage") / "data" / name).open("rb") as stream:
        return Image.open(stream).convert("RGB")


def picture(rng: random.Random, sides: tuple[int, int]) -> Image.Image:
    """A crop of a photograph: cropped, scaled, sometimes mirrored, with its own exposure."""
    from PIL import Image, ImageEnhance, ImageOps

    photograph = _photograph(rng.choice(PHOTOGRAPHS))
    share = rng.uniform(0.45, 0.9)
    width, height = (round(side * share) for side in photograph.size)
    left = rng.randrange(photograph.width - width)
    top = rng.randrange(photograph.height - height)
    crop = photograph.crop((left, top, left + width, top + height))
    long_side = rng.randint(*sides)
    scale = long_side / max(crop.size)
    size = max(1, round(crop.width * scale)), max(1, round(crop.height * scale))
    crop = crop.resize(size, Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        crop = ImageOps.mirror(crop)
    return ImageEnhance.Brightness(crop).enhance(rng.uniform(0.85, 1.1))


def with_noise(image: Image.Image, rng: random.Random) -> Image.Image:
    """The picture with a sensor's noise in it."""
    import numpy as np
    from PIL import Image

    tile = (
        np.random.default_rng(rng.getrandbits(64))
        .normal(0, SENSOR_NOISE, (256, 256, 3))
        .round()
        .astype(np.int16)
    )
    pixels = np.asarray(image).astype(np.int16)
    # Tile by tile: whole pictures of noise would take more memory than what is to be measured.
    for top in range(0, image.height, 256):
        for left in range(0, image.width, 256):
            part = pixels[top : top + 256, left : left + 256]
            part += tile[: part.shape[0], : part.shape[1]]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def photograph(format_: str, scale: str, rng: random.Random, *, quick: bool = False) -> bytes:
    """A photograph as a file of this format and scale ("small" or "real")."""
    if scale != "real":
        return encode(picture(rng, SMALL_SIDES), format_, rng, quick=quick)
    return encode(with_noise(picture(rng, REAL_SIDES[format_]), rng), format_, rng, quick=quick)


def phone_exif(orientation: int, *, gps: bool = True) -> bytes:
    """EXIF as a phone writes it: orientation, make, and (what must not travel on) where the picture was taken."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Phone"
    if gps:
        exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 46.0), 3: "E", 4: (10.0, 44.0, 24.0)})
    return exif.tobytes()


def encode(image: Image.Image, format_: str, rng: random.Random, *, quick: bool = False) -> bytes:
    """The picture as a file of `format_`: png (a few with transparency), jpeg (as phones write it), webp, gif."""
    out = io.BytesIO()
    if format_ == "png":
        if rng.random() < 0.1:
            image = _with_transparent_corner(image)
        image.save(out, "PNG", compress_level=1 if quick else 6)
    elif format_ == "jpeg":
        exif = phone_exif(rng.choice((1, 1, 1, 3, 6, 8)), gps=rng.random() < 0.5)
        image.save(
            out, "JPEG", quality=rng.choice((80, 90, 93, 95)), subsampling=rng.choice((0, 2)), exif=exif
        )
    elif format_ == "webp":
        image.save(out, "WEBP", quality=82, method=0)
    elif format_ == "gif":
        image.quantize(128).save(out, "GIF")
    else:
        raise ValueError(f"no encoder for {format_!r}")
    return out.getvalue()


def _with_transparent_corner(image: Image.Image) -> Image.Image:
    from PIL import Image

    alpha = Image.linear_gradient("L").resize(image.size).point(lambda value: min(255, value * 2))
    image = image.copy()
    image.putalpha(alpha)
    return image


def comment(data: bytes, format_: str, text: str) -> bytes:
    """The same picture with a comment inside: distinct bytes at no cost, still a valid file of its format."""
    note = text.encode()
    if format_ == "jpeg":
        return data[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + data[2:]
    if format_ == "png":
        body = b"tEXtComment\x00" + note
        return (
            data[:33]
            + struct.pack(">I", len(body) - 4)
            + body
            + struct.pack(">I", zlib.crc32(body))
            + data[33:]
        )
    if format_ == "gif":
        return data[:-1] + b"\x21\xfe" + bytes([len(note)]) + note + b"\x00" + data[-1:]
    if format_ == "webp":
        chunk = b"NOTE" + struct.pack("<I", len(note)) + note + b"\x00" * (len(note) % 2)
        return data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk
    raise ValueError(f"no comment in {format_!r}")


@lru_cache(maxsize=256)
def _base(format_: str, number: int, seed: int, scale: str) -> bytes:
    return photograph(format_, scale, random.Random(f"base-{seed}-{format_}-{number}"), quick=True)


def content(file: File, *, seed: int, scale: str) -> bytes:
    """The bytes of one file of the backup. `scale`: "small" (10 to 60 KB each) or "real" (about 3 MiB each)."""
    key = file.twin_of or file.key
    if file.format == "stray":
        return f"this is no picture: {key}\n".encode()
    if file.mapped:
        return photograph(file.format, scale, random.Random(f"photograph-{seed}-{key}"))
    return comment(_base(file.format, file.variant % BASES, seed, scale), file.format, key)
