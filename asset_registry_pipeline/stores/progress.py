"""Progress of each layer in the plan's form, in `migration_progress`: read while a layer is being published, and after.

What counts as migrated or failed is the ledger's word; these are its numbers, added up as they are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pymongo import WriteConcern
from pymongo.database import Database

from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from migration_kit.mongo import transient_errors


class Status(StrEnum):
    """How far a layer is."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """Assets of a layer: all, those in development, those quarantined; the one at hand while it is published."""

    layer: str
    total: int
    migrated: int
    failed: int
    status: Status
    current: str | None = None

    def in_the_plans_form(self) -> dict[str, Any]:
        """The names that the plan gives them; `currentAsset` only where there is one."""
        told = {
            "layer": self.layer,
            "totalAssets": self.total,
            "migratedAssets": self.migrated,
            "failedAssets": self.failed,
            "status": str(self.status),
        }
        return told if self.current is None else told | {"currentAsset": self.current}


class ProgressStore:
    """One row a layer; several workers may advance it at once."""

    def __init__(self, database: Database[Any]) -> None:
        self._rows = database["migration_progress"]
        # What is shown meanwhile waits for no journal: it is counted anew by the next run, whatever is lost of it.
        self._passing = self._rows.with_options(write_concern=WriteConcern(w=1))

    def save(self, progress: Progress) -> None:
        """Say where a layer stands, whatever was said before; a row that says the same is not written."""
        row = {"_id": progress.layer, **progress.in_the_plans_form()}
        with transient_errors("development"):
            if self._rows.find_one({"_id": progress.layer}) != row:
                rows = self._passing if progress.status is Status.IN_PROGRESS else self._rows
                rows.replace_one({"_id": progress.layer}, row, upsert=True)

    def advance(self, layer: str, *, migrated: int, failed: int, current: str) -> None:
        """Add what a chunk of documents brought."""
        change: Mapping[str, Any] = {
            "$inc": {"migratedAssets": migrated, "failedAssets": failed},
            "$set": {"currentAsset": current},
        }
        with transient_errors("development"):
            self._passing.update_one({"_id": layer}, change)

    def of(self, layer: str) -> Progress | None:
        """Where a layer stands; None where it was never published."""
        with transient_errors("development"):
            row = self._rows.find_one({"_id": layer})
        return None if row is None else _as_progress(row)

    def all(self) -> tuple[Progress, ...]:
        """Where every layer stands that was ever published, by one query; in the order of their migration."""
        with transient_errors("development"):
            rows = {row["_id"]: row for row in self._rows.find()}
        return tuple(_as_progress(rows[layer]) for layer in MIGRATED_LAYERS if layer in rows)


def _as_progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        layer=row["_id"],
        total=row["totalAssets"],
        migrated=row["migratedAssets"],
        failed=row["failedAssets"],
        status=Status(row["status"]),
        current=row.get("currentAsset"),
    )
