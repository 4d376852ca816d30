"""Rows of `migration_candidates`: a document's staged outcome, with its new bytes and what the suites ask of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.rows import UNPLACED, identifier_of

_EMPTY = 5
"""Bytes of a document without fields."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The staged outcome of one document; `raw` (its new bytes) and `target_hash` only where it is ready.

    `answers`: what the suites ask of the new document, in the order of `registry.answers.ANSWER_COLUMNS`.
    """

    item: str
    layer: str
    label: str
    disposition: Disposition
    reason: str | None
    detail: Mapping[str, Any]
    source_hash: str
    identifier: Any
    target_hash: str | None = None
    raw: bytes | None = None
    answers: tuple[Any, ...] | None = None


class Outcome(NamedTuple):
    """A staged outcome without its document."""

    item: str
    label: str
    disposition: str
    reason: str | None
    source_hash: str
    target_hash: str | None


def as_row(candidate: Candidate) -> dict[str, Any]:
    """The row of an outcome."""
    row = {
        "_id": candidate.item,
        "layer": candidate.layer,
        "identifier": candidate.identifier,
        "label": candidate.label,
        "disposition": str(candidate.disposition),
        "reason": candidate.reason,
        "detail": candidate.detail,
        "source_hash": candidate.source_hash,
        "target_hash": candidate.target_hash,
        "answers": candidate.answers,
        "document": RawBSONDocument(candidate.raw) if candidate.raw is not None else None,
    }
    if codec.is_unreadable(candidate.item):
        row[UNPLACED] = True
    return row


def with_document(row: RawBSONDocument) -> Candidate:
    """As it was staged, its document still in bytes; what the suites ask is not read along."""
    # Each look into a raw document costs as much as this one for all fields.
    said = dict(row.items())
    document, detail, identifier = said["document"], said["detail"], identifier_of(said)
    return Candidate(
        item=said["_id"],
        layer=said["layer"],
        label=said["label"],
        disposition=Disposition(said["disposition"]),
        reason=said["reason"],
        detail=codec.decode(bytes(detail.raw)) if len(detail.raw) > _EMPTY else {},
        source_hash=said["source_hash"],
        identifier=codec.decode(bytes(identifier.raw))
        if isinstance(identifier, RawBSONDocument)
        else identifier,
        target_hash=said["target_hash"],
        raw=bytes(document.raw) if document is not None else None,
    )
