"""Contact sheets: pictures before and after, side by side. Which pictures is decided elsewhere.

Called in isolated processes. A tile is small, plain pixels: what holds it has nothing left to decode.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from migration_kit.pictures.decoding import decode
from migration_kit.pictures.showing import as_seen

ZOOM = 2
"""Details are shown this many times enlarged, without smoothing: artefacts must not be hidden by the sheet."""
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
_PAPER, _INK, _FAINT = "#ffffff", "#1a1a1a", "#5c5c5c"
_MISSING, _LIGHT, _DARK = "#d8d8d8", 255, 214
_SQUARE = 8
"""Pixels of the chequerboard's squares behind transparent pictures."""
_GAP = 8


@dataclass(frozen=True)
class Tile:
    """A picture's RGB pixels."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True)
class View:
    """One file to be shown: its bytes and type, and the longest side (pixels) that it may take."""

    data: bytes
    mime: str
    side: int


@dataclass(frozen=True)
class Cell:
    """A few tiles under their captions. Where a tile is a text, the picture could not be read: it says why."""

    captions: tuple[str, ...]
    tiles: tuple[Tile | str, ...]
    labels: tuple[str, ...] = ()
    """What stands below each tile."""


@dataclass(frozen=True)
class Sheet:
    """Cells in columns; `side` in pixels, `text` (the height of a line) too, `quality` of the JPEG."""

    cells: tuple[Cell, ...]
    columns: int
    side: int
    text: int
    quality: int


def tile(view: View) -> Tile:
    """The picture, upright, in sRGB, on a chequerboard where it is transparent; never enlarged.

    Raises UndecodableError, and whatever a decoder raises on broken files.
    """
    picture = _seen(view)
    picture.thumbnail((view.side, view.side), Image.Resampling.LANCZOS)
    return _tile(_on_chequers(picture))


def details(views: tuple[View, View]) -> tuple[Tile, Tile, bool]:
    """The place where two pictures differ most, enlarged, and whether they differ at all (if not: the middle).

    A picture that was scaled down is compared at the size that it has now.
    """
    before, after = (_on_chequers(_seen(view)) for view in views)
    if before.size != after.size:
        before = before.resize(after.size, Image.Resampling.LANCZOS)
    width, height = (min(views[0].side // ZOOM, side) for side in after.size)
    difference = ImageChops.difference(before, after).convert("L")
    differs = difference.getbbox() is not None
    left, top = (after.width - width) // 2, (after.height - height) // 2
    if differs:
        spread = np.asarray(difference.filter(ImageFilter.BoxBlur(min(width, height) / 4)))
        row, column = np.unravel_index(int(spread.argmax()), spread.shape)
        left = min(max(0, int(column) - width // 2), after.width - width)
        top = min(max(0, int(row) - height // 2), after.height - height)
    box = (left, top, left + width, top + height)
    shown = [
        _tile(one.crop(box).resize((width * ZOOM, height * ZOOM), Image.Resampling.NEAREST))
        for one in (before, after)
    ]
    return shown[0], shown[1], differs


def contact_sheet(sheet: Sheet) -> bytes:
    """The sheet as a JPEG."""
    font = ImageFont.load_default(size=round(sheet.text * 0.72))
    tiles = max(len(cell.tiles) for cell in sheet.cells)
    captions = max(len(cell.captions) for cell in sheet.cells)
    below = sheet.text if any(cell.labels for cell in sheet.cells) else 0
    width = tiles * (sheet.side + _GAP) + _GAP
    height = captions * sheet.text + sheet.side + below + 2 * _GAP
    rows = -(-len(sheet.cells) // sheet.columns)
    paper = Image.new("RGB", (sheet.columns * width, rows * height + _GAP), _PAPER)
    draw = ImageDraw.Draw(paper)
    for number, cell in enumerate(sheet.cells):
        left, top = number % sheet.columns * width + _GAP, number // sheet.columns * height + _GAP
        for line, caption in enumerate(cell.captions):
            fitting = _fitting(caption, font, width - 2 * _GAP)
            draw.text((left, top + line * sheet.text), fitting, fill=_FAINT if line else _INK, font=font)
        top += captions * sheet.text
        for place, shown in enumerate(cell.tiles):
            at = left + place * (sheet.side + _GAP)
            _paste(paper, shown, (at, top), sheet.side, font)
            if place < len(cell.labels):
                draw.text((at, top + sheet.side + 2), cell.labels[place], fill=_FAINT, font=font)
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=sheet.quality, optimize=True)
    return out.getvalue()


def _paste(paper: Image.Image, shown: Tile | str, at: tuple[int, int], side: int, font: Font) -> None:
    if isinstance(shown, Tile):
        picture = Image.frombytes("RGB", (shown.width, shown.height), shown.pixels)
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        paper.paste(picture, (at[0] + (side - picture.width) // 2, at[1] + (side - picture.height) // 2))
        return
    draw = ImageDraw.Draw(paper)
    draw.rectangle((*at, at[0] + side - 1, at[1] + side - 1), fill=_MISSING)
    fitting = _fitting(shown, font, side - 2 * _GAP)
    draw.text((at[0] + _GAP, at[1] + side // 2), fitting, fill=_INK, font=font)


def _fitting(text: str, font: Font, width: int) -> str:
    """The text, its middle left out where it is too long: paths differ at their ends."""
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept > 2 and font.getlength(f"{text[: kept // 2]}…{text[-(kept // 2) :]}") > width:
        kept -= 2
    return f"{text[: kept // 2]}…{text[-(kept // 2) :]}"


def _seen(view: View) -> Image.Image:
    return as_seen(decode(view.data, view.mime))


def _on_chequers(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    rows, columns = np.indices((picture.height, picture.width)) // _SQUARE
    board = np.where((rows + columns) % 2, _DARK, _LIGHT).astype(np.uint8)
    paper = Image.fromarray(board).convert("RGBA")
    paper.alpha_composite(picture)
    return paper.convert("RGB")


def _tile(picture: Image.Image) -> Tile:
    return Tile(picture.width, picture.height, picture.tobytes())
