"""Curators' decisions: what one is, and how it is read from and written to CSV text; no files, no stores.

A decision holds who decided, when, and the hash of the source that was looked at. Words are kept byte for byte.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

COLUMNS = (
    "layer", "name", "nna_address", "source_hash", "decision", "creatorDescription", "reason",
    "decided_by", "decided_at",
)  # fmt: skip
_REQUIRED = ("layer", "name", "nna_address", "source_hash", "decision", "decided_by", "decided_at")
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Verdict(StrEnum):
    """What a curator decided: take it, take it with these words, or leave it behind, and in which way."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    TEST = "test"
    EXCLUDE = "exclude"


AGAINST = (Verdict.REJECT, Verdict.TEST, Verdict.EXCLUDE)
"""The verdicts that leave an asset behind. What becomes of its composites is the profile's to say."""


@dataclass(frozen=True)
class Decision:
    """One decision about one asset; `words` is the creator's description where the curator gave one."""

    layer: str
    name: str
    nna_address: str
    source_hash: str
    verdict: Verdict
    words: str | None
    reason: str | None
    decided_by: str
    decided_at: datetime

    @property
    def key(self) -> str:
        """What it is stored under: layer, name and address, none of which a migration changes."""
        return f"{self.layer}|{self.name}|{self.nna_address}"


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
    )


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
