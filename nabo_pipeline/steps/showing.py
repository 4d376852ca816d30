"""Before and after, for people: which pictures to show, and the contact sheets of them.

Every picture is read and decoded for itself, in isolated processes: one that cannot be read costs its tile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from migration_kit.failures import MigrationError
from migration_kit.pictures.file_types import EXTENSIONS, sniff
from migration_kit.pictures.isolation import IsolatedWorkers, WorkerDiedError
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.sheet import Cell, Sheet, Tile, View, contact_sheet, details, tile
from nabo_pipeline.media.statistics import Done, human_bytes
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.reporting import ReportSource
from nabo_pipeline.stores.storage import Storage

SHOWN = ("profile", "service")
"""Chat images are private: they are shown to no one but those who chatted."""
EACH = 6
"""Pairs on a sheet."""
SIDE = 320
"""Pixels of a tile's side."""
_TEXT, _QUALITY = 24, 80

_SMALL_EACH, _SMALL_SIDE, _SMALL_TEXT, _SMALL_QUALITY = 3, 104, 17, 60
"""Nine pairs of this size take some 50 KB: that sheet is stored in Dagster's event log."""

_LABELS = ("before", "after", "before, 2x, where they differ most", "after, 2x")
_EQUAL = ("before", "after", "before, 2x, the middle", "after, 2x; no pixel differs")


@dataclass(frozen=True)
class Kind:
    """A sheet's file name, title and explanation."""

    name: str
    title: str
    explanation: str


WORST = Kind(
    "contact-sheet-worst-similarity.jpg",
    "Least similar",
    "The pictures that compression changed most, by similarity (SSIM of the luma).",
)
LARGEST = Kind(
    "contact-sheet-largest-saving.jpg", "Largest saving", "The pictures that lost the most of their bytes."
)
RANDOM = Kind(
    "contact-sheet-random.jpg", "At random", "Pictures drawn by a hash of their name: the same in every run."
)
KINDS = (WORST, LARGEST, RANDOM)


@dataclass(frozen=True)
class ContactSheet:
    """A sheet as a JPEG, and how many pairs it shows."""

    kind: Kind
    jpeg: bytes
    pairs: int


@dataclass(frozen=True)
class Shown:
    """The sheets, and a small one of all kinds (None where there is no picture to show)."""

    sheets: tuple[ContactSheet, ...]
    small: bytes | None


@dataclass(frozen=True)
class Viewer:
    """What showing works with; `at_most` bytes of a file are read, `threads` files at once."""

    backup: Backup
    storage: Storage
    workers: IsolatedWorkers
    at_most: int
    threads: int


def choose(source: ReportSource) -> dict[Kind, list[Done]]:
    """Which pictures are shown; the same ledger gives the same ones."""
    return {
        WORST: source.worst(SHOWN, EACH),
        LARGEST: source.largest_saving(SHOWN, EACH),
        RANDOM: source.at_random(SHOWN, EACH),
    }


def show(viewer: Viewer, chosen: Mapping[Kind, Sequence[Done]]) -> Shown:
    """The sheets of the chosen pictures; a kind without any has none."""
    pictures = {one.item: one for found in chosen.values() for one in found if one.category in SHOWN}
    with item_executor("thread", viewer.threads) as executor:
        drawn = bounded_map(
            executor, lambda one: _cell(viewer, one), pictures.values(), window=2 * viewer.threads
        )
        cells = {one.item: future.result() for one, future in drawn}
    sheets, small = [], list[Cell]()
    for kind, found in chosen.items():
        own = tuple(cells[one.item] for one in found if one.item in cells)
        if own:
            jpeg = viewer.workers.run(contact_sheet, Sheet(own, 1, SIDE, _TEXT, _QUALITY))
            sheets.append(ContactSheet(kind, jpeg, len(own)))
        small += [
            Cell((kind.title.lower(), _change(one)), cells[one.item].tiles[:2])
            for one in found[:_SMALL_EACH]
            if one.item in cells
        ]
    return Shown(tuple(sheets), _small(viewer.workers, small))


def _small(workers: IsolatedWorkers, cells: Sequence[Cell]) -> bytes | None:
    if not cells:
        return None
    sheet = Sheet(tuple(cells), _SMALL_EACH, _SMALL_SIDE, _SMALL_TEXT, _SMALL_QUALITY)
    return workers.run(contact_sheet, sheet)


def _cell(viewer: Viewer, one: Done) -> Cell:
    before = _view(lambda: viewer.backup.read(one.item, at_most=viewer.at_most))
    after = _view(lambda: viewer.storage.download(one.bucket, one.path))
    tiles = [_tile(viewer.workers, view) for view in (before, after)]
    captions = (one.item, f"{one.verdict} · {_formats(one)} · {_change(one)} · {_likeness(one)}")
    if isinstance(before, str) or isinstance(after, str) or any(isinstance(found, str) for found in tiles):
        return Cell(captions, (*tiles, "no details", "no details"), _LABELS)
    try:
        first, second, differs = viewer.workers.run(details, (before, after))
    except _BROKEN as error:
        return Cell(captions, (*tiles, _told(error), _told(error)), _LABELS)
    return Cell(captions, (*tiles, first, second), _LABELS if differs else _EQUAL)


_BROKEN = (WorkerDiedError, MemoryError, OSError, ValueError, SyntaxError, EOFError, KeyError)
"""What decoding of a broken or hostile file ends in."""


def _view(read: Callable[[], bytes]) -> View | str:
    try:
        data = read()
    except MigrationError as error:
        return f"cannot be read: {error.reason}"
    mime = sniff(data).mime
    return View(data, mime, SIDE) if mime in EXTENSIONS else f"no picture: {mime}"


def _tile(workers: IsolatedWorkers, view: View | str) -> Tile | str:
    if isinstance(view, str):
        return view
    try:
        return workers.run(tile, view)
    except _BROKEN as error:
        return _told(error)


def _told(error: BaseException) -> str:
    return f"cannot be decoded: {error or type(error).__name__}"


def _formats(one: Done) -> str:
    before, after = (mime.rpartition("/")[2] for mime in (one.source_type, one.stored_type))
    return before if before == after else f"{before} to {after}"


def _change(one: Done) -> str:
    told = f"{human_bytes(one.source_bytes)} to {human_bytes(one.bytes)}"
    if one.bytes == one.source_bytes:
        return f"{human_bytes(one.bytes)}, as it was"
    return f"{told}, {abs(one.saved):.0f}% {'smaller' if one.saved > 0 else 'larger'}"


def _likeness(one: Done) -> str:
    if one.similarity is None or one.similarity >= 1:
        return "equal in every pixel"
    return f"similarity {one.similarity:.4f}"
