"""Staging, read only: the queries of a migration over a wrapper that has no way to write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bson.objectid import ObjectId
from pymongo.database import Database

from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.id_ranges import WHOLE, IdRange
from migration_kit.failures import PermanentError
from migration_kit.mongo import raw_documents, transient_errors

ASSETS, TAXONOMIES = "assets", "taxonomies"


_UPDATED = {"$convert": {"input": "$updatedAt", "to": "long", "onError": 0, "onNull": 0}}
_MARK = {"documents": {"$sum": 1}, "newest": {"$max": _UPDATED}, "updates": {"$sum": _UPDATED}}
_PAGE_BATCH = 10
"""Documents that are read at once for a page: each may have 16 MB."""
Restored = Callable[[Iterable[bytes]], Iterator[bytes]]


class ReadOnlyCollection:
    """A collection that can be read and counted and nothing else.

    `restored`: what makes documents that were read whole into what they were, where the migration writes them itself.
    """

    __slots__ = ("__collection", "__restored")

    def __init__(self, database: Database[Any], name: str, restored: Restored = iter) -> None:
        self.__collection = database.get_collection(name, codec_options=codec.RAW)
        self.__restored = restored

    def find_raw(
        self,
        wanted: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
        within: IdRange = WHOLE,
    ) -> Iterator[bytes]:
        """The bytes of the documents that match, in the order of their `_id`, streamed."""
        with transient_errors("staging"):
            raws = self.__found(wanted, fields, within)
            yield from self.__restored(raws) if fields is None else raws

    def __found(
        self, wanted: Mapping[str, Any], fields: Mapping[str, Any] | None, within: IdRange
    ) -> Iterator[bytes]:
        found = self.__collection.find_raw_batches
        yield from raw_documents(within.bounding(found(wanted, fields).sort("_id", 1)))
        if within.leaves_out_the_end:
            yield from raw_documents(found({**wanted, "_id": within.upper}, fields))

    def page(self, wanted: Mapping[str, Any], skip: int, limit: int) -> Iterator[bytes]:
        """The bytes of some of the documents that match, in the order of their `_id`, streamed."""
        with transient_errors("staging"):
            found = self.__collection.find_raw_batches(wanted).sort("_id", 1).skip(skip).limit(limit)
            yield from self.__restored(raw_documents(found.batch_size(_PAGE_BATCH)))

    def count(self, wanted: Mapping[str, Any], most: int | None = None) -> int:
        """How many documents match, counted up to `most`."""
        with transient_errors("staging"):
            limited: dict[str, Any] = {"limit": most} if most else {}
            return self.__collection.count_documents(wanted, **limited)

    def one_after(self, wanted: Mapping[str, Any], within: IdRange, skipped: int) -> bytes | None:
        """The `_id` of a document that matches, in a document of its own, after a number of others; None at the end."""
        with transient_errors("staging"):
            cursor = within.bounding(self.__collection.find(wanted, {"_id": 1}).sort("_id", 1))
            return next((document.raw for document in cursor.skip(skipped).limit(1)), None)

    def repeated(self, wanted: Mapping[str, Any], field: str) -> Iterator[Any]:
        """The values of a field that several of the documents that match have, grouped by the server."""
        stages: list[Mapping[str, Any]] = [
            {"$match": wanted},
            {"$group": {"_id": f"${field}", "n": {"$sum": 1}}},
            {"$match": {"n": {"$gt": 1}}},
        ]
        with transient_errors("staging"), self.__collection.aggregate(stages, allowDiskUse=True) as cursor:
            for row in cursor:
                if (group := codec.decoded(row.raw)) is not None:
                    yield group["_id"]

    def group(self, by: Any, values: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Numbers over groups of the documents that match, summed up by the server; no stage that writes."""
        stages: list[Mapping[str, Any]] = [{"$match": wanted}, {"$group": {"_id": by, **values}}]
        with transient_errors("staging"):
            return [codec.decode(row.raw) for row in self.__collection.aggregate(stages)]


