"""The CSV of what curators decided in the synthetic registry: words for the songs, a verdict on what is in doubt."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import bson

from local_stack.sources.registry.documents import Made
from local_stack.sources.registry.texts import curator_words

COLUMNS = (
    "layer", "name", "nna_address", "source_hash", "decision", "creatorDescription", "reason",
    "decided_by", "decided_at",
)  # fmt: skip
_FIRST_DAY = datetime(2025, 9, 1, 10, 0, tzinfo=UTC)


def decisions_csv(made: Iterable[Made], *, all_components: bool) -> str:
    """One line for each asset that a curator looked at.

    `all_components` adds an approval for every component without doubts, which `plan_000` asks for.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for index, one in enumerate(made):
        verdict = one.verdict or ("approve" if all_components and not one.undecided else None)
        if verdict is None or one.document["layer"] == "C":
            continue
        writer.writerow(
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
    return out.getvalue()


def source_hash(one: Made) -> str:
    """SHA-256 of the document's BSON: what the curator looked at."""
    return hashlib.sha256(bson.encode(one.document)).hexdigest()


def _words(one: Made) -> str:
    if one.document["layer"] == "G":
        return curator_words(one.document["description"])
    return f"Described by a curator: {one.document['subcategory'].replace('_', ' ')}, {one.document['name']}."
