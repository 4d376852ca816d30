"""Queries of a rollback: what stands of the written documents, taking them back, and the history of it.

What may go is decided in `registry.rollback`. Reads and writes that take a session belong to its transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.stores import codec
from migration_kit.chunks import chunked
from migration_kit.mongo import transient_errors

_CHUNK = 500
_OBJECT_ID_DIGITS = 24
_HEAD = {"layer": 1, "name": 1, "nna_address": 1}
_REFERENCES = {"name": 1, "components": 1}


@dataclass(frozen=True)
class Preimage:
    """A document as it was before it was changed in place; `sound` if it still hashes to what was read then."""

    identifier: Any
    target_hash: str
    raw: bytes
    sound: bool


class RollbackStore:
    """Development's assets, pre-images and `migration_rolled_back`, as a rollback needs them."""

    def __init__(self, database: Database[Any]) -> None:
        self._assets = database.get_collection("assets", codec_options=codec.RAW)
        self._preimages = database.get_collection("migration_preimages", codec_options=codec.RAW)
        # In this order: what was published last was staged as a candidate, what was not may still be in the snapshot.
        self._with_identifiers = [
            database.get_collection(name, codec_options=codec.RAW)
            for name in ("migration_candidates", "migration_preimages", "migration_snapshot")
        ]
        self._candidates = self._with_identifiers[0]
        self._history = database.get_collection("migration_rolled_back", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the history's indexes: collections cannot be made in a transaction of every server version."""
        with transient_errors("development"):
            self._history.create_index([("layer", 1), ("at", 1)])
            self._history.create_index([("item", 1)])
            self._history.create_index([("run_id", 1), ("layer", 1)])

    def identifiers(self, items: Sequence[str]) -> dict[str, Any]:
        """The `_id`s that ledger keys stand for, as far as they are known."""
        found: dict[str, Any] = {item: ObjectId(item) for item in items if _is_object_id(item)}
        with transient_errors("development"):
            for collection in self._with_identifiers:
                wanted = [item for item in items if item not in found]
                if wanted:
                    rows = collection.find({"_id": {"$in": wanted}}, {"identifier": 1})
                    found |= {row["_id"]: row["identifier"] for row in rows if "identifier" in row}
        return found

    def heads(self, identifiers: Iterable[Any]) -> dict[str, dict[str, Any]]:
        """Layer, name and address of the documents with these `_id`s, by item."""
        with transient_errors("development"):
            found = self._assets.find({"_id": {"$in": list(identifiers)}}, _HEAD)
            return {codec.item_key(document["_id"]): codec.decode(document.raw) for document in found}

    def composites(self, *, in_place: bool) -> Iterator[dict[str, Any]]:
        """Name and components of the composites in development, streamed; in place only of those that have changed."""
        with transient_errors("development"):
            if not in_place:
                wanted = {"layer": {"$in": list(COMPOSITE_LAYERS)}}
                for document in self._assets.find(wanted, _REFERENCES):
                    yield codec.decode(document.raw)
                return
            rows = self._preimages.find({"layer": {"$in": list(COMPOSITE_LAYERS)}}, {"identifier": 1})
            for chunk in chunked(rows, _CHUNK):
                wanted = {"_id": {"$in": [row["identifier"] for row in chunk]}}
                for document in self._assets.find(wanted, _REFERENCES):
                    yield codec.decode(document.raw)

    def staged(self, items: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Hash and bytes of what is staged for these items, where a document is."""
        with transient_errors("development"):
            rows = self._candidates.find({"_id": {"$in": list(items)}}, {"target_hash": 1, "document": 1})
            return {
                row["_id"]: (row["target_hash"], row["document"].raw)
                for row in rows
                if row["document"] is not None
            }

    def preimages(self, items: Sequence[str], session: ClientSession) -> dict[str, Preimage]:
        """What these items were before they were changed in place, where they were."""
        rows = self._preimages.find({"_id": {"$in": list(items)}}, session=session)
        return {
            row["_id"]: Preimage(
                row["identifier"],
                row["target_hash"],
                row["document"].raw,
                codec.content_hash(row["document"].raw) == row["source_hash"],
            )
            for row in rows
        }

    def remove(self, identifiers: Sequence[Any], session: ClientSession) -> None:
        """Take documents out of development."""
        if identifiers:
            self._assets.delete_many({"_id": {"$in": list(identifiers)}}, session=session)

    def restore(self, preimages: Mapping[str, Preimage], session: ClientSession) -> None:
        """Put pre-images in the places of their documents; they are not kept beside them."""
        if preimages:
            writes: list[ReplaceOne[Any]] = [
                ReplaceOne({"_id": before.identifier}, RawBSONDocument(before.raw))
                for before in preimages.values()
            ]
            self._assets.bulk_write(writes, ordered=False, session=session)
            self._preimages.delete_many({"_id": {"$in": list(preimages)}}, session=session)

    def taken_by(self, run_id: str, layer: str) -> Iterator[dict[str, Any]]:
        """What a run has taken back of a layer, streamed."""
        with transient_errors("development"):
            yield from self._history.find({"run_id": run_id, "layer": layer}).sort("_id", 1)

    def remember(self, rows: Sequence[Mapping[str, Any]], session: ClientSession) -> None:
        """Add to the history of what was taken back."""
        if rows:
            self._history.insert_many([dict(row) for row in rows], session=session)


def _is_object_id(item: str) -> bool:
    """Whether a ledger key is that of an ObjectId; those of other types carry their type's name."""
    return len(item) == _OBJECT_ID_DIGITS and ObjectId.is_valid(item)
