"""The migration's own collections beside the target: snapshot, findings, candidates, batches; never the assets.

Rows are written only where they differ, so a second run with the same source writes nothing here either.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from asset_registry_pipeline.registry.documents import SourceDocument, masked
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.stores import codec
from migration_kit.chunks import chunked
from migration_kit.mongo import transient_errors

_CHUNK_BYTES, _CHUNK_ROWS = 8 * 1024 * 1024, 500
_DIGEST = "digest"


@dataclass(frozen=True)
class Snapshot:
    """What the newest inventory saw of one document."""

    item: str
    layer: str
    label: str
    nna_address: str
    source_hash: str


@dataclass(frozen=True)
class Candidate:
    """The staged outcome of one document; `raw` (its new bytes) and `target_hash` only where it is ready."""

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


class Workspace:
    """The collections `migration_snapshot`, `_findings`, `_candidates`, `_inventory`, `_batches` of development."""

    def __init__(self, database: Database[Any]) -> None:
        options = codec.OPTIONS
        self._snapshot = database.get_collection("migration_snapshot", codec_options=options)
        self._findings = database.get_collection("migration_findings", codec_options=options)
        self._candidates = database.get_collection("migration_candidates", codec_options=codec.RAW)
        self._inventory = database.get_collection("migration_inventory", codec_options=options)
        self._batches = database.get_collection("migration_batches", codec_options=options)

    def install(self) -> None:
        """Make the indexes that are missing."""
        with transient_errors("development"):
            for collection in (self._snapshot, self._findings, self._candidates):
                collection.create_index([("layer", 1)])

    def begin_batch(self, batch: str) -> datetime:
        """Note that a batch has begun, once; when it began."""
        with transient_errors("development"):
            self._batches.update_one(
                {"_id": batch}, {"$setOnInsert": {"first_at": datetime.now(UTC)}}, upsert=True
            )
            found = self._batches.find_one({"_id": batch})
        began: datetime = (found or {"first_at": datetime.now(UTC)})["first_at"]
        return began

    def save_snapshot(self, layer: str, sources: Iterable[SourceDocument]) -> int:
        """Keep what an inventory saw of a layer; returns the rows written or removed."""
        rows = (
            {
                "_id": source.item,
                "layer": layer,
                "label": source.label[:200],
                "nna_address": str((source.body or {}).get("nna_address"))[:200],
                "source_hash": source.source_hash,
                "size": source.size,
            }
            for source in sources
        )
        return _replace_rows(self._snapshot, {"layer": layer}, rows)

    def snapshot(self, layers: Sequence[str]) -> Iterator[Snapshot]:
        """What the newest inventories saw of some layers, in the order of the items."""
        with transient_errors("development"):
            for row in self._snapshot.find({"layer": {"$in": list(layers)}}).sort("_id", 1):
                yield Snapshot(row["_id"], row["layer"], row["label"], row["nna_address"], row["source_hash"])

    def save_findings(self, layer: str, findings: Iterable[Finding]) -> int:
        """Keep the findings of a layer in place of earlier ones; returns the rows written or removed."""
        rows = {
            f"{finding.item}/{finding.kind}/{finding.field}": {
                "layer": layer,
                "item": finding.item,
                "kind": finding.kind,
                "effect": str(finding.effect),
                "field": finding.field,
                "detail": masked(finding.detail)[:500],
            }
            for finding in findings
        }
        return _replace_rows(
            self._findings, {"layer": layer}, ({"_id": key, **row} for key, row in rows.items())
        )

    def findings(self) -> Iterator[dict[str, Any]]:
        """All findings of the newest inventories, by kind."""
        with transient_errors("development"):
            yield from self._findings.find({}, {_DIGEST: 0}).sort([("kind", 1), ("_id", 1)])

    def save_inventory(self, layer: str, summary: Mapping[str, Any]) -> None:
        """Keep the summary of a layer's newest inventory."""
        _replace_rows(self._inventory, {"_id": layer}, [{"_id": layer, **summary}])

    def inventory(self, layer: str) -> dict[str, Any] | None:
        """The summary of a layer's newest inventory."""
        with transient_errors("development"):
            return self._inventory.find_one({"_id": layer})

    def save_candidates(self, layer: str, candidates: Iterable[Candidate]) -> int:
        """Stage a layer's outcomes in place of earlier ones; returns the rows written or removed."""
        return _replace_rows(self._candidates, {"layer": layer}, map(_as_row, candidates))

    def candidates(self, layer: str) -> Iterator[Candidate]:
        """A layer's staged outcomes in the order of the items, streamed."""
        with transient_errors("development"):
            for row in self._candidates.find({"layer": layer}).sort("_id", 1):
                yield _as_candidate(row)


def _as_row(candidate: Candidate) -> dict[str, Any]:
    return {
        "_id": candidate.item,
        "layer": candidate.layer,
        "label": candidate.label,
        "disposition": str(candidate.disposition),
        "reason": candidate.reason,
        "detail": dict(candidate.detail),
        "source_hash": candidate.source_hash,
        "identifier": candidate.identifier,
        "target_hash": candidate.target_hash,
        "document": RawBSONDocument(candidate.raw) if candidate.raw is not None else None,
    }


def _as_candidate(row: RawBSONDocument) -> Candidate:
    document = row["document"]
    return Candidate(
        item=row["_id"],
        layer=row["layer"],
        label=row["label"],
        disposition=Disposition(row["disposition"]),
        reason=row["reason"],
        detail=codec.decode(row["detail"].raw),
        source_hash=row["source_hash"],
        identifier=row["identifier"],
        target_hash=row["target_hash"],
        raw=document.raw if document is not None else None,
    )


def _replace_rows(
    collection: Collection[Any], scope: Mapping[str, Any], rows: Iterable[dict[str, Any]]
) -> int:
    """Make the rows within `scope` these ones; writes what differs, removes what is gone, returns how many."""
    with transient_errors("development"):
        known = {row["_id"]: row.get(_DIGEST) for row in collection.find(scope, {_DIGEST: 1})}
        written, writes, size = 0, [], 0
        for row in rows:
            raw = bson.encode(row, codec_options=codec.OPTIONS)
            digest = hashlib.sha256(raw).hexdigest()
            if known.pop(row["_id"], None) == digest:
                continue
            # A row may have belonged to another scope (its layer was corrected): replaced wherever it is.
            writes.append(ReplaceOne({"_id": row["_id"]}, row | {_DIGEST: digest}, upsert=True))
            size += len(raw)
            if size > _CHUNK_BYTES or len(writes) >= _CHUNK_ROWS:
                written += _flush(collection, writes)
                writes, size = [], 0
        written += _flush(collection, writes)
        for gone in chunked(known, _CHUNK_ROWS):
            # Only while it still is in this scope: another layer may have taken the row over meanwhile.
            written += _flush(collection, [DeleteOne({**scope, "_id": identifier}) for identifier in gone])
    return written


def _flush(collection: Collection[Any], writes: Sequence[Any]) -> int:
    if not writes:
        return 0
    result = collection.bulk_write(list(writes), ordered=False)
    return result.modified_count + result.upserted_count + result.deleted_count
