"""Which objects the covers in the bucket are made of, as they were read back: `migration_covers`.

The bucket itself is `album_art`'s. Records are by the cover's address, which is made of its content: they are written
once and never change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.album_art import StoredObject
from migration_kit.mongo import transient_errors


class CoverRecords:
    """Covers by the address of their original."""

    def __init__(self, database: Database[Any]) -> None:
        self._covers = database.get_collection("migration_covers", codec_options=codec.OPTIONS)

    def keep(self, url: str, song: str, objects: Sequence[StoredObject]) -> None:
        """Record a cover, once. `song`: the key of the song it was made for."""
        row = {"song": song, "objects": [asdict(one) for one in objects]}
        with transient_errors("development"):
            self._covers.update_one({"_id": url}, {"$setOnInsert": row}, upsert=True)

    def among(self, urls: Iterable[str]) -> dict[str, tuple[StoredObject, ...]]:
        """The objects of those of these covers that are recorded."""
        with transient_errors("development"):
            found = self._covers.find({"_id": {"$in": [*urls]}})
            return {row["_id"]: tuple(StoredObject(**one) for one in row["objects"]) for row in found}

    def count(self) -> tuple[int, int]:
        """How many covers are recorded, and of how many objects."""
        with transient_errors("development"):
            rows = self._covers.find({}, {"objects.key": 1})
            numbers = [len(row["objects"]) for row in rows]
        return len(numbers), sum(numbers)
