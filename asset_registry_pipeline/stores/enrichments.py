"""What was found out about songs, as stored: `migration_enrichments`, written by compare-and-set, with its history."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from asset_registry_pipeline.registry.enrichment import Enrichment
from asset_registry_pipeline.registry.song_matches import ArtCandidate
from asset_registry_pipeline.stores import codec
from migration_kit.fingerprints import SetDigest, fingerprint
from migration_kit.mongo import transient_errors

_FIELDS = tuple(field.name for field in fields(Enrichment))


class EnrichmentStore:
    """Enrichments by the key of their song; an earlier one is never lost, it moves into the history."""

    def __init__(self, database: Database[Any]) -> None:
        # What is lost with a server before a majority has it is made anew by the next run: no song waits for that.
        self._enrichments = database.get_collection(
            "migration_enrichments", codec_options=codec.OPTIONS, write_concern=WriteConcern(w=1)
        )

    def among(self, keys: Sequence[str]) -> dict[str, Enrichment]:
        """The standing enrichments that have one of these keys."""
        with transient_errors("development"):
            found = self._enrichments.find({"_id": {"$in": list(keys)}})
            return {row["_id"]: _as_enrichment(row) for row in found}

    def digest(self) -> str:
        """Hash of all standing enrichments, whatever order they come in."""
        digest = SetDigest()
        with transient_errors("development"):
            for row in self._enrichments.find():
                digest.add(fingerprint(_as_enrichment(row)))
        return digest.hexdigest()

    def passing(self) -> int:
        """How many standing enrichments another run may complete."""
        with transient_errors("development"):
            return self._enrichments.count_documents({"again": True})

    def save(self, enrichment: Enrichment, standing: Enrichment | None) -> bool:
        """Store an enrichment where there is none, or in the place of the one that was read.

        False when another one stands there now.
        """
        row, now = _as_row(enrichment), {"stored_at": datetime.now(UTC)}
        with transient_errors("development"):
            if standing is None:
                try:
                    self._enrichments.insert_one({"_id": enrichment.key, **row, "history": [], **now})
                except DuplicateKeyError:
                    return False
                return True
            before = _as_row(standing)
            result = self._enrichments.update_one(
                {"_id": standing.key, **before}, {"$set": row | now, "$push": {"history": before}}
            )
        return result.modified_count == 1


def _as_row(enrichment: Enrichment) -> dict[str, Any]:
    return {
        field: [asdict(one) for one in enrichment.candidates]
        if field == "candidates"
        else getattr(enrichment, field)
        for field in _FIELDS
    }


def _as_enrichment(row: dict[str, Any]) -> Enrichment:
    known = {field: row[field] for field in _FIELDS if field in row}
    return Enrichment(**known | {"candidates": tuple(ArtCandidate(**one) for one in row["candidates"])})
