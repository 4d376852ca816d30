"""A contact sheet: pictures before and after, side by side. Which pictures is decided elsewhere."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from nabo_pipeline.codecs.pictures import UndecodableError, decode

TILE = 104
TEXT = 16
COLUMNS = 3
QUALITY = 60
"""Nine pairs take some 50 KB: the sheet is stored in Dagster's event log."""


@dataclass(frozen=True)
class Pair:
    """One picture as it was and as it is: bytes and types."""

    caption: str
    before: bytes
    before_mime: str
    after: bytes
    after_mime: str


def contact_sheet(pairs: tuple[Pair, ...]) -> bytes:
    """A JPEG with the pairs in three columns, each with its caption."""
    rows = -(-len(pairs) // COLUMNS)
    width, height = 2 * TILE + 12, TILE + TEXT + 8
    sheet = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, pair in enumerate(pairs):
        left, top = number % COLUMNS * width, number // COLUMNS * height
        draw.text((left + 2, top + 2), f"{pair.caption}: before, after", fill="black")
        for place, (data, mime) in enumerate(
            ((pair.before, pair.before_mime), (pair.after, pair.after_mime))
        ):
            sheet.paste(_tile(data, mime), (left + place * (TILE + 2), top + TEXT))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def _tile(data: bytes, mime: str) -> Image.Image:
    tile = Image.new("RGB", (TILE, TILE), "lightgray")
    try:
        picture = ImageOps.exif_transpose(decode(data, mime)).convert("RGBA")
    except (UndecodableError, KeyError):
        return tile
    picture.thumbnail((TILE, TILE))
    tile.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2), picture)
    return tile
