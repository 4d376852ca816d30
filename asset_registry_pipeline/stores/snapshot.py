"""Rows of `migration_snapshot`: what the newest inventory saw of each document, and what it found in it.

`migration_findings` is a view over them, with one row for each document and kind: nothing is kept twice. Judging
documents belongs to the registry's rules; here it is only told which of them have a value in common.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from pymongo import UpdateOne
from pymongo.collection import Collection

from asset_registry_pipeline.registry.documents import SourceDocument, masked
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.rows import ACROSS, UNPLACED, identifier_of
from migration_kit.chunks import chunked
from migration_kit.fingerprints import fingerprint
from migration_kit.mongo import transient_errors

KEYS = "keys"
"""What references may call a component by: its address, its name, its ledger key; only where composites may."""
_LONGEST, _LONGEST_DETAIL, _MOST_NAMED, _WRITES = 200, 500, 20, 500
_ACROSS = (("name", "duplicate_name", "name"), ("nna_address", "duplicate_address", "nna_address"))
_ACROSS_COMPOSITES = (*_ACROSS, ("set_key", "equal_component_sets", "components"))


class Judged(NamedTuple):
    """What decides on a document: the kinds that quarantine it, each with its detail; those that a curator looks at."""

    grave: tuple[tuple[str, str], ...] = ()
    review: tuple[str, ...] = ()


_NOTHING = Judged()
_UNJUDGED = 2
"""The fields of a row, cut down to what judges it, that nothing does: its `_id` and its hash."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the newest inventory saw of one document; `grave` and `review` as in `Judged`."""

    item: str
    layer: str
    identifier: Any
    label: str
    name: str | None
    nna_address: str | None
    source_hash: str
    size: int
    grave: tuple[tuple[str, str], ...] = ()
    review: tuple[str, ...] = ()
    set_key: str | None = None


def as_row(source: SourceDocument, findings: Sequence[Finding], set_key: str | None = None) -> dict[str, Any]:
    """The row of a document: only what holds for it, so that most rows are short."""
    body = source.body or {}
    row: dict[str, Any] = {
        "_id": source.item,
        "layer": source.layer,
        "identifier": source.identifier,
        "label": source.label[:_LONGEST],
        "name": _bounded(body.get("name")),
        "nna_address": _bounded(body.get("nna_address")),
        "source_hash": source.source_hash,
        "size": source.size,
    }
    if codec.is_unreadable(source.item):
        row[UNPLACED] = True
    if source.layer in REFERABLE_LAYERS:
        row[KEYS] = [key for key in (row["nna_address"], row["name"], row["_id"]) if key]
    if set_key:
        row["set_key"] = _bounded(set_key)
    if findings:
        row["found"] = _by_kind(findings)
        if grave := [[one.kind, _told(one)] for one in findings if one.effect is Effect.QUARANTINE]:
            row["grave"] = grave
        if review := sorted({one.kind for one in findings if one.effect is Effect.REVIEW}):
            row["review"] = review
    return row


def judged(row: Mapping[str, Any]) -> Judged:
    """What was found in a document, alone and across, that decides on its outcome."""
    if len(row) == _UNJUDGED:
        return _NOTHING
    grave = tuple((kind, detail) for kind, detail in row.get("grave", ()))
    if across := row.get(ACROSS):
        grave += tuple(
            (kind, one["detail"]) for kind, one in across.items() if KINDS[kind][0] is Effect.QUARANTINE
        )
    return Judged(grave, tuple(row.get("review", ())))


def as_snapshot(row: Mapping[str, Any]) -> Snapshot:
    """A row as it is read back, with what was found across documents."""
    found = judged(row)
    return Snapshot(
        row["_id"],
        row["layer"],
        identifier_of(row),
        row["label"],
        row.get("name"),
        row.get("nna_address"),
        row["source_hash"],
        row["size"],
        found.grave,
        found.review,
        row.get("set_key"),
    )


def mark_across(collection: Collection[Any], layer: str) -> Counter[str]:
    """Find what documents of a layer have in common, and write it into their rows; how many have each kind.

    All documents that share a name or an address: which of two is the right one is not for a program to decide.
    """
    counts: Counter[str] = Counter()
    kinds = _ACROSS_COMPOSITES if layer in COMPOSITE_LAYERS else _ACROSS
    with transient_errors("development"):
        for by, kind, field in kinds:
            for writes in chunked(_marks(_groups(collection, layer, by, kind), kind, field, counts), _WRITES):
                collection.bulk_write(writes, ordered=False)
    return counts


def _groups(collection: Collection[Any], layer: str, by: str, kind: str) -> Iterator[Mapping[str, Any]]:
    """The documents of a layer that share a value, and those that are marked as if they did."""
    mark = f"{ACROSS}.{kind}"
    now = f"${mark}"
    stages: list[Mapping[str, Any]] = [
        {"$match": {"layer": layer, "$or": [{by: {"$type": "string"}}, {mark: {"$exists": True}}]}},
        {
            "$group": {
                "_id": f"${by}",
                "documents": {"$push": {"item": "$_id", "label": "$label", "now": f"{now}.detail"}},
                "marked": {"$max": f"{now}.kind"},
                "n": {"$sum": 1},
            }
        },
        {"$match": {"$or": [{"n": {"$gt": 1}}, {"marked": {"$ne": None}}]}},
    ]
    return collection.aggregate(stages, allowDiskUse=True)


def _marks(
    groups: Iterable[Mapping[str, Any]], kind: str, field: str, counts: Counter[str]
) -> Iterator[UpdateOne]:
    """What brings the marks of a kind up to date; `counts` learns how many documents have it."""
    for group in groups:
        several = group["n"] > 1 and group["_id"] is not None
        counts[kind] += group["n"] if several else 0
        for document in group["documents"]:
            detail = _in_common(kind, group, document) if several else None
            if document.get("now") == detail:
                continue
            mark = {"kind": kind, "field": field, "detail": detail}
            change = {"$set": {f"{ACROSS}.{kind}": mark}} if several else {"$unset": {f"{ACROSS}.{kind}": ""}}
            yield UpdateOne({"_id": document["item"]}, change)


def _in_common(kind: str, group: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if kind != "equal_component_sets":
        return f"{group['_id'][:80]}, {group['n']} documents"
    others = (one["label"] for one in group["documents"] if one["item"] != document["item"])
    return ", ".join(islice(others, _MOST_NAMED))[:_LONGEST]


def as_found(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Findings as they are kept: one for each kind, with all the fields that it was found in."""
    return _by_kind(list(findings))


def _by_kind(findings: Sequence[Finding]) -> list[dict[str, str]]:
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return [
        {
            "kind": kind,
            "field": ", ".join(dict.fromkeys(one.field for one in each)),
            "detail": masked("; ".join(one.detail for one in each if one.detail))[:_LONGEST_DETAIL],
        }
        for kind, each in kinds.items()
    ]


def _told(finding: Finding) -> str:
    return masked(finding.detail)[:_LONGEST_DETAIL]


def _bounded(value: object) -> str | None:
    """A text that is one, whole where it is of any sensible length; equal only where the whole texts are."""
    if not is_text(value) or not value:
        return None
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…{fingerprint(value)}"
