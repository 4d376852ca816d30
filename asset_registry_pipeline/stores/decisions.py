"""Curators' decisions as stored: `migration_decisions`, written by compare-and-set only, with their history."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import BulkWriteError

from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.stores import codec
from migration_kit.chunks import chunked
from migration_kit.fingerprints import SetDigest, fingerprint
from migration_kit.mongo import transient_errors

_FIELDS = ("layer", "name", "nna_address", "source_hash", "words", "reason", "decided_by", "decided_at")
_SONG_PARTS = {"title": SongTitleGiven, "album_art": ArtChoice, "facts": FactsGiven}
"""What a decision about a song may hold besides; rows from before these existed lack them."""
_CHUNK, _DUPLICATE_KEY = 1_000, 11000


class DecisionStore:
    """Decisions by layer, name and address; an earlier one is never lost, it moves into the history."""

    def __init__(self, database: Database[Any]) -> None:
        self._decisions = database.get_collection("migration_decisions", codec_options=codec.OPTIONS)

    def of_layer(self, layer: str) -> dict[str, Decision]:
        """The standing decisions of a layer, by their key."""
        with transient_errors("development"):
            return {row["_id"]: _as_decision(row) for row in self._decisions.find({"layer": layer})}

    def among(self, keys: Sequence[str]) -> dict[str, Decision]:
        """The standing decisions that have one of these keys."""
        with transient_errors("development"):
            return {
                row["_id"]: _as_decision(row) for row in self._decisions.find({"_id": {"$in": list(keys)}})
            }

    def digest(self, layer: str) -> str:
        """Hash of the standing decisions of a layer, whatever order they come in."""
        digest = SetDigest()
        with transient_errors("development"):
            for row in self._decisions.find({"layer": layer}):
                digest.add(fingerprint(_as_decision(row)))
        return digest.hexdigest()

    def add(self, decisions: Sequence[Decision]) -> set[str]:
        """Store decisions where there are none; the keys of those that were stored."""
        stored: set[str] = set()
        for chunk in chunked(decisions, _CHUNK):
            rows = [
                {
                    "_id": decision.key,
                    **_as_row(decision),
                    "revision": 1,
                    "history": [],
                    "stored_at": datetime.now(UTC),
                }
                for decision in chunk
            ]
            stored |= {decision.key for decision in chunk} - self._refused(rows)
        return stored

    def _refused(self, rows: Sequence[dict[str, Any]]) -> set[str]:
        """Insert the rows; the keys of those that are there already."""
        try:
            with transient_errors("development"):
                self._decisions.insert_many(rows, ordered=False)
        except BulkWriteError as clash:
            errors = clash.details["writeErrors"]
            if any(error["code"] != _DUPLICATE_KEY for error in errors):
                raise
            return {error["op"]["_id"] for error in errors}
        return set()

    def replace(self, standing: Decision, decision: Decision) -> bool:
        """Put a decision in the place of the one that was read; False when another one stands there now."""
        before = _as_row(standing)
        with transient_errors("development"):
            result = self._decisions.update_one(
                {"_id": standing.key, **before},
                {
                    "$set": _as_row(decision) | {"stored_at": datetime.now(UTC)},
                    "$push": {"history": before},
                    "$inc": {"revision": 1},
                },
            )
        return result.modified_count == 1


def _as_row(decision: Decision) -> dict[str, Any]:
    row = {field: getattr(decision, field) for field in _FIELDS} | {"decision": str(decision.verdict)}
    for part in _SONG_PARTS:
        given = getattr(decision, part)
        # As plain texts and numbers: BSON has no names for our own kinds of text.
        row[part] = given and {
            name: str(value) if isinstance(value, str) else value for name, value in asdict(given).items()
        }
    return row


def _as_decision(row: dict[str, Any]) -> Decision:
    parts: dict[str, Any] = {
        part: kind(**given) for part, kind in _SONG_PARTS.items() if (given := row.get(part))
    }
    return Decision(**{field: row[field] for field in _FIELDS}, verdict=Verdict(row["decision"]), **parts)
