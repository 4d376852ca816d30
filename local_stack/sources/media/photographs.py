"""Real photographs in the formats, sizes and with the metadata of the backup; deterministic by seed.

Raw material are the photographs inside scikit-image's wheel (no download). They are smaller than a phone's, so those
of the real sizes are scaled up, get detail finer than their own, and then go the way that a phone's picture goes:
sensor noise as the colour filter leaves it (neighbours share it), the phone's own JPEG with half the colours, and only
then, by an app, PNG. Noise that is independent in every pixel and colour, straight into PNG, would leave lossless
codecs 4 to 10% to save; these leave them what real ones do (about a third from PNG to lossless WebP, 45 to 50% from
JPEG at 95 to 85): a test asks.
Here: pixels and encodings. What file is called how is in `shape`; broken pictures are in `hostile`.
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
COLOURED = PHOTOGRAPHS[:9]
"""Without the colour chart and the grey ones: nobody's phone takes those."""
SMALL_SIDES = (120, 240)
REAL_SIDES = {"png": (1500, 2000), "jpeg": (3400, 4200), "webp": (2400, 3200), "gif": (1900, 2500)}
"""Pixels of the longer side that make about 3 MiB a file (WebP 1 to 2), with the noise that a sensor adds."""
SENSOR_NOISE = 3.0
"""Standard deviation at full brightness, in steps of 255, before the colour filter is undone; half of it at black."""
LENS = 0.5
"""How much of the contrast of two neighbouring pixels is left by a phone's lens."""
PHONE_QUALITIES = (90, 93, 95, 97)
"""Of the JPEG that a phone makes of every picture, whatever an app makes of that one later."""
JPEG_QUALITIES = (80, 90, 93, 95)
PNG_LEVELS = (6, 6, 6, 3)
"""zlib levels: libpng's default, which most apps leave as it is, and a quick one."""
BASES = 12
"""How many encoded pictures stand behind the files without a mapping; a comment makes each file distinct."""


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _photograph(name: str) -> Image.Image:
    from PIL import Image

    with (files("skimage") / "data" / name).open("rb") as stream:
        return Image.open(stream).convert("RGB")


def picture(
    rng: random.Random, sides: tuple[int, int], photographs: tuple[str, ...] = PHOTOGRAPHS
) -> Image.Image:
    """A crop of a photograph: cropped, scaled, sometimes mirrored, with its own exposure."""
    from PIL import Image, ImageEnhance, ImageOps

    photograph = _photograph(rng.choice(photographs))
    share = rng.uniform(0.45, 0.9)
    width, height = (round(side * share) for side in photograph.size)
    left = rng.randrange(photograph.width - width)
    top = rng.randrange(photograph.height - height)
    crop = photograph.crop((left, top, left + width, top + height))
    long_side = rng.randint(*sides)
    scale = long_side / max(crop.size)
    size = max(1, round(crop.width * scale)), max(1, round(crop.height * scale))
    crop = with_detail(crop, size, rng) if scale > 2 else crop.resize(size, Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        crop = ImageOps.mirror(crop)
    return ImageEnhance.Brightness(crop).enhance(rng.uniform(0.85, 1.1))


def with_detail(image: Image.Image, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """The picture scaled up, with detail finer than its own: in natural scenes each octave is as strong as the last.

    How strong that is where, the picture's own finest detail says; the very finest is dimmed, as a lens does.
    """
    import numpy as np
    from PIL import Image, ImageChops, ImageFilter

    gray = image.convert("L")
    finest = ImageChops.difference(gray, gray.filter(ImageFilter.GaussianBlur(1)))
    strength = finest.filter(ImageFilter.GaussianBlur(3)).resize(size, Image.Resampling.BILINEAR)
    generator = np.random.default_rng(rng.getrandbits(64))
    detail = np.zeros((size[1], size[0]), np.float32)
    octave = 1
    while octave < max(size) / max(image.size):
        grain = generator.standard_normal((-(-size[1] // octave), -(-size[0] // octave)), dtype=np.float32)
        grown = np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC))
        detail += grown * (LENS if octave == 1 else 1)
        octave *= 2
    detail *= np.asarray(strength)
    scaled = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(np.float32)
    scaled += detail[..., None]
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def with_sensor_noise(image: Image.Image, rng: random.Random) -> Image.Image:
    """The picture with a sensor's noise in it, interpolated as the sensor's red, green and blue pixels are."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(rng.getrandbits(64))
    bands = []
    # Of four pixels in a square one sees red, two see green and one sees blue.
    for band, (wide, high) in zip(image.split(), ((2, 2), (2, 1), (2, 2)), strict=True):
        size = -(-image.height // high), -(-image.width // wide)
        noise = Image.fromarray(generator.standard_normal(size, dtype=np.float32))
        noise = noise.resize(image.size, Image.Resampling.BILINEAR)
        light = np.asarray(band).astype(np.float32)
        light += np.asarray(noise) * SENSOR_NOISE * np.sqrt(0.25 + 0.75 * light / 255)
        bands.append(Image.fromarray(light.round().clip(0, 255).astype(np.uint8)))
    return Image.merge("RGB", bands)


def as_taken_by_a_phone(image: Image.Image, rng: random.Random) -> Image.Image:
    """The picture as an app gets it from a phone: noise of the sensor, and the phone's own JPEG undone again."""
    from PIL import Image

    taken = io.BytesIO()
    with_sensor_noise(image, rng).save(taken, "JPEG", quality=rng.choice(PHONE_QUALITIES), subsampling=2)
    return Image.open(taken).convert("RGB")


def photograph(format_: str, scale: str, rng: random.Random, *, quick: bool = False) -> bytes:
    """A photograph as a file of this format and scale ("small" or "real")."""
    if scale != "real":
        return encode(picture(rng, SMALL_SIDES), format_, rng, quick=quick)
    scene = picture(rng, REAL_SIDES[format_], COLOURED)
    if format_ == "jpeg":
        return encode(with_sensor_noise(scene, rng), format_, rng, qualities=PHONE_QUALITIES)
    level = rng.choice(PNG_LEVELS)
    return encode(as_taken_by_a_phone(scene, rng), format_, rng, quick=quick, level=level)


def phone_exif(orientation: int, *, gps: bool = True) -> bytes:
    """EXIF as a phone writes it: orientation, make, and (what must not travel on) where the picture was taken."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Phone"
    if gps:
        exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 46.0), 3: "E", 4: (10.0, 44.0, 24.0)})
    return exif.tobytes()


def encode(
    image: Image.Image,
    format_: str,
    rng: random.Random,
    *,
    quick: bool = False,
    level: int = 6,
    qualities: tuple[int, ...] = JPEG_QUALITIES,
) -> bytes:
    """The picture as a file of `format_`: png (a few with transparency), jpeg (as phones write it), webp, gif."""
    out = io.BytesIO()
    if format_ == "png":
        if rng.random() < 0.1:
            image = _with_transparent_corner(image)
        image.save(out, "PNG", compress_level=1 if quick else level)
    elif format_ == "jpeg":
        exif = phone_exif(rng.choice((1, 1, 1, 3, 6, 8)), gps=rng.random() < 0.5)
        image.save(out, "JPEG", quality=rng.choice(qualities), subsampling=rng.choice((0, 2)), exif=exif)
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
