"""Odd and broken picture files, each with the outcome that it must end in. Bytes only; nothing is put anywhere."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageCms

from local_stack.sources.media.photographs import encode, phone_exif, picture

MIGRATED, EXCLUDED, QUARANTINED = "migrated", "excluded", "quarantined"


@dataclass(frozen=True)
class OddFile:
    """A file's bytes under a case's name, and how it must end. `reason` is the beginning of the reason."""

    case: str
    data: bytes
    state: str
    reason: str = ""


def odd_files(seed: int) -> Iterator[OddFile]:
    """Every odd file; the same seed gives the same bytes."""
    rng = random.Random(f"odd-{seed}")
    yield OddFile("zero bytes", b"", QUARANTINED, "Empty file (0 bytes)")
    yield from _truncated(rng)
    yield from _other_types()
    yield from _several_frames(rng)
    yield from _unusual(rng)
    yield from _bombs(rng)


def _file(rng: random.Random, format_: str) -> bytes:
    return encode(picture(rng, (80, 120)), format_, rng)


def _truncated(rng: random.Random) -> Iterator[OddFile]:
    for format_ in ("png", "jpeg", "webp", "gif"):
        data = _file(rng, format_)
        for share in (0.1, 0.5, 0.98):
            cut = data[: max(40, int(len(data) * share))]
            yield OddFile(f"{format_} cut off at {share:.0%}", cut, QUARANTINED)
    rotten = bytearray(_file(rng, "png"))
    rotten[len(rotten) // 2] ^= 0xFF
    yield OddFile("png with a flipped byte", bytes(rotten), QUARANTINED, "Undecodable")


def _other_types() -> Iterator[OddFile]:
    for mime, data in {
        "text/plain": b"just some text\n" * 20,
        "text/html": b"<!DOCTYPE html><html><body>404</body></html>",
        "image/svg+xml": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "image/heic": b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40,
        "image/avif": b"\x00\x00\x00\x1cftypavif" + b"\x00" * 40,
        "image/bmp": b"BM" + b"\x00" * 60,
        "application/octet-stream": bytes(range(1, 200)),
    }.items():
        yield OddFile(f"{mime} under an image's name", data, EXCLUDED, f"Unsupported file type: {mime}")


def _several_frames(rng: random.Random) -> Iterator[OddFile]:
    frames = [picture(rng, (60, 60)).resize((60, 40)) for _ in range(3)]
    many = [frame.resize((8, 8)).rotate(angle) for angle in range(0, 350, 5) for frame in frames[:1]]

    def animated(format_: str, images: list[Image.Image] = frames) -> bytes:
        out = io.BytesIO()
        images[0].save(out, format_, save_all=True, append_images=images[1:], duration=100)
        return out.getvalue()

    yield OddFile("animated gif", animated("GIF"), EXCLUDED, "Animation cannot be kept in this bucket")
    yield OddFile("animated webp", animated("WEBP"), MIGRATED)
    yield OddFile("animated png", animated("PNG"), MIGRATED)
    yield OddFile("tiff of several pages", animated("TIFF"), EXCLUDED, "Several pages cannot be kept")
    yield OddFile("gif of too many frames", animated("GIF", many), QUARANTINED, "More than 60 frames")


def _unusual(rng: random.Random) -> Iterator[OddFile]:
    for orientation in range(1, 9):
        out = io.BytesIO()
        picture(rng, (80, 120)).save(out, "JPEG", quality=95, exif=phone_exif(orientation))
        yield OddFile(f"exif orientation {orientation}", out.getvalue(), MIGRATED)
    base = picture(rng, (80, 120))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Bytes 24 to 35 say when the profile was made: the same seed must give the same bytes.
    profile = profile[:24] + bytes(12) + profile[36:]

    def saved(image: Image.Image, format_: str, **how: object) -> bytes:
        out = io.BytesIO()
        image.save(out, format_, **how)
        return out.getvalue()

    yield OddFile("cmyk jpeg", saved(base.convert("CMYK"), "JPEG", quality=95), MIGRATED)
    yield OddFile("16 bit png", saved(base.convert("I;16"), "PNG"), MIGRATED)
    yield OddFile(
        "jpeg with a colour profile", saved(base, "JPEG", quality=95, icc_profile=profile), MIGRATED
    )
    yield OddFile("png with a colour profile", saved(base, "PNG", icc_profile=profile), MIGRATED)
    clear = base.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(base.size))
    yield OddFile("png with transparency", saved(clear, "PNG"), MIGRATED)
    yield OddFile("palette png with transparency", saved(base.quantize(16), "PNG", transparency=3), MIGRATED)
    yield OddFile(
        "tiny optimised jpeg", saved(base.resize((16, 16)), "JPEG", quality=60, optimize=True), MIGRATED
    )
    yield OddFile("one pixel", saved(base.resize((1, 1)), "PNG"), MIGRATED)
    yield OddFile("still tiff", saved(base, "TIFF"), MIGRATED)
    yield OddFile("still gif", saved(base.quantize(64), "GIF"), MIGRATED)


def _bombs(rng: random.Random) -> Iterator[OddFile]:
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = _chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + _chunk(b"IEND", b"")
    lying = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + body
    yield OddFile("header that lies 50000x50000", lying, QUARANTINED, "More than 50 megapixels")
    data = _file(rng, "png")
    text = _chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"\x00" * 50_000_000, 9))
    yield OddFile("png with a text bomb", data[:33] + text + data[33:], MIGRATED)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_of_size(rng: random.Random, size: int) -> bytes:
    """A sound JPEG of exactly `size` bytes, padded by segments that every decoder skips."""
    out = io.BytesIO()
    picture(rng, (200, 240)).save(out, "JPEG", quality=80)
    data, missing = out.getvalue(), size - len(out.getvalue())
    padding = b""
    while missing > 0:
        # A segment takes at least its four bytes of header; the last one must not leave fewer than that.
        length = min(missing, 65_000)
        length -= 4 if 0 < missing - length < 4 else 0
        padding += b"\xff\xe4" + struct.pack(">H", length - 2) + b"\x00" * (length - 4)
        missing -= length
    return data[:2] + padding + data[2:]
