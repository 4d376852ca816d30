"""Curators' decisions as CSV text, read and written; no files, no stores."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from asset_registry_pipeline.registry.decisions import (
    LOOKED_UP_SOURCES,
    ArtChoice,
    ArtVerdict,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.layers import SONG_LAYERS

_TITLE_COLUMNS: Mapping[str, str] = {"songName": "song", "albumName": "album", "artistName": "artist"}
_ART_COLUMNS = ("albumArt", "albumArtSource")
_FACT_COLUMNS = ("bpm", "key", "mood", "genre", "tempo")
SONG_COLUMNS = (*_TITLE_COLUMNS, *_ART_COLUMNS, *_FACT_COLUMNS)
"""The columns that only songs may fill; a file may leave them out."""
COLUMNS = (
    "layer", "name", "nna_address", "source_hash", "decision", "creatorDescription", "reason",
    "decided_by", "decided_at", *SONG_COLUMNS,
)  # fmt: skip
_REQUIRED = ("layer", "name", "nna_address", "source_hash", "decision", "decided_by", "decided_at")
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RefusedRow:
    """A row that is no decision: its line in the file (1 is the header), what it is about, and why not."""

    line: int
    name: str
    why: str


def read_csv(text: str) -> tuple[tuple[Decision, ...], tuple[RefusedRow, ...]]:
    """Read decisions from CSV text with a header; a bad row never stops its neighbours.

    Raises:
        ValueError: a required column is missing from the header, or quotes are so that nobody can say where a row ends.
    """
    # Strict: an open quote would else take all the rows after it for its own text.
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        return _read_rows(reader)
    except csv.Error as error:
        raise ValueError(f"line {reader.reader.line_num}: {error}") from error


def _read_rows(reader: "csv.DictReader[str]") -> tuple[tuple[Decision, ...], tuple[RefusedRow, ...]]:
    absent = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
    if absent:
        raise ValueError(f"the header lacks the column(s) {', '.join(absent)}")
    decisions: dict[str, Decision] = {}
    refused: list[RefusedRow] = []
    for row in reader:
        cells = {column: _unescaped(row.get(column) or "") for column in COLUMNS}
        try:
            decision = _from_cells(cells, too_many=None in row)
        except ValueError as error:
            refused.append(RefusedRow(reader.line_num, cells["name"], str(error)))
            continue
        if decisions.setdefault(decision.key, decision) != decision:
            why = "an earlier line decides the same asset differently; the earlier one counts"
            refused.append(RefusedRow(reader.line_num, cells["name"], why))
    return tuple(decisions.values()), tuple(refused)


def write_csv(decisions: Iterable[Decision]) -> str:
    """Decisions as CSV text that `read_csv` reads back; cells that look like formulas are escaped."""
    out = io.StringIO()
    # The standard's end of a row: only what stands in it is put in quotes where words hold it.
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for decision in decisions:
        cells = {
            "layer": decision.layer,
            "name": decision.name,
            "nna_address": decision.nna_address,
            "source_hash": decision.source_hash,
            "decision": str(decision.verdict),
            "creatorDescription": decision.words or "",
            "reason": decision.reason or "",
            "decided_by": decision.decided_by,
            "decided_at": decision.decided_at.isoformat(),
            **_song_cells(decision),
        }
        writer.writerow({column: _escaped(cell) for column, cell in cells.items()})
    return out.getvalue()


def _from_cells(cells: dict[str, str], *, too_many: bool) -> Decision:
    if too_many:
        raise ValueError("more cells than columns: a text with commas belongs in quotes")
    empty = [column for column in _REQUIRED if not cells[column].strip()]
    if empty:
        raise ValueError(f"the column(s) {', '.join(empty)} are empty")
    try:
        verdict = Verdict(cells["decision"].strip().lower())
    except ValueError:
        raise ValueError(f"the decision {cells['decision']!r} is not one of {', '.join(Verdict)}") from None
    words = cells["creatorDescription"] if cells["creatorDescription"].strip() else None
    if verdict is Verdict.EDIT and words is None:
        raise ValueError("an edit without words")
    return Decision(
        layer=cells["layer"].strip(),
        name=cells["name"].strip(),
        nna_address=cells["nna_address"].strip(),
        source_hash=cells["source_hash"].strip(),
        verdict=verdict,
        words=words,
        reason=cells["reason"] or None,
        decided_by=cells["decided_by"].strip(),
        decided_at=_time(cells["decided_at"].strip()),
        **_song_parts(cells),
    )


def _song_cells(decision: Decision) -> dict[str, str]:
    """The cells of what was decided about a song beside its words; none where nothing was."""
    cells: dict[str, str] = {}
    if decision.title is not None:
        given = asdict(decision.title)
        cells |= {column: given[part] or "" for column, part in _TITLE_COLUMNS.items()}
    if decision.album_art is not None:
        shown = decision.album_art.url or str(decision.album_art.verdict)
        cells |= dict(zip(_ART_COLUMNS, (shown, decision.album_art.source or ""), strict=True))
    if decision.facts is not None:
        given = asdict(decision.facts)
        cells |= {fact: "" if given[fact] is None else str(given[fact]) for fact in _FACT_COLUMNS}
    return cells


def _song_parts(cells: Mapping[str, str]) -> dict[str, Any]:
    """What the cells say of a song beside its words, as arguments of a Decision; empty where they say nothing."""
    given = {column: cells[column] for column in SONG_COLUMNS if cells[column].strip()}
    if not given:
        return {}
    if cells["layer"].strip() not in SONG_LAYERS:
        raise ValueError(f"{', '.join(given)}: only a song has a title, album art and facts about its music")
    title = {part: given.get(column) for column, part in _TITLE_COLUMNS.items()}
    facts = {fact: given.get(fact) for fact in _FACT_COLUMNS if fact != "bpm"}
    return {
        "title": SongTitleGiven(**title) if any(title.values()) else None,
        "album_art": _art(given.get("albumArt"), given.get("albumArtSource")),
        "facts": FactsGiven(bpm=_bpm(given.get("bpm")), **facts) if {*given} & {*_FACT_COLUMNS} else None,
    }


def _art(cell: str | None, source: str | None) -> ArtChoice | None:
    """A URL was accepted where its source is one that is looked up, and put in its place where it is a person's own."""
    source = source.strip() if source else None
    if cell is None:
        if source is not None:
            raise ValueError("albumArtSource without albumArt: whose picture it is, but not which")
        return None
    cell = cell.strip()
    if cell.lower() == ArtVerdict.REFUSE:
        return ArtChoice(ArtVerdict.REFUSE, source=source)
    verdict = ArtVerdict.ACCEPT if source in LOOKED_UP_SOURCES else ArtVerdict.REPLACE
    return ArtChoice(verdict, cell, source)


def _bpm(cell: str | None) -> int | None:
    if cell is None:
        return None
    try:
        return int(cell)
    except ValueError:
        raise ValueError(f"bpm {cell!r} is no whole number") from None


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"the time {text!r} is not ISO 8601") from None
    # MongoDB keeps milliseconds; a decision read back has to equal the one that was stored.
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _escaped(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA_STARTS) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_STARTS) else cell
