"""Files made to exhaust or to fool whoever decodes them, each with the outcome that it must end in.

Bytes only. Files that are merely broken or odd are in `broken`.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from local_stack.sources.media.odd import EXCLUDED, MIGRATED, QUARANTINED, OddFile, animated, png_chunk, saved
from local_stack.sources.media.photographs import encode, picture

_TOO_LARGE = "More than 50 megapixels"
_BOMB = "Decompression bomb: "


def bombs(rng: random.Random) -> Iterator[OddFile]:
    """Headers that lie, chunks that unpack to gigabytes, more of everything than any picture needs."""
    yield from _large_by_header(rng)
    yield from _many(rng)
    data = encode(picture(rng, (80, 120)), "png", rng)
    zeros = zlib.compress(b"\x00" * 50_000_000, 9)
    text = png_chunk(b"zTXt", b"Comment\x00\x00" + zeros)
    yield OddFile("png with a text bomb", data[:33] + text + data[33:], MIGRATED)
    profile = png_chunk(b"iCCP", b"name\x00\x00" + zeros)
    yield OddFile("png with a colour profile bomb", data[:33] + profile + data[33:], QUARANTINED,
                  f"{_BOMB}a colour profile of more than 1048576 bytes")  # fmt: skip


def _large_by_header(rng: random.Random) -> Iterator[OddFile]:
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + png_chunk(b"IEND", b"")
    lying = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + body
    yield OddFile("header that lies 50000x50000", lying, QUARANTINED, _TOO_LARGE)
    jpeg = bytearray(saved(picture(rng, (80, 120)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    yield OddFile("jpeg header that lies 65000x65000", bytes(jpeg), QUARANTINED, _TOO_LARGE)
    webp = bytearray(saved(picture(rng, (80, 120)).convert("RGBA"), "WEBP", exif=b"Exif\x00\x00II*\x00"))
    webp[24:30] = b"\xff\xff\xff\xff\xff\xff"
    yield OddFile("webp canvas of 16777216x16777216", bytes(webp), QUARANTINED, _TOO_LARGE)
    gif = bytearray(saved(picture(rng, (80, 120)).quantize(16), "GIF"))
    frame = gif.index(b"\x2c\x00\x00\x00\x00")
    gif[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    yield OddFile("gif frame of 65535x65535", bytes(gif), QUARANTINED, _TOO_LARGE)
    tiff = saved(picture(rng, (80, 120)), "TIFF")
    yield OddFile("tiff header that lies 50000x50000", _with_tags(tiff, {256: 50_000, 257: 50_000}), QUARANTINED,
                  _TOO_LARGE)  # fmt: skip
    small, other = (picture(rng, (60, 60)).resize((60, 40)) for _ in range(2))
    pages = animated("TIFF", [small, other])
    second = _with_tags(pages, {256: 50_000, 257: 50_000}, directory=1)
    yield OddFile("tiff whose second page lies 50000x50000", second, QUARANTINED, _TOO_LARGE)


def _many(rng: random.Random) -> Iterator[OddFile]:
    frames = [picture(rng, (60, 60)).resize((60, 40)) for _ in range(3)]
    turned = [frames[0].resize((8, 8)).rotate(angle) for angle in range(0, 350, 5)]
    yield OddFile("gif of too many frames", animated("GIF", turned), QUARANTINED, "More than 60 frames")
    wide = bytearray(animated("GIF", turned[:50]))
    wide[6:10] = struct.pack("<HH", 4000, 3000)
    yield OddFile(
        "gif of many large frames", bytes(wide), QUARANTINED, "More than 500 megapixels in all frames"
    )
    tiff = saved(frames[0], "TIFF")
    yield OddFile("tiff of a million strips", _with_tags(tiff, {}, counts={273: 1_000_000}), QUARANTINED,
                  f"{_BOMB}more than 200000 strips")  # fmt: skip
    first = struct.unpack_from("<I", tiff, 4)[0]
    entries = struct.unpack_from("<H", tiff, first)[0]
    circle = bytearray(tiff)
    struct.pack_into("<I", circle, first + 2 + 12 * entries, first)
    yield OddFile("tiff whose directories run in a circle", bytes(circle), QUARANTINED,
                  "Broken file: its directories run in a circle")  # fmt: skip
    nameless = _with_tags(animated("TIFF", frames[:2]), {}, counts={256: 0}, directory=1)
    yield OddFile("tiff whose second page has no width", nameless, QUARANTINED, "Undecodable: ")
    data = saved(frames[0], "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scans = data[:last] + data[last:-2] * 101 + data[-2:]
    yield OddFile("jpeg of a hundred scans", scans, QUARANTINED, f"{_BOMB}more than 100 scans")
    data = saved(frames[0], "PNG")
    empty = png_chunk(b"tEXt", b"a\x00") * 50_001
    yield OddFile("png of fifty thousand chunks", data[:33] + empty + data[33:], QUARANTINED,
                  f"{_BOMB}more than 50000 chunks")  # fmt: skip


def imposters(rng: random.Random) -> Iterator[OddFile]:
    """Files that different decoders take for different things."""
    base = picture(rng, (80, 120))
    raw = saved(base, "TIFF", tiffinfo={254: 1})
    yield OddFile("camera's raw file that begins with its thumbnail", raw, QUARANTINED, "Type mismatch: ")
    png = saved(base, "PNG")
    yield OddFile("png of an iPhone's app package", png[:8] + png_chunk(b"CgBI", b"\x50\x00\x20\x02") + png[8:],
                  QUARANTINED, "Broken file: a PNG has no critical chunk b'CgBI'")  # fmt: skip
    hidden = b"<script>alert(1)</script>PK\x03\x04"
    for format_ in ("PNG", "JPEG", "GIF", "WEBP"):
        data = saved(base.quantize(32) if format_ == "GIF" else base, format_)
        yield OddFile(f"{format_.lower()} with a script behind it", data + hidden, MIGRATED)
    yield OddFile("png behind a gif's first bytes", b"GIF89a" + png, QUARANTINED, "Broken file: ")
    yield OddFile(
        "jpeg magic and nothing else", b"\xff\xd8\xff", QUARANTINED, "Broken file: the file is truncated"
    )
    jpeg_ls = b"\xff\xd8\xff\xf7" + saved(base, "JPEG")[4:]
    yield OddFile("another codec's jpeg", jpeg_ls, QUARANTINED)
    deep = Image.new("CMYK", (20, 20), (10, 20, 30, 40))
    yield OddFile("cmyk tiff", saved(deep, "TIFF"), EXCLUDED, "Cannot be converted without loss: image/tiff")


def _with_tags(
    tiff: bytes, values: dict[int, int], *, counts: dict[int, int] | None = None, directory: int = 0
) -> bytes:
    """A little-endian TIFF with other values (as LONG), or other counts, in one of its directories."""
    data = bytearray(tiff)
    at = struct.unpack_from("<I", data, 4)[0]
    for _ in range(directory):
        at = struct.unpack_from("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0])[0]
    for place in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        tag = struct.unpack_from("<H", data, place)[0]
        if tag in values:
            struct.pack_into("<HII", data, place + 2, 4, 1, values[tag])
        if counts and tag in counts:
            struct.pack_into("<I", data, place + 4, counts[tag])
    return bytes(data)
