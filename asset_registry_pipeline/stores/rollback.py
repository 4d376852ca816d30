"""Queries that only a rollback asks: what stands in development, taking it out, and the history of it.

What may go is decided in `registry.rollback`. What takes a session belongs to its transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.preimages import Preimages
from migration_kit.chunks import chunked
from migration_kit.mongo import transient_errors

_CHUNK = 500
_HEAD = {"layer": 1, "name": 1, "nna_address": 1, "bytes": {"$bsonSize": "$$ROOT"}}
_REFERENCES = {"name": 1, "components": 1}


class RollbackStore:
    """Development's assets and `migration_rolled_back`; with `preimages` of a migration in place."""

    def __init__(self, database: Database[Any], preimages: Preimages | None = None) -> None:
        self._assets = database.get_collection("assets", codec_options=codec.RAW)
        self._preimages = preimages
        self._left = database.get_collection("migration_left", codec_options=codec.OPTIONS)
        self._history = database.get_collection("migration_rolled_back", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the history's indexes: collections cannot be made in a transaction of every server version."""
        with transient_errors("development"):
            self._history.create_index([("layer", 1), ("at", 1)])
            self._history.create_index([("item", 1)])
            self._history.create_index([("run_id", 1), ("layer", 1)])

    def identifiers_left(self, items: Sequence[str]) -> dict[str, Any]:
        """The `_id`s of those of the items that have left staging since they were migrated."""
        with transient_errors("development"):
            rows = self._left.find({"_id": {"$in": list(items)}}, {"identifier": 1})
            return {row["_id"]: row["identifier"] for row in rows}

    def heads(self, identifiers: Iterable[Any]) -> dict[str, dict[str, Any]]:
        """Layer, name, address and number of bytes of the documents with these `_id`s, by item."""
        with transient_errors("development"):
            found = self._assets.find({"_id": {"$in": list(identifiers)}}, _HEAD)
            return {codec.item_of(document.raw): _lenient(document.raw) for document in found}

    def composites(self) -> Iterator[dict[str, Any]]:
        """Name and components of the composites in development, streamed; in place of those that were changed."""
        with transient_errors("development"):
            found = self._assets.find({"layer": {"$in": list(COMPOSITE_LAYERS)}}, _REFERENCES)
            for chunk in chunked((document.raw for document in found), _CHUNK):
                items = [codec.item_of(raw) for raw in chunk]
                written = items if self._preimages is None else self._preimages.having(items)
                yield from (_lenient(raw) for item, raw in zip(items, chunk, strict=True) if item in written)

    def remove(self, identifiers: Sequence[Any], session: ClientSession) -> None:
        """Take documents out of development."""
        if identifiers:
            self._assets.delete_many({"_id": {"$in": list(identifiers)}}, session=session)

    def forget_left(self, items: Sequence[str], session: ClientSession) -> None:
        """No longer list as left behind by staging what development does not have either."""
        self._left.delete_many({"_id": {"$in": list(items)}}, session=session)

    def taken_by(self, run_id: str, layer: str) -> Iterator[dict[str, Any]]:
        """What a run has taken back of a layer, streamed."""
        with transient_errors("development"):
            yield from self._history.find({"run_id": run_id, "layer": layer}).sort("_id", 1)

    def remember(self, rows: Sequence[Mapping[str, Any]], session: ClientSession) -> None:
        """Add to the history of what was taken back."""
        if rows:
            self._history.insert_many([dict(row) for row in rows], session=session)


def _lenient(raw: bytes) -> dict[str, Any]:
    """Whatever can be read of a document: one that is no UTF-8 stops no rollback."""
    return codec.decoded(raw, strict=False) or {}
