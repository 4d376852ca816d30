"""Rows of `migration_candidates`: a document's staged outcome, with its new bytes and what the suites ask of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct, pack
from typing import Any, NamedTuple

from bson import encode
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.rows import DOCUMENT, DOCUMENT_ELEMENT, UNPLACED, identifier_of

_SIZE = "size"
"""The field, always the second one, for how many bytes the document has; 0 without one."""
_SIZE_ELEMENT = b"\x10" + _SIZE.encode() + b"\x00"
_ID_LENGTH_AT = 9
_number_at = Struct("<i").unpack_from


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
        _SIZE: len(candidate.raw or b""),
        "layer": candidate.layer,
        "identifier": candidate.identifier,
        "label": candidate.label,
        "disposition": str(candidate.disposition),
        "reason": candidate.reason,
        "detail": candidate.detail,
        "source_hash": candidate.source_hash,
        "target_hash": candidate.target_hash,
        "answers": candidate.answers,
    }
    if candidate.raw is not None:
        row[DOCUMENT] = candidate.raw
    if codec.is_unreadable(candidate.item):
        row[UNPLACED] = True
    return row


def with_document(raw: bytes) -> Candidate:
    """As it was staged, from the bytes of the row, its document still in bytes; what the suites ask is left out."""
    said, document = _parted(raw)
    return Candidate(
        item=said["_id"],
        layer=said["layer"],
        label=said["label"],
        disposition=Disposition(said["disposition"]),
        reason=said["reason"],
        detail=said["detail"],
        source_hash=said["source_hash"],
        identifier=identifier_of(said),
        target_hash=said["target_hash"],
        raw=document,
    )


def _parted(raw: bytes) -> tuple[Mapping[str, Any], bytes | None]:
    """What a row says, and its document: cut off, where its size tells where it begins, without being looked into."""
    # Behind the text of the `_id`, which is in the first place.
    (length,) = _number_at(raw, _ID_LENGTH_AT)
    at = _ID_LENGTH_AT + 4 + length
    if raw[4:9] == b"\x02_id\x00" and raw.startswith(_SIZE_ELEMENT, at):
        (size,) = _number_at(raw, at + len(_SIZE_ELEMENT))
        if size == 0:
            return codec.decode(raw), None
        begins = len(raw) - 1 - size
        ends = begins - len(DOCUMENT_ELEMENT)
        if size > 0 and raw.startswith(DOCUMENT_ELEMENT, max(0, ends)):
            return codec.decode(pack("<i", ends + 1) + raw[4:ends] + b"\x00"), raw[begins:-1]
    # A row of an earlier version, or one that was tampered with.
    row = RawBSONDocument(raw, codec.RAW)
    found = row.get(DOCUMENT)
    said = {name: value for name, value in row.items() if name != DOCUMENT}
    return codec.decode(encode(said)), bytes(found.raw) if isinstance(found, RawBSONDocument) else None
