"""The CSV of what curators decided in the synthetic registry: words for the songs, a verdict on what is in doubt."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import bson

from local_stack.sources.registry.documents import Made
from local_stack.sources.registry.texts import curator_words

COLUMNS = (
    "layer", "name", "nna_address", "source_hash", "decision", "creatorDescription", "reason",
    "decided_by", "decided_at",
)  # fmt: skip
_FIRST_DAY = datetime(2025, 9, 1, 10, 0, tzinfo=UTC)


class DecisionsCsv:
    """The lines about the assets that a curator looked at, written as the assets go by.

    `all_components` adds an approval for every component without doubts, which `plan_000` asks for.
    """

    def __init__(self, *, all_components: bool) -> None:
        self._all_components = all_components
        self._out = io.StringIO()
        self._writer = csv.DictWriter(self._out, COLUMNS, lineterminator="\n")
        self._writer.writeheader()
        self.rows = 0

    @property
    def text(self) -> str:
        """The CSV of all assets that went by."""
        return self._out.getvalue()

    def about(self, made: Iterable[Made]) -> Iterator[Made]:
        """The same assets; each one's decision is in the CSV when the next is asked for."""
        for index, one in enumerate(made):
            verdict = one.verdict or ("approve" if self._all_components and not one.undecided else None)
            if verdict is not None and one.document["layer"] != "C":
                self._write(index, one, verdict)
            yield one

    def _write(self, index: int, one: Made, verdict: str) -> None:
        self.rows += 1
        self._writer.writerow(
            {
                "layer": one.document["layer"],
                "name": one.document["name"],
                "nna_address": one.document["nna_address"],
                "source_hash": source_hash(one),
                "decision": verdict,
                "creatorDescription": _words(one) if verdict == "edit" else "",
                "reason": "a test that should never have been registered" if verdict == "reject" else "",
                "decided_by": f"curator{index % 3 + 1:02d}@example.invalid",
                "decided_at": (_FIRST_DAY + timedelta(minutes=11 * index)).isoformat(),
            }
        )


def source_hash(one: Made) -> str:
    """SHA-256 of the document's BSON: what the curator looked at."""
    return hashlib.sha256(bson.encode(one.document)).hexdigest()


def _words(one: Made) -> str:
    if one.document["layer"] == "G":
        return curator_words(one.document["description"])
    return f"Described by a curator: {one.document['subcategory'].replace('_', ' ')}, {one.document['name']}."
