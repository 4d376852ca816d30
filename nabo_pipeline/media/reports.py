"""The JSON reports of the migration, with the file and field names of its plan. Values only; writing is elsewhere.

Totals come counted, items come streamed: iterators in these documents are drawn once, as they are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from migration_kit.accounting import Accounting, State
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.paths import CATEGORIES, SALON, place
from nabo_pipeline.media.plans import MIGRATE
from nabo_pipeline.media.remedies import what_to_do
from nabo_pipeline.media.report_rows import (
    Check,
    Failure,
    PlannedItem,
    Quarantined,
    Unmapped,
    Upload,
    UploadTotals,
    Verdict,
)
from nabo_pipeline.media.statistics import Group, Sizes

INVENTORY = "media-inventory.json"
MAPPINGS = "mapping-validation-results.json"
UPLOADS = {"profile": "profile-images-migrated.json", "service": "service-images-migrated.json"}
RECORDS = "media-records-created.json"
VALIDATION = "media-migration-validation.json"
SUMMARY = "media-migration-summary.json"
QUARANTINED = "media-migration-quarantined.json"
"""Not one of the plan's files: every file that someone has to look at, and what to do."""

MOST_STEPS = 12
"""Reasons that are named among the next steps; each kind of broken file has one of its own."""

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


def validation_report(
    at: datetime,
    accounts: Mapping[str, Accounting],
    verdicts: Sequence[Verdict],
    checks: Sequence[Check],
    failures: Iterable[Failure],
) -> dict[str, Any]:
    """`media-migration-validation.json`: what the newest validation of each category asked, and all that failed."""
    newest = {one.category: one for one in verdicts}
    passed = all(name in newest and newest[name].status == "passed" for name in CATEGORIES)
    return {
        "validated_at": at.isoformat(),
        "validation_status": "passed" if passed else "failed",
        "total_checks": sum(one.checked for one in checks),
        "failed_checks": sum(one.failed for one in checks if one.severity == "critical"),
        "warnings": sum(one.failed for one in checks if one.severity != "critical"),
        "categories": {
            name: {
                **accounting.to_dict(),
                "validation": _validation(newest.get(name), [one for one in checks if one.category == name]),
            }
            for name, accounting in accounts.items()
        },
        "failed_items": (
            {
                "category": one.category,
                "subject": one.subject,
                "severity": one.severity,
                "failed": list(one.checks),
            }
            for one in failures
        ),
    }


def _validation(verdict: Verdict | None, checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "status": verdict.status if verdict else "never validated",
        "at": verdict.at if verdict else None,
        "run_id": verdict.run_id if verdict else None,
        "checks": [
            {"check": one.check, "severity": one.severity, "checked": one.checked, "failed": one.failed}
            for one in checks
        ],
    }


def summary_report(
    at: datetime, accounts: Mapping[str, Accounting], sizes: Sizes, *, verified: bool, left_backup: int
) -> dict[str, Any]:
    """`media-migration-summary.json`: the statistics of everything that was ever migrated, in files and bytes.

    `sizes`: of the migrated files, before and after. `left_backup`: files that are gone from the backup since.
    """
    total = sum(accounts.values(), Accounting(source=0))
    return {
        "completed_at": at.isoformat(),
        "total_files_processed": total.source,
        "successfully_migrated": total.migrated + total.already_present,
        "failed_migrations": sum(total.quarantined.values()),
        "skipped_files": sum(total.excluded.values()),
        "original_data_size": sizes.before,
        "compressed_data_transferred": sizes.after,
        "compression_savings": f"{sizes.saved_percent:.1f}%",
        "categories": {category: accounting.to_dict() for category, accounting in accounts.items()},
        "validation_status": "passed" if verified else "failed",
        "next_steps": next_steps(total, verified=verified, left_backup=left_backup),
        "left_backup_since_migrated": left_backup,
        "balanced": total.balanced,
    }


def next_steps(total: Accounting, *, verified: bool, left_backup: int) -> list[str]:
    """What is left for people to do."""
    steps = []
    if not verified:
        steps.append(
            "Read the failed checks of nabo/media_validation; repair what they name and run it again."
        )
    by_files = sorted(total.quarantined.items(), key=lambda one: (-one[1], one[0]))
    for reason, files in by_files[:MOST_STEPS]:
        steps.append(f"{files} quarantined: {reason}. {what_to_do(State.QUARANTINED, reason)}")
    if rest := by_files[MOST_STEPS:]:
        files = sum(number for _, number in rest)
        steps.append(
            f"{files} quarantined for {len(rest)} other reasons: all of them stand in {QUARANTINED}."
        )
    if left_backup:
        steps.append(
            f"{left_backup} files have left the backup since they were migrated; their pictures stand."
            " Put them back if that was no intent."
        )
    return steps or ["Nothing is left to do; keep the backup until the app has been looked at."]


def _of(groups: Iterable[Group], category: str) -> list[Group]:
    return [group for group in groups if group.category == category]


def _files(groups: Iterable[Group]) -> int:
    return sum(group.files for group in groups)


def _bytes(groups: Iterable[Group]) -> int:
    return sum(group.bytes for group in groups)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
