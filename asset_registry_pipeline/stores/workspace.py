"""The migration's own collections beside the target: snapshot, findings, candidates, batches; never the assets.

Rows are kept interval by interval (see `rows`), so a second run with the same source writes nothing here either.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ReplaceOne
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from asset_registry_pipeline.stores import candidate_rows, codec, findings_view, snapshot
from asset_registry_pipeline.stores.candidate_rows import Candidate, Outcome
from asset_registry_pipeline.stores.findings_view import FINDINGS, INVENTORY, SNAPSHOT
from asset_registry_pipeline.stores.id_ranges import LAYER_INDEX, WHOLE, IdRange
from asset_registry_pipeline.stores.rows import DIGEST, UNPLACED, identifier_of, keep
from asset_registry_pipeline.stores.snapshot import KEYS, Judged, Snapshot, as_snapshot, judged
from migration_kit.chunks import chunked
from migration_kit.mongo import raw_documents, transient_errors

CANDIDATES, BATCHES, LEFT = "migration_candidates", "migration_batches", "migration_left"
_OF_LEFT = ("layer", "identifier", "label", "source_hash")
_CHUNK = 500
_SHORT = {"found": 0, KEYS: 0, DIGEST: 0}
"""What nobody asks of a snapshot who goes through all of it."""


class Workspace:
    """The collections `migration_snapshot`, `_findings`, `_candidates`, `_inventory`, `_batches`, `_left`."""

    def __init__(self, database: Database[Any]) -> None:
        options = codec.OPTIONS
        self._database = database
        # Rows that can be made anew are not waited for until a majority has them. The summary or the plan which says
        # that they are complete is: who has that has them, too, for writes reach every member in their order.
        hasty = WriteConcern(w=1)
        self._snapshot = database.get_collection(SNAPSHOT, codec_options=options, write_concern=hasty)
        self._findings = database.get_collection(FINDINGS, codec_options=options)
        self._candidates = database.get_collection(CANDIDATES, codec_options=options, write_concern=hasty)
        self._raw_candidates = database.get_collection(CANDIDATES, codec_options=codec.RAW)
        self._inventory = database.get_collection(INVENTORY, codec_options=options)
        self._batches = database.get_collection(BATCHES, codec_options=options)
        self._left = database.get_collection(LEFT, codec_options=options)

    def install(self) -> None:
        """Make the indexes that are missing, and the view of the findings."""
        with transient_errors("development"):
            for collection in (self._snapshot, self._candidates, self._left):
                collection.create_index(list(LAYER_INDEX))
            self._snapshot.create_index([(KEYS, 1)], sparse=True)
            findings_view.install(self._database)

    def begin_batch(self, batch: str) -> datetime:
        """Note that a batch has begun, once; when it began."""
        with transient_errors("development"):
            self._batches.update_one(
                {"_id": batch}, {"$setOnInsert": {"first_at": datetime.now(UTC)}}, upsert=True
            )
            found = self._batches.find_one({"_id": batch})
        began: datetime = (found or {"first_at": datetime.now(UTC)})["first_at"]
        return began

    def save_snapshot(
        self,
        layer: str,
        rows: Iterable[dict[str, Any]],
        within: IdRange = WHOLE,
        *,
        before_removal: Callable[[Sequence[str]], None] | None = None,
    ) -> int:
        """Keep what an inventory saw of a range (rows of `snapshot.as_row`); returns the rows written or removed."""
        return keep(self._snapshot, layer, rows, within, before_removal=before_removal)

    def mark_across(self, layer: str) -> Counter[str]:
        """Find what documents of a layer have in common, once all their rows are kept; how many have each kind."""
        return snapshot.mark_across(self._snapshot, layer)

    def snapshot(self, layer: str, within: IdRange = WHOLE) -> Iterator[Snapshot]:
        """What the newest inventory saw of a layer, in the order of the `_id`s, streamed."""
        with transient_errors("development"):
            yield from map(
                as_snapshot, within.bounding_rows(self._snapshot.find({"layer": layer}, _SHORT), layer)
            )

    def snapshot_items(self, layer: str, within: IdRange = WHOLE) -> Iterator[str]:
        """The ledger keys of the documents that the newest inventory saw in a layer, streamed."""
        with transient_errors("development"):
            for row in within.bounding_rows(self._snapshot.find({"layer": layer}, {"_id": 1}), layer):
                yield row["_id"]

    def marks_between(self, layer: str, every: int) -> Iterator[Any]:
        """Every so many documents of a layer's newest inventory the `_id` of one, found in the index alone."""
        within = WHOLE
        while True:
            with transient_errors("development"):
                found = self._snapshot.find({"layer": layer}, {"_id": 0, "identifier": 1})
                row = next(within.bounding_rows(found, layer).skip(every).limit(1), None)
            if row is None or row["identifier"] in (within.lower, WHOLE.upper):
                return
            yield row["identifier"]
            within = IdRange(row["identifier"])

    def snapshot_of(self, items: Sequence[str]) -> dict[str, Snapshot]:
        """What the newest inventories saw of these documents, by item."""
        with transient_errors("development"):
            found = self._snapshot.find({"_id": {"$in": list(items)}}, _SHORT)
            return {row["_id"]: as_snapshot(row) for row in found}

    def snapshot_judged(self, items: Sequence[str]) -> dict[str, tuple[str, Judged]]:
        """Of these documents, by item, the hash that was looked at and what was found that decides on them."""
        fields = {"source_hash": 1, "grave": 1, "review": 1, "across": 1}
        with transient_errors("development"):
            found = self._snapshot.find({"_id": {"$in": list(items)}}, fields)
            return {row["_id"]: (row["source_hash"], judged(row)) for row in found}

    def snapshot_called(self, keys: Sequence[str]) -> list[Snapshot]:
        """The components of staging that have one of these addresses, names or ledger keys."""
        with transient_errors("development"):
            return [as_snapshot(row) for row in self._snapshot.find({KEYS: {"$in": list(keys)}}, _SHORT)]

    def snapshot_size(self, layer: str) -> int:
        """How many documents the newest inventory saw in a layer."""
        with transient_errors("development"):
            return self._snapshot.count_documents({"layer": layer})

    def note_left(self, documents: Sequence[Snapshot]) -> None:
        """Keep what was known of documents that have left staging."""
        writes: list[Any] = [
            ReplaceOne({"_id": one.item}, {name: getattr(one, name) for name in _OF_LEFT}, upsert=True)
            for one in documents
        ]
        if writes:
            with transient_errors("development"):
                self._left.bulk_write(writes, ordered=False)

    def left(self, layer: str) -> Iterator[dict[str, Any]]:
        """The documents of a layer that this migration has migrated and that have left staging since, streamed."""
        with transient_errors("development"):
            for chunk in chunked(self._left.find({"layer": layer}).batch_size(_CHUNK), _CHUNK):
                back = self.snapshot_of([row["_id"] for row in chunk])
                if back:
                    self._left.delete_many({"_id": {"$in": list(back)}})
                yield from (row for row in chunk if row["_id"] not in back)

    def findings(self, layer: str | None = None) -> Iterator[dict[str, Any]]:
        """What the newest inventories found, in all layers or in one, streamed; a row for each document and kind."""
        with transient_errors("development"):
            found = self._findings.find({} if layer is None else {"layer": layer})
            yield from found.batch_size(_CHUNK)

    def findings_by_kind(self) -> dict[str, tuple[int, str]]:
        """Of each kind that was found how often, with one example: an item and what is told of it."""
        stages: list[Mapping[str, Any]] = [
            {
                "$group": {
                    "_id": "$kind",
                    "n": {"$sum": 1},
                    "example": {"$min": {"item": "$item", "detail": "$detail"}},
                }
            }
        ]
        with transient_errors("development"):
            return {
                row["_id"]: (row["n"], " ".join(filter(None, row["example"].values())))
                for row in self._findings.aggregate(stages, allowDiskUse=True)
            }

    def save_inventory(self, layer: str, summary: Mapping[str, Any]) -> None:
        """Keep the summary of a layer's newest inventory."""
        with transient_errors("development"):
            self._inventory.replace_one({"_id": layer}, summary, upsert=True)

    def inventory(self, layer: str) -> dict[str, Any] | None:
        """The summary of a layer's newest inventory."""
        with transient_errors("development"):
            return self._inventory.find_one({"_id": layer})

    def save_candidates(self, layer: str, candidates: Iterable[Candidate], within: IdRange = WHOLE) -> int:
        """Stage the outcomes of a range in place of earlier ones; returns the rows written or removed."""
        return keep(self._candidates, layer, map(candidate_rows.as_row, candidates), within)

    def staged_hashes(self, items: Sequence[str]) -> dict[str, str]:
        """The hashes of the documents that are staged for these items, as far as any are."""
        wanted = {"_id": {"$in": list(items)}, "target_hash": {"$ne": None}}
        with transient_errors("development"):
            return {
                row["_id"]: row["target_hash"] for row in self._candidates.find(wanted, {"target_hash": 1})
            }

    def candidates(self, layer: str, within: IdRange = WHOLE) -> Iterator[Candidate]:
        """A layer's staged outcomes in the order of the `_id`s, streamed."""
        with transient_errors("development"):
            found = self._raw_candidates.find_raw_batches({"layer": layer}, {"answers": 0})
            yield from map(candidate_rows.with_document, raw_documents(within.bounding_rows(found, layer)))

    def staged_outcomes(
        self, layer: str, within: IdRange = WHOLE
    ) -> Iterator[tuple[Outcome, bool, list[Any] | None]]:
        """A layer's staged outcomes, streamed; whether each comes with a document, and the answers."""
        # Of a document in it only that it is one, which costs half as much as to ask the server for its type.
        fields = dict.fromkeys((*Outcome._fields[1:], "answers", "document.none"), 1)
        with transient_errors("development"):
            found = self._candidates.find({"layer": layer}, fields)
            for row in within.bounding_rows(found, layer):
                yield (
                    Outcome(
                        row["_id"],
                        row["label"],
                        row["disposition"],
                        row["reason"],
                        row["source_hash"],
                        row["target_hash"],
                    ),
                    isinstance(row.get("document"), dict),
                    row["answers"],
                )

    def staged_questions(self, layer: str) -> Iterator[dict[str, Any]]:
        """Of a layer's staged outcomes those that may ask something of a curator, without their documents; streamed."""
        asking = [{"disposition": "held"}, {"detail.album_art": {"$exists": True}}]
        fields = dict.fromkeys(("label", "reason", "detail", "source_hash", "identifier", UNPLACED), 1)
        with transient_errors("development"):
            found = self._candidates.find({"layer": layer, "$or": asking}, fields)
            for row in found.hint(list(LAYER_INDEX)).batch_size(_CHUNK):
                yield row | {"identifier": identifier_of(row)}

    def staged(self, items: Sequence[str]) -> Iterator[Candidate]:
        """The staged outcomes of these items, as far as they have one."""
        with transient_errors("development"):
            found = self._raw_candidates.find_raw_batches({"_id": {"$in": [*items]}}, {"answers": 0})
            yield from map(candidate_rows.with_document, raw_documents(found))

    def unrecorded(self, layer: str) -> int:
        """How many documents of a layer's newest inventory the ledger has no record of; counted by the server."""
        recorded = {
            "from": "migration_ledger", "localField": "_id", "foreignField": "_id",
            "pipeline": [{"$project": {"_id": 1}}], "as": "recorded",
        }  # fmt: skip
        stages: list[Mapping[str, Any]] = [
            {"$match": {"layer": layer}},
            {"$lookup": recorded},
            {"$match": {"recorded": []}},
            {"$count": "documents"},
        ]
        with transient_errors("development"):
            return sum(row["documents"] for row in self._snapshot.aggregate(stages))
