"""What a migration in place has replaced: `migration_preimages`, and reading a collection as it was before.

Both sides of a migration in place are one collection. Its source is that collection with the pre-image in the place of
each document that this migration wrote and nobody has changed since; its target is those documents that have one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from migration_kit.chunks import chunked
from migration_kit.mongo import transient_errors

_CHUNK = 500


@dataclass(frozen=True)
class Preimage:
    """A document as it was (`raw`, whose hash is `source_hash`) before this migration wrote one of `target_hash`."""

    item: str
    layer: str
    identifier: Any
    source_hash: str
    target_hash: str
    raw: bytes


class Preimages:
    """The collection `migration_preimages`; a row lives from the replacement to its rollback."""

    def __init__(self, database: Database[Any]) -> None:
        self._rows = database.get_collection("migration_preimages", codec_options=codec.RAW)

    def install(self) -> None:
        """Make the collection and its index, where they are missing."""
        with transient_errors("development"):
            self._rows.create_index([("layer", 1)])

    def add(self, preimages: Sequence[Preimage], session: ClientSession) -> None:
        """Keep pre-images, in the transaction in which the documents are replaced.

        Raises:
            BulkWriteError: there is one of the item already; the first one stays.
        """
        # Not wrapped: inside a transaction the driver has to see its own errors to retry them.
        if preimages:
            self._rows.insert_many([_as_row(one) for one in preimages], session=session)

    def follow(self, target_hashes: Mapping[str, str], session: ClientSession) -> None:
        """Note by which document each item's pre-image is replaced now, in the transaction in which it is."""
        writes = [
            UpdateOne({"_id": item}, {"$set": {"target_hash": target_hash}})
            for item, target_hash in target_hashes.items()
        ]
        if writes:
            self._rows.bulk_write(writes, session=session)

    def forget(self, items: Sequence[str], session: ClientSession) -> None:
        """Take pre-images out, in the transaction in which they are put back in the places of their documents."""
        self._rows.delete_many({"_id": {"$in": [*items]}}, session=session)

    def of(self, items: Iterable[str], session: ClientSession | None = None) -> dict[str, Preimage]:
        """The pre-images of those of the items that have one."""
        found = self._rows.find({"_id": {"$in": [*items]}}, session=session)
        return {row["_id"]: _as_preimage(row) for row in found}

    def having(self, items: Iterable[str], session: ClientSession | None = None) -> frozenset[str]:
        """Those of the items that have a pre-image."""
        found = self._rows.find({"_id": {"$in": [*items]}}, {"_id": 1}, session=session)
        return frozenset(row["_id"] for row in found)

    def count(self, layer: str) -> int:
        """How many documents of a layer have a pre-image."""
        with transient_errors("development"):
            return self._rows.count_documents({"layer": layer})

    def restored(self, raws: Iterable[bytes]) -> Iterator[bytes]:
        """Documents as they were before: the pre-image of each that still is what this migration wrote."""
        for chunk in chunked(raws, _CHUNK):
            items = [codec.item_of(raw) for raw in chunk]
            with transient_errors("development"):
                known = self.of(items)
            for item, raw in zip(items, chunk, strict=True):
                before = known.get(item)
                ours = before is not None and codec.content_hash(raw) == before.target_hash
                yield before.raw if before is not None and ours else raw


def _as_row(preimage: Preimage) -> dict[str, Any]:
    return {
        "_id": preimage.item,
        "layer": preimage.layer,
        "identifier": preimage.identifier,
        "source_hash": preimage.source_hash,
        "target_hash": preimage.target_hash,
        "document": RawBSONDocument(preimage.raw),
    }


def _as_preimage(row: RawBSONDocument) -> Preimage:
    return Preimage(
        item=row["_id"],
        layer=row["layer"],
        identifier=row["identifier"],
        source_hash=row["source_hash"],
        target_hash=row["target_hash"],
        raw=row["document"].raw,
    )