class Staging:
    """The registry that is migrated from."""

    def __init__(self, database: Database[Any], restored: Restored = iter) -> None:
        self._assets = ReadOnlyCollection(database, ASSETS, restored)
        self._taxonomies = ReadOnlyCollection(database, TAXONOMIES)

    def read(self, layer: str, within: IdRange = WHOLE) -> Iterator[SourceDocument]:
        """The documents of a layer, or with `UNFILED` those that name no layer of this migration, streamed."""
        for raw in self._assets.find_raw(_of_layer(layer), within=within):
            yield codec.read_source(raw, layer)

    def raw(
        self, layer: str, within: IdRange = WHOLE, *, fields: Sequence[str] | None = None
    ) -> Iterator[bytes]:
        """The same documents as their bytes, whatever can be made of them.

        `fields`: only these and the `_id`, and in a migration in place as they stand now.
        """
        only = dict.fromkeys(fields, 1) if fields is not None else None
        return self._assets.find_raw(_of_layer(layer), only, within)

    def page(self, layer: str, *, skip: int, limit: int) -> Iterator[bytes]:
        """The bytes of some of a layer's documents, for somebody who looks at them, streamed."""
        return self._assets.page(_of_layer(layer), skip, limit)

    def one(self, identifier: Any) -> bytes | None:
        """The bytes of the document with this `_id`, of whichever layer it is."""
        return next(self._assets.find_raw({"_id": {"$in": [identifier]}}), None)

    def among(self, identifiers: Sequence[Any]) -> Iterator[bytes]:
        """The bytes of the documents with these `_id`s, of whichever layer they are, streamed."""
        return self._assets.find_raw({"_id": {"$in": list(identifiers)}})

    def has_called(self, name: str, address: str) -> bool:
        """Whether a document has this name or this address."""
        return self._assets.count({"$or": [{"name": name}, {"nna_address": address}]}, 1) > 0

    def raw_taxonomies(self) -> Iterator[bytes]:
        """The bytes of the taxonomies."""
        return self._taxonomies.find_raw({})

    def marks_between(self, layer: str, every: int) -> Iterator[Any]:
        """Every so many documents of a layer the `_id` of one, found by the server alone."""
        within = WHOLE
        while (raw := self._assets.one_after(_of_layer(layer), within, every)) is not None:
            document = codec.decoded(raw)
            if document is None:
                every += 1  # an `_id` that cannot be read marks nothing: the one after it does
                continue
            if document["_id"] == WHOLE.upper:
                return  # a range cannot begin there: nothing comes after it
            yield document["_id"]
            within = IdRange(document["_id"])

    def count(self, layer: str, *, most: int | None = None) -> int:
        """How many documents a layer has, counted up to `most`."""
        return self._assets.count(_of_layer(layer), most)

    def repeated(self, layer: str, field: str) -> Iterator[str]:
        """The texts that several documents of a layer have in a field, as it is now."""
        for value in self._assets.repeated(_of_layer(layer), field):
            if is_text(value) and value:
                yield value

    def items_among(self, layer: str | None, identifiers: Iterable[Any]) -> set[str]:
        """The ledger keys of those of these `_id`s that a layer, or with None the whole of staging, has."""
        wanted = {"_id": {"$in": [*identifiers]}, **(_of_layer(layer) if layer is not None else {})}
        return {codec.item_of(raw) for raw in self._assets.find_raw(wanted, {"_id": 1})}

    def addresses_of(self, keys: Iterable[str]) -> dict[str, str]:
        """The addresses of documents by the hexadecimal `_id`s that composites refer to them by."""
        identifiers = [ObjectId(key) for key in keys if ObjectId.is_valid(key)]
        found: dict[str, str] = {}
        for raw in self._assets.find_raw({"_id": {"$in": identifiers}}, {"nna_address": 1}):
            document = codec.decoded(raw)
            if document is not None and is_text(document.get("nna_address")):
                found[codec.item_of(raw)] = document["nna_address"]
        return found

    def marks(self) -> dict[str, dict[str, int]]:
        """Of each layer that has documents: how many, their newest `updatedAt` and the sum of all (milliseconds).

        The mark of a layer differs as soon as a document came, went or was updated; counted by the server alone.
        """
        filed = {"$cond": [{"$in": ["$layer", list(MIGRATED_LAYERS)]}, "$layer", UNFILED]}
        return {row.pop("_id"): row for row in self._assets.group(filed, _MARK, {})}

    def mark(self, layer: str) -> dict[str, int] | None:
        """The mark of one layer; None where it has no documents."""
        for row in self._assets.group(None, _MARK, _of_layer(layer)):
            return {name: row[name] for name in _MARK}
        return None

    def taxonomy(self) -> tuple[dict[str, Any], str]:
        """The taxonomy table of the registry's own collection, and its version.

        Raises:
            PermanentError: the collection has several versions, or a layer twice.
        """
        table: dict[str, Any] = {}
        versions = set()
        for raw in self._taxonomies.find_raw({}):
            entry = codec.decode(raw)
            layers = entry.get("layers", {entry.get("layer"): entry})
            for layer, content in layers.items():
                if layer in table:
                    raise _ambiguous(f"layer {layer} stands in it twice")
                table[layer] = {"name": content.get("name"), "categories": content.get("categories")}
            versions.add(str(entry.get("version", "unversioned")))
        if len(versions) > 1:
            raise _ambiguous(f"it holds the versions {', '.join(sorted(versions))}")
        return table, next(iter(versions), "unversioned")


def _of_layer(layer: str) -> dict[str, Any]:
    # {layer: "S"} alone would also match a document whose layer is the list ["S"].
    if layer == UNFILED:
        return {"$or": [{"layer": {"$nin": list(MIGRATED_LAYERS)}}, {"layer": {"$type": "array"}}]}
    return {"layer": {"$eq": layer, "$not": {"$type": "array"}}}


def _ambiguous(reason: str) -> PermanentError:
    return PermanentError(
        reason,
        item=f"collection {TAXONOMIES}",
        remedy="Set REGISTRY_TAXONOMY to the JSON file of one version",
    )
