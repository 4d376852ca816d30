"""Development's assets: reading them, their indexes, and the writes that publishing is made of.

A document and its ledger record are written in one transaction, so there is never one without the other. In a migration
in place development is the collection it migrates: what has arrived there are the documents that have a pre-image.
What may be written, and what is a conflict, is not decided here.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import NetworkTimeout, OperationFailure

from asset_registry_pipeline.registry.documents import STAGING_FIELDS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.indexes import TEXT, TEXT_INDEX, WANTED_INDEXES, Index, difference
from asset_registry_pipeline.stores.preimages import Preimages
from asset_registry_pipeline.stores.refusals import DUPLICATE_KEY, told
from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest
from migration_kit.mongo import connect, is_passing, raw_documents, transient_errors

ASSETS = "assets"
_CHUNK = 500
_MOMENT_SECONDS, _LOOK_AGAIN_SECONDS = 1.0, 0.1


class Development:
    """The registry that is migrated to; with `preimages` the one that is migrated in place."""

    def __init__(self, database: Database[Any], preimages: Preimages | None = None) -> None:
        self._database = database
        self._assets = database.get_collection(ASSETS, codec_options=codec.RAW)
        self._preimages = preimages

    def existing(self, identifiers: Iterable[Any], session: ClientSession | None = None) -> dict[str, bytes]:
        """The bytes of the documents with these `_id`s, by item, whoever wrote them."""
        # Not wrapped: inside a transaction the driver has to see its own errors to retry them.
        found = self._assets.find_raw_batches({"_id": {"$in": list(identifiers)}}, session=session)
        return {codec.item_of(raw): raw for raw in raw_documents(found)}

    def arrived(self, identifiers: Iterable[Any]) -> dict[str, bytes]:
        """As `existing`, but of a migration in place only the documents that it has written."""
        with transient_errors("development"):
            found = self.existing(identifiers)
        written = self._written(found)
        return {item: raw for item, raw in found.items() if item in written}

    def present(self, identifiers: Iterable[Any]) -> Collection[str]:
        """The items of the documents with these `_id`s that have arrived."""
        found = self._assets.find({"_id": {"$in": list(identifiers)}}, {"_id": 1})
        return self._written({codec.item_of(document.raw) for document in found})

    def having(
        self, field: str, values: Sequence[Any], layers: Sequence[str], *, fields: Sequence[str] | None = None
    ) -> Iterator[bytes]:
        """The bytes of the documents of some layers that have arrived and whose field is one of the values.

        `fields`: only these and the `_id`.
        """
        only = dict.fromkeys(fields, 1) if fields is not None else None
        wanted = {field: {"$in": list(values)}, "layer": {"$in": list(layers)}}
        with transient_errors("development"):
            yield from self._arrived(raw_documents(self._assets.find_raw_batches(wanted, only)))

    def count(self, layer: str) -> int:
        """How many documents of a layer have arrived; in place a few more, where what was written is gone since."""
        with transient_errors("development"):
            if self._preimages is not None:
                return self._preimages.count(layer)
            return self._assets.count_documents({"layer": layer})

    def fingerprint(self, layers: Sequence[str]) -> str:
        """Hash of the documents of some layers that have arrived, of all that stands in them."""
        with transient_errors("development"):
            found = self._assets.find_raw_batches({"layer": {"$in": list(layers)}})
            digest = SetDigest()
            for raw in self._arrived(raw_documents(found)):
                digest.add(f"{codec.item_of(raw)} {codec.content_hash(raw)}")
        return digest.hexdigest()

    def _arrived(self, raws: Iterable[bytes]) -> Iterator[bytes]:
        if self._preimages is None:
            yield from raws
            return
        for chunk in chunked(raws, _CHUNK):
            items = [codec.item_of(raw) for raw in chunk]
            written = self._written(items)
            yield from (raw for item, raw in zip(items, chunk, strict=True) if item in written)

    def _written(self, items: Iterable[str]) -> Collection[str]:
        """Of items that stand in the collection those that a migration has brought or replaced."""
        known = {*items}
        return known if self._preimages is None else self._preimages.having(known)

    def taken(
        self, names: Sequence[str], addresses: Sequence[str], session: ClientSession | None = None
    ) -> dict[str, str]:
        """Of these names and addresses those that documents have, and the item that has each."""
        wanted = {"$or": [{"name": {"$in": list(names)}}, {"nna_address": {"$in": list(addresses)}}]}
        found: dict[str, str] = {}
        for raw in self._assets.find(wanted, {"name": 1, "nna_address": 1}, session=session):
            document = codec.decoded(raw.raw, strict=False) or {}
            for key in (document.get("name"), document.get("nna_address")):
                if is_text(key):
                    found[key] = codec.item_of(raw.raw)
        return found

    def insert(self, raws: Sequence[bytes], session: ClientSession) -> None:
        """Insert documents within the session's transaction, which their ledger records belong to."""
        if raws:
            self._assets.insert_many([RawBSONDocument(raw) for raw in raws], session=session)

    def replace(self, documents: Sequence[tuple[Any, bytes]], session: ClientSession) -> None:
        """Put documents in the place of those with their `_id`s, within the session's transaction."""
        writes: list[Any] = [
            ReplaceOne({"_id": identifier}, RawBSONDocument(raw)) for identifier, raw in documents
        ]
        if writes:
            self._assets.bulk_write(writes, session=session)

    def indexes(self) -> dict[str, dict[str, Any]]:
        """The indexes that are there, by name."""
        with transient_errors("development"):
            # index_information of a collection that does not exist yet is empty, not an error.
            return dict(self._database[ASSETS].index_information())

    def refuse_foreign_unique_indexes(self) -> None:
        """Stop before anything is written if a unique index covers a field that the documents lack.

        Raises:
            PermanentError: names the index; every document but the first would collide on the absent field.
        """
        for name, index in self.indexes().items():
            if not index.get("unique") or index.get("sparse") or index.get("partialFilterExpression"):
                continue
            lacking = [field for field, _ in index["key"] if field not in STAGING_FIELDS]
            if lacking:
                raise PermanentError(
                    f"the unique index {name} covers {', '.join(lacking)}, which the documents do not have",
                    item=f"{self._database.name}.{ASSETS}",
                    remedy=f"Drop it: db.{ASSETS}.dropIndex('{name}')",
                )

    def ensure_indexes(self) -> dict[str, str]:
        """Make the wanted indexes that are missing, save the text index; in place, those that could not be and why.

        In a migration in place duplicates that stand there already keep a unique index from being made. They are
        quarantined one by one and keep no other document from being migrated; verifying names the missing index.

        Raises:
            PermanentError: another index stands in the way, or documents in development break a unique one.
        """
        self.refuse_foreign_unique_indexes()
        self._refuse_another_text_index()
        return {
            index.name: problem
            for index in WANTED_INDEXES
            if index.name != TEXT_INDEX and (problem := self._ensure(index)) is not None
        }

    def _refuse_another_text_index(self) -> None:
        """Before anything is written: a collection can have one text index only."""
        for name, index in self.indexes().items():
            if ("_fts", "text") in index["key"] and (name != TEXT_INDEX or difference(TEXT, index)):
                raise PermanentError(
                    f"the index {TEXT_INDEX} cannot be made: the text index {name} is there, and there can be only one",
                    item=f"{self._database.name}.{ASSETS}",
                    remedy=f"Drop it: db.{ASSETS}.dropIndex('{name}')",
                )

    def begin_text_index(self, uri: str) -> None:
        """Have the server make the text index if it is missing, and wait for it only a moment: it may take minutes.

        `uri`: development's. The server goes on when nobody waits; until it is done, `being_built` says so.

        Raises:
            PermanentError: another text index has been made meanwhile.
        """
        if TEXT_INDEX in self.indexes():
            return
        with (
            transient_errors("development"),
            connect(uri, patience=_MOMENT_SECONDS) as client,
            suppress(NetworkTimeout),
        ):
            Development(client.get_database(self._database.name), self._preimages)._make(TEXT)

    def being_built(self) -> frozenset[str]:
        """The names of indexes that the server is building: it lists them among those that are there."""
        with transient_errors("development"):
            if ASSETS not in self._database.list_collection_names(filter={"name": ASSETS}):
                return frozenset()
            listed = self._database.command("listIndexes", ASSETS, includeBuildUUIDs=True)
        building = (each["spec"] for each in listed["cursor"]["firstBatch"] if "buildUUID" in each)
        return frozenset(index["name"] for index in building)

    def await_indexes(self) -> None:
        """Wait until the server builds none."""
        while self.being_built():
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _ensure(self, index: Index) -> str | None:
        with transient_errors("development"):
            return self._make(index)

    def _make(self, index: Index) -> str | None:
        try:
            self._database[ASSETS].create_index(list(index.keys), name=index.name, **index.options)
        except OperationFailure as error:
            if is_passing(error):
                raise
            words = told(error)
            if self._preimages is not None and error.code == DUPLICATE_KEY:
                return words
            raise PermanentError(
                f"the index {index.name} cannot be made: {words}",
                item=f"{self._database.name}.{ASSETS}",
                remedy="Drop the index that stands in its way, or repair the documents that break it",
            ) from error
        return None

    def missing_indexes(self) -> dict[str, str]:
        """The wanted indexes that are not there as wanted, and what is wrong with each."""
        there = self.indexes()
        return {
            index.name: wrong
            for index in WANTED_INDEXES
            if (wrong := difference(index, there.get(index.name))) is not None
        }

    def session(self) -> ClientSession:
        """A session on development's server, for a transaction."""
        return self._database.client.start_session()
