"""Development's assets: reading them, their indexes, and publishing without ever overwriting.

A document and its ledger record are written in one transaction, so there is never one without the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from asset_registry_pipeline.registry.documents import STAGING_FIELDS, masked
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.stores import codec
from migration_kit.failures import PermanentError, TransientError
from migration_kit.fingerprints import combine
from migration_kit.ledger import Entry
from migration_kit.ledger.mongo import MongoLedger
from migration_kit.mongo import transient_errors

ASSETS = "assets"
TEXT_INDEX = "migration_text"
LANGUAGE_OVERRIDE = "textIndexLanguage"
"""A field that no document has: the default, `language`, makes documents with such a field fail to be indexed."""


@dataclass(frozen=True)
class Index:
    """An index the target must have; `keys` as the server stores them, without the text index's inner ones."""

    name: str
    keys: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any]


WANTED_INDEXES = (
    Index("name_1", (("name", 1),), {"unique": True}),
    Index("nna_address_1", (("nna_address", 1),), {"unique": True}),
    Index("layer_1_category_1_subcategory_1", (("layer", 1), ("category", 1), ("subcategory", 1)), {}),
    Index(
        TEXT_INDEX,
        (("name", "text"), ("description", "text"), ("tags", "text"), ("creatorDescription", "text")),
        {"default_language": "english", "language_override": LANGUAGE_OVERRIDE},
    ),
)


class Development:
    """The registry that is migrated to."""

    def __init__(self, database: Database[Any]) -> None:
        self._database = database
        self._assets = database.get_collection(ASSETS, codec_options=codec.RAW)

    def existing(self, identifiers: Iterable[Any], session: ClientSession | None = None) -> dict[str, bytes]:
        """The bytes of the documents with these `_id`s, by item."""
        # Not wrapped: inside a transaction the driver has to see its own errors to retry them.
        found = self._assets.find({"_id": {"$in": list(identifiers)}}, session=session)
        return {codec.item_key(document["_id"]): document.raw for document in found}

    def read(self, layers: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The documents of some layers, streamed in the order of their `_id`."""
        with transient_errors("development"):
            for document in self._assets.find({"layer": {"$in": list(layers)}}).sort("_id", 1):
                yield codec.decode(document.raw)

    def fingerprint(self, layers: Sequence[str]) -> str:
        """Hash of the documents of some layers, of all that stands in them."""
        with transient_errors("development"):
            found = self._assets.find({"layer": {"$in": list(layers)}})
            return combine(
                sorted(
                    f"{codec.item_key(document['_id'])} {codec.content_hash(document.raw)}"
                    for document in found
                )
            )

    def taken(
        self, names: Sequence[str], addresses: Sequence[str], session: ClientSession | None = None
    ) -> dict[str, str]:
        """Of these names and addresses those that documents have, and the item that has each."""
        wanted = {"$or": [{"name": {"$in": list(names)}}, {"nna_address": {"$in": list(addresses)}}]}
        found: dict[str, str] = {}
        for document in self._assets.find(wanted, {"name": 1, "nna_address": 1}, session=session):
            for key in (document.get("name"), document.get("nna_address")):
                if is_text(key):
                    found[key] = codec.item_key(document["_id"])
        return found

    def insert(
        self, raws: Sequence[bytes], entries: Iterable[Entry], ledger: MongoLedger, session: ClientSession
    ) -> None:
        """Insert documents and their ledger records within the session's transaction."""
        if raws:
            self._assets.insert_many([RawBSONDocument(raw) for raw in raws], session=session)
        ledger.record(entries, session=session)

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

    def ensure_indexes(self) -> None:
        """Make the wanted indexes that are missing.

        Raises:
            PermanentError: another index stands in the way, or documents in development break a unique one.
        """
        self.refuse_foreign_unique_indexes()
        for index in WANTED_INDEXES:
            try:
                with transient_errors("development"):
                    self._database[ASSETS].create_index(list(index.keys), name=index.name, **index.options)
            except OperationFailure as error:
                raise PermanentError(
                    f"the index {index.name} cannot be made: {(error.details or {}).get('errmsg', error)}",
                    item=f"{self._database.name}.{ASSETS}",
                    remedy="Drop the index that stands in its way, or repair the documents that break it",
                ) from error

    def missing_indexes(self) -> dict[str, str]:
        """The wanted indexes that are not there as wanted, and what is wrong with each."""
        there = self.indexes()
        return {
            index.name: wrong
            for index in WANTED_INDEXES
            if (wrong := _difference(index, there.get(index.name))) is not None
        }

    def session(self) -> ClientSession:
        """A session on development's server, for a transaction."""
        return self._database.client.start_session()


_DUPLICATE_KEY, _UNAUTHORIZED, _OUT_OF_DISK_SPACE = 11000, 13, 14031


def refused_by_server(error: OperationFailure) -> tuple[bool, str]:
    """Of an insert that failed for what its documents hold: whether it met an existing key, and the server's words.

    Raises:
        PermanentError, TransientError: it failed for another reason, which says nothing of the documents.
    """
    words = masked(str((error.details or {}).get("errmsg", error)))[:300]
    if isinstance(error, DuplicateKeyError):
        return True, words
    if isinstance(error, BulkWriteError) and (failed := error.details.get("writeErrors")):
        code, words = failed[0].get("code"), masked(str(failed[0].get("errmsg", error)))[:300]
        if code not in (_UNAUTHORIZED, _OUT_OF_DISK_SPACE):
            return code == _DUPLICATE_KEY, words
    if error.code == _UNAUTHORIZED:
        raise PermanentError(
            f"development refused to be written to: {words}",
            item="REGISTRY_DEVELOPMENT_URI",
            remedy="Give its user the right to read and write the database",
        ) from error
    raise TransientError(f"development could not be written to: {words}", item=ASSETS) from error


def _difference(wanted: Index, there: Mapping[str, Any] | None) -> str | None:
    if there is None:
        return "missing"
    for option, value in wanted.options.items():
        if there.get(option) != value:
            return f"{option} is {there.get(option)!r}, {value!r} wanted"
    if wanted.name == TEXT_INDEX:
        fields = set(there.get("weights", {}))
        return (
            None if fields == {field for field, _ in wanted.keys} else f"covers {', '.join(sorted(fields))}"
        )
    return None if [tuple(key) for key in there["key"]] == list(wanted.keys) else f"covers {there['key']}"
