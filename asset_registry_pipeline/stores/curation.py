"""What the curators' desk keeps beside its queue: what composites wait for, previews of batches, retries asked for."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.workspace import CANDIDATES
from migration_kit.chunks import chunked
from migration_kit.mongo import transient_errors

_COUNTED, _HELD = "(counted)", "held"
_CHUNK = 1_000
_DAY_SECONDS = 86_400
MOST_HELD = 500
"""Components of which it is kept how many composites wait for them."""


class CurationStore:
    """The collections `migration_blocks`, `_overviews`, `_batch_previews` and `_retries`."""

    def __init__(self, database: Database[Any]) -> None:
        options = codec.OPTIONS
        self._blocks = database.get_collection("migration_blocks", codec_options=options)
        self._overviews = database.get_collection("migration_overviews", codec_options=options)
        self._previews = database.get_collection("migration_batch_previews", codec_options=options)
        self._retries = database.get_collection("migration_retries", codec_options=options)
        self._candidates = database.get_collection(CANDIDATES, codec_options=options)

    def install(self) -> None:
        """Make the indexes that are missing."""
        with transient_errors("development"):
            self._previews.create_index("at", expireAfterSeconds=_DAY_SECONDS)
            self._retries.create_index([("layer", 1)])

    def blocks_mark(self) -> str | None:
        """What stands for the composites that were counted last."""
        with transient_errors("development"):
            row = self._blocks.find_one({"_id": _COUNTED})
        return row["mark"] if row else None

    def save_blocks(self, mark: str, counted: Mapping[str, tuple[int, list[str]]]) -> None:
        """Keep how many composites refer to each key, and some by name, in the place of what was counted before."""
        with transient_errors("development"):
            for chunk in chunked(counted.items(), _CHUNK):
                writes: list[Any] = [
                    ReplaceOne({"_id": key}, {"n": number, "composites": labels, "mark": mark}, upsert=True)
                    for key, (number, labels) in chunk
                ]
                self._blocks.bulk_write(writes, ordered=False)
            self._blocks.delete_many({"mark": {"$ne": mark}})
            self._blocks.replace_one({"_id": _COUNTED}, {"mark": mark}, upsert=True)

    def blocks_of(self, keys: Sequence[str]) -> dict[str, tuple[int, list[str]]]:
        """Of keys of components how many composites refer to each, and the names of some."""
        with transient_errors("development"):
            found = self._blocks.find({"_id": {"$in": [*keys]}, "n": {"$exists": True}})
            return {row["_id"]: (row["n"], row["composites"]) for row in found}

    def count_held(self, layer: str, reason: str) -> None:
        """Keep what the staged composites that are held for a reason wait for; counted by the server."""
        stages: list[Mapping[str, Any]] = [
            {"$match": {"layer": layer, "reason": reason}},
            {"$unwind": "$detail.missing"},
            {
                "$group": {
                    "_id": "$detail.missing.reference",
                    "n": {"$sum": 1},
                    "why": {"$first": "$detail.missing.why"},
                }
            },
            {"$sort": {"n": -1, "_id": 1}},
            {"$limit": MOST_HELD},
        ]
        with transient_errors("development"):
            found = [
                [row["_id"], row["why"], row["n"]]
                for row in self._candidates.aggregate(stages, allowDiskUse=True)
            ]
            if found != [[*one] for one in self.held()]:
                self._overviews.replace_one({"_id": _HELD}, {"components": found}, upsert=True)

    def held(self) -> list[tuple[str, str, int]]:
        """What held composites waited for by their newest plan: reference, why, how many composites; most first."""
        with transient_errors("development"):
            row = self._overviews.find_one({"_id": _HELD})
        return [(reference, why, number) for reference, why, number in (row["components"] if row else ())]

    def save_batch(self, token: str, by: str, items: Sequence[tuple[str, str, int]], now: datetime) -> None:
        """Keep what a token stands for: keys, source hashes and revisions; for a day."""
        row = {"by": by, "items": [[*one] for one in items], "at": now}
        with transient_errors("development"):
            self._previews.replace_one({"_id": token}, row, upsert=True)

    def batch(self, token: str) -> dict[str, Any] | None:
        """What a token stands for."""
        with transient_errors("development"):
            return self._previews.find_one({"_id": token})

    def ask_for_retry(self, row: Mapping[str, Any], session: ClientSession) -> None:
        """Keep a request, in the place of an earlier one about the same."""
        self._retries.replace_one({"_id": row["_id"]}, row, upsert=True, session=session)

    def retries(self, layer: str | None = None) -> Iterator[dict[str, Any]]:
        """The requests for retries, of a layer or of all."""
        with transient_errors("development"):
            yield from self._retries.find({} if layer is None else {"layer": layer}).sort("_id", 1)
