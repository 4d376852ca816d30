"""The JSON reports of files, uploads and rows, with the file and field names of the plan. Values only.

Totals come counted, items come streamed: iterators in these documents are drawn once, as they are written.
What judges the whole (validation, summary, next steps) is in `conclusions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from migration_kit.accounting import State
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.paths import CATEGORIES, SALON, place
from nabo_pipeline.media.plans import MIGRATE
from nabo_pipeline.media.remedies import what_to_do
from nabo_pipeline.media.report_rows import PlannedItem, Quarantined, Unmapped, Upload, UploadTotals
from nabo_pipeline.media.statistics import Group

INVENTORY = "media-inventory.json"
MAPPINGS = "mapping-validation-results.json"
UPLOADS = {"profile": "profile-images-migrated.json", "service": "service-images-migrated.json"}
RECORDS = "media-records-created.json"
VALIDATION = "media-migration-validation.json"
SUMMARY = "media-migration-summary.json"
QUARANTINED = "media-migration-quarantined.json"
"""Not one of the plan's files: every file that someone has to look at, and what to do."""

SUMMARY_NAMES = {
    "profile": "profilePics",
    "service": "serviceImages",
    "chat": "chatImages",
    "other": "otherFiles",
}


def inventory_report(
    scanned_at: str | None, totals: Sequence[Group], items: Iterable[InventoryItem]
) -> dict[str, Any]:
    """`media-inventory.json`: every file. Sizes in bytes."""
    migratable = [group for group in totals if group.reason is None]
    return {
        "scannedAt": scanned_at,
        "totalFiles": _files(totals),
        "totalSize": _bytes(totals),
        "migratableFiles": _files(migratable),
        "migratableSize": _bytes(migratable),
        "summary": {name: _category_summary(_of(totals, key)) for key, name in SUMMARY_NAMES.items()},
        "items": (item.to_report() for item in items),
    }


def _category_summary(groups: Sequence[Group]) -> dict[str, Any]:
    migratable = [group for group in groups if group.reason is None]
    return {
        "total": _files(groups),
        "size": _bytes(groups),
        "migratable": _files(migratable),
        "migratableSize": _bytes(migratable),
        "skipped": {group.reason: group.files for group in groups if group.reason},
    }


def mapping_report(
    at: datetime,
    inventory: Sequence[Group],
    plan: Sequence[Group],
    unmapped: Mapping[str, Iterable[Unmapped]],
    items: Iterable[PlannedItem],
) -> dict[str, Any]:
    """`mapping-validation-results.json`: which candidates have a mapping, and why the others have none.

    A candidate is a profile or service file under a valid path that is no salon's. `unmapped`: old ids by category.
    """
    paths = {place(example).reason for example in ("Profile-Pics/", "Service-Images/")} | {SALON}
    candidates = [one for one in inventory if one.category in UPLOADS and one.reason not in paths]
    mapped = [one for one in plan if one.category in UPLOADS and one.state == MIGRATE]
    return {
        "validatedAt": at.isoformat(),
        "candidates": _files(candidates),
        "candidateSize": _bytes(candidates),
        "mapped": _files(mapped),
        "mappedSize": _bytes(mapped),
        "coveragePercent": _percent(_files(mapped), _files(candidates)),
        "categories": {category: _mapped(_of(plan, category)) for category in CATEGORIES},
        "unmappedIds": {
            category: ({"id": one.id, "files": one.files} for one in found)
            for category, found in unmapped.items()
        },
        "items": (
            {
                "path": one.item, "action": one.action, "reason": one.reason, "size": one.size,
                "target": f"{one.bucket}/{one.stem}" if one.stem else None, "ownerId": one.owner,
                "serviceId": one.service,
            }
            for one in items
        ),
    }  # fmt: skip


def _mapped(groups: Sequence[Group]) -> dict[str, Any]:
    mapped = [group for group in groups if group.state == MIGRATE]
    return {
        "total": _files(groups),
        "mapped": _files(mapped),
        "mappedSize": _bytes(mapped),
        "coveragePercent": _percent(_files(mapped), _files(groups)),
        "excluded": {one.reason: one.files for one in groups if one.state == State.EXCLUDED},
        "quarantined": {one.reason: one.files for one in groups if one.state == State.QUARANTINED},
    }


def uploads_report(
    category: str, at: datetime, totals: UploadTotals, uploads: Iterable[Upload]
) -> dict[str, Any]:
    """`profile-images-migrated.json` or `service-images-migrated.json`. Sizes in bytes, ratio after / before."""
    services = {"services_processed": totals.services} if category == "service" else {}
    return {
        "migrated_at": at.isoformat(),
        "successful_uploads": totals.successful,
        "failed_uploads": totals.failed,
        **services,
        "compression_stats": {
            "total_original_size": totals.source_bytes,
            "total_compressed_size": totals.bytes,
            "average_compression_ratio": round(totals.average_ratio, 4),
            "total_size_saved": totals.source_bytes - totals.bytes,
        },
        "uploads": (_upload(category, upload) for upload in uploads),
    }


def _upload(category: str, upload: Upload) -> dict[str, Any]:
    where, ratio = place(upload.item), upload.bytes / upload.source_bytes if upload.source_bytes else 0.0
    told: dict[str, Any] = {
        "oldUserId": where.name if category == "profile" else upload.old_owner,
        "newUserId": upload.owner,
        "filename": where.name,
        "storagePath": f"{upload.bucket}/{upload.path}" if upload.success else None,
        "originalSize": upload.source_bytes,
        "compressedSize": upload.bytes if upload.success else 0,
        "compressionRatio": round(ratio, 4) if upload.success else 0.0,
        "success": upload.success,
    }
    if category == "service":
        told |= {
            "oldServiceId": where.parent,
            "newServiceId": upload.service,
            "imageId": where.name,
            "isPreview": upload.is_preview,
        }
    return told | {
        "state": upload.state,
        "error": upload.error,
        "contentType": upload.mime,
        "verdict": upload.verdict,
        "similarity": upload.similarity,
        "seconds": upload.seconds,
        "sourceSha256": upload.source_hash,
        "uploadedSha256": upload.target_hash,
        "inBackup": upload.in_backup,
    }


def records_report(
    at: datetime, totals: Mapping[str, int], records: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """`media-records-created.json`: the rows of `public.media`."""
    return {
        "created_at": at.isoformat(),
        "total_records": sum(totals.values()),
        "by_type": dict(totals),
        "records": iter(records),
    }


def quarantined_report(files: Iterable[Quarantined]) -> Iterator[dict[str, Any]]:
    """`media-migration-quarantined.json`: every file that someone has to look at, and what to do."""
    for one in files:
        told = what_to_do(State.QUARANTINED, one.reason)
        yield {
            "path": one.item,
            "category": one.category,
            "reason": one.reason,
            "size": one.bytes,
            "whatToDo": told,
        }


def _of(groups: Iterable[Group], category: str) -> list[Group]:
    return [group for group in groups if group.category == category]


def _files(groups: Iterable[Group]) -> int:
    return sum(group.files for group in groups)


def _bytes(groups: Iterable[Group]) -> int:
    return sum(group.bytes for group in groups)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
