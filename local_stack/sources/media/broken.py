"""Odd and broken picture files, each with the outcome that it must end in. Bytes only; nothing is put anywhere."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image, ImageCms

from local_stack.sources.media.bombs import bombs, imposters
from local_stack.sources.media.odd import (
    EXCLUDED,
    MIGRATED,
    QUARANTINED,
    OddFile,
    animated,
    display_p3,
    png_chunk,
    saved,
)
from local_stack.sources.media.photographs import encode, phone_exif, picture

CONFLICTS = "Cannot be converted without loss: image/tiff"


@cache
def odd_files(seed: int) -> tuple[OddFile, ...]:
    """Every odd file; the same seed gives the same bytes."""
    return tuple(_odd_files(random.Random(f"odd-{seed}")))


def _odd_files(rng: random.Random) -> Iterator[OddFile]:
    yield OddFile("zero bytes", b"", QUARANTINED, "Empty file (0 bytes)")
    yield from _truncated(rng)
    yield from _other_types()
    yield from _several_frames(rng)
    yield from _turned(rng)
    yield from _unusual(rng)
    yield from _private(rng)
    yield from bombs(rng)
    yield from imposters(rng)


def _truncated(rng: random.Random) -> Iterator[OddFile]:
    for format_ in ("png", "jpeg", "webp", "gif", "tiff"):
        base = picture(rng, (80, 120))
        data = (
            saved(base, "TIFF", compression="tiff_lzw") if format_ == "tiff" else encode(base, format_, rng)
        )
        for share in (0.02, 0.1, 0.5, 0.98):
            cut = data[: max(20, int(len(data) * share))]
            yield OddFile(f"{format_} cut off at {share:.0%}", cut, QUARANTINED, "Broken file: ")
    rotten = bytearray(saved(picture(rng, (80, 120)), "PNG"))
    rotten[len(rotten) // 2] ^= 0xFF
    yield OddFile("png with a flipped byte", bytes(rotten), QUARANTINED, "Undecodable: ")


def _other_types() -> Iterator[OddFile]:
    for mime, data in {
        "text/plain": b"just some text\n" * 20,
        "text/html": b"<!DOCTYPE html><html><body>404</body></html>",
        "image/svg+xml": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "application/zip": b"PK\x03\x04" + b"\x00" * 40,
        "image/heic": b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40,
        "image/avif": b"\x00\x00\x00\x1cftypavif" + b"\x00" * 40,
        "video/mp4": b"\x00\x00\x00\x18ftypisom" + b"\x00" * 40,
        "image/bmp": b"BM" + b"\x00" * 60,
        "application/octet-stream": bytes(range(1, 200)),
    }.items():
        yield OddFile(f"{mime} under an image's name", data, EXCLUDED, f"Unsupported file type: {mime}")


def _several_frames(rng: random.Random) -> Iterator[OddFile]:
    frames = [picture(rng, (60, 60)).resize((60, 40)) for _ in range(3)]
    yield OddFile(
        "animated gif", animated("GIF", frames), EXCLUDED, "Animation cannot be kept in this bucket"
    )
    yield OddFile("animated webp", animated("WEBP", frames), MIGRATED)
    yield OddFile("animated png", animated("PNG", frames), MIGRATED)
    still = saved(frames[0], "PNG")
    control = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    frame = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 60, 40, 0, 0, 1, 10, 0, 0))
    yield OddFile("animated png of one frame", still[:33] + control + frame + still[33:], MIGRATED)
    yield OddFile("tiff of several pages", animated("TIFF", frames), EXCLUDED,
                  "Several pages cannot be kept in this bucket")  # fmt: skip


def _turned(rng: random.Random) -> Iterator[OddFile]:
    base = partial(picture, rng, (80, 120))
    for orientation in range(1, 9):
        data = saved(base(), "JPEG", quality=95, exif=phone_exif(orientation))
        yield OddFile(f"exif orientation {orientation}", data, MIGRATED)
    for format_ in ("PNG", "WEBP", "TIFF"):
        how = {"exif": phone_exif(6)} if format_ != "TIFF" else {"tiffinfo": {274: 6, 271: "Phone"}}
        yield OddFile(f"{format_.lower()} with orientation 6", saved(base(), format_, **how), MIGRATED)


def _unusual(rng: random.Random) -> Iterator[OddFile]:
    base = picture(rng, (80, 120))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Bytes 24 to 35 say when the profile was made: the same seed must give the same bytes.
    profile = profile[:24] + bytes(12) + profile[36:]
    yield OddFile("cmyk jpeg", saved(base.convert("CMYK"), "JPEG", quality=95), MIGRATED)
    yield OddFile("16 bit png", saved(base.convert("I;16"), "PNG"), MIGRATED)
    yield OddFile("16 bit tiff", saved(base.convert("I;16"), "TIFF"), EXCLUDED, CONFLICTS)
    for format_ in ("JPEG", "PNG", "WEBP", "TIFF"):
        name = format_.lower()
        data = saved(base, format_, quality=95, icc_profile=profile)
        yield OddFile(f"{name} with a colour profile", data, MIGRATED)
        yield OddFile(f"{name} in p3", saved(base, format_, quality=95, icc_profile=display_p3()), MIGRATED)
    clear = base.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(base.size))
    for format_ in ("PNG", "WEBP", "TIFF"):
        yield OddFile(f"{format_.lower()} with transparency", saved(clear, format_), MIGRATED)
    yield OddFile("gray png with transparency", saved(clear.convert("LA"), "PNG"), MIGRATED)
    yield OddFile("palette png with transparency", saved(base.quantize(16), "PNG", transparency=3), MIGRATED)
    yield OddFile(
        "png with a transparent colour", saved(base, "PNG", transparency=base.getpixel((3, 3))), MIGRATED
    )
    yield OddFile("black and white png", saved(base.convert("1"), "PNG"), MIGRATED)
    yield OddFile(
        "tiny optimised jpeg", saved(base.resize((16, 16)), "JPEG", quality=60, optimize=True), MIGRATED
    )
    yield OddFile("one pixel", saved(base.resize((1, 1)), "PNG"), MIGRATED)
    yield OddFile("still tiff", saved(base, "TIFF"), MIGRATED)
    yield OddFile("still gif", saved(base.quantize(64), "GIF"), MIGRATED)


def _private(rng: random.Random) -> Iterator[OddFile]:
    """Files that say where and by whose device they were made, in every way that their format has."""
    base = picture(rng, (80, 120))
    exif, xmp = phone_exif(1), b'<x:xmpmeta xmlns:x="adobe:ns:meta/" device="Phone"/>'
    two = [base.resize((60, 40)), base.rotate(180).resize((60, 40))]
    film = b"\x00\x00\x00\x18ftypmp42Phone film"
    pictures = animated("MPO", two, exif=exif)
    yield OddFile("jpeg of two pictures with a film behind them", pictures + film, MIGRATED)
    low = saved(base, "JPEG", quality=70, exif=exif, xmp=xmp, comment=b"Phone")
    yield OddFile("jpeg at rest that says its place", low, MIGRATED)
    maker = low[:2] + b"\xff\xe5\x00\x0dPhone maker" + low[2:]
    yield OddFile("jpeg with a maker's segment", maker, MIGRATED)
    yield OddFile("webp that says its place", saved(base, "WEBP", exif=exif, xmp=xmp), MIGRATED)
    png = saved(base, "PNG", exif=exif)
    text = png_chunk(b"tEXt", b"Comment\x00Phone") + png_chunk(
        b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp
    )
    yield OddFile("png that says its place", png[:33] + text + png[33:], MIGRATED)
    yield OddFile(
        "gif that says its place", saved(base.quantize(32), "GIF", comment=b"Phone", xmp=xmp), MIGRATED
    )
    yield OddFile("tiff that says its place", saved(base, "TIFF", exif=exif), MIGRATED)


def jpeg_of_size(rng: random.Random, size: int) -> bytes:
    """A sound photograph as a JPEG of quality 80 and of exactly `size` bytes: some are fill bytes before a marker."""
    side = int((size * 1.6) ** 0.5)
    while True:
        base = picture(rng, (side, side))
        noise = Image.frombytes("RGB", base.size, rng.randbytes(3 * base.width * base.height))
        data = saved(Image.blend(base, noise, 0.6), "JPEG", quality=80)
        if len(data) <= size:
            # Tables may be said again; what then is missing are fill bytes (ITU-T T.81, B.1.1.2 and B.2.4.1).
            table = data.index(b"\xff\xdb")
            again = data[table : table + 69]
            times, rest = divmod(size - len(data), len(again))
            return data[:table] + again * times + b"\xff" * rest + data[table:]
        side = int(side * 0.9 * (size / len(data)) ** 0.5)
