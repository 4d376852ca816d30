"""The JSON reports of the migration, with the file and field names of its plan. Values only; writing is elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from migration_kit.accounting import Accounting, State
from migration_kit.ledger import Entry
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.paths import SALON, place
from nabo_pipeline.media.plans import PlanItem

DONE = (State.MIGRATED, State.ALREADY_PRESENT)
_SUMMARY_NAMES = {
    "profile": "profilePics",
    "service": "serviceImages",
    "chat": "chatImages",
    "other": "otherFiles",
}


def inventory_report(items: Mapping[str, Sequence[InventoryItem]], scanned_at: datetime) -> dict[str, Any]:
    """`media-inventory.json`: every file. `items` by category; sizes in bytes."""
    everything = [item for category in items.values() for item in category]
    migratable = [item for item in everything if item.can_migrate]
    return {
        "scannedAt": scanned_at.isoformat(),
        "totalFiles": len(everything),
        "totalSize": sum(item.size for item in everything),
        "migratableFiles": len(migratable),
        "migratableSize": sum(item.size for item in migratable),
        "items": [item.to_report() for item in everything],
        "summary": {_SUMMARY_NAMES[category]: _category_summary(found) for category, found in items.items()},
    }


def _category_summary(items: Sequence[InventoryItem]) -> dict[str, Any]:
    return {
        "total": len(items),
        "migratable": sum(item.can_migrate for item in items),
        "size": sum(item.size for item in items),
        "skipped": dict(Counter(item.reason for item in items if item.reason)),
    }


def mapping_report(plans: Mapping[str, Sequence[PlanItem]], at: datetime) -> dict[str, Any]:
    """`mapping-validation-results.json`: which candidates have a mapping, and why the others have none."""
    results = {}
    for category, items in plans.items():
        mapped = [item for item in items if item.migrates]
        results[category] = {
            "total": len(items),
            "mapped": len(mapped),
            "mappedSize": sum(item.size for item in mapped),
            "coveragePercent": round(100 * len(mapped) / len(items), 1) if items else 0.0,
            "notMapped": dict(Counter(item.reason for item in items if item.reason)),
        }
    candidates = [
        item
        for category in ("profile", "service")
        for item in plans.get(category, ())
        if item.reason != SALON and place(item.item).reason is None
    ]
    found = sum(item.migrates for item in candidates)
    return {
        "validatedAt": at.isoformat(),
        "candidates": len(candidates),
        "mapped": found,
        "coveragePercent": round(100 * found / len(candidates), 1) if candidates else 0.0,
        "categories": results,
        "items": [
            {"path": item.item, "action": item.action, "reason": item.reason, "target": item.stem or None}
            for items in plans.values()
            for item in items
            if item.migrates or item.action == State.QUARANTINED
        ],
    }


def uploads_report(
    category: str, entries: Iterable[Entry], planned: Mapping[str, PlanItem], at: datetime
) -> dict[str, Any]:
    """`profile-images-migrated.json` or `service-images-migrated.json`. `planned`: the files to be migrated."""
    entries = [entry for entry in entries if entry.item in planned]
    uploads = [_upload(category, entry, planned[entry.item]) for entry in entries]
    done = [upload for upload in uploads if upload["success"]]
    before, after = (sum(upload[name] for upload in done) for name in ("originalSize", "compressedSize"))
    report = {
        "migrated_at": at.isoformat(),
        "successful_uploads": len(done),
        "failed_uploads": len(uploads) - len(done),
        "compression_stats": {
            "total_original_size": before,
            "total_compressed_size": after,
            "average_compression_ratio": round(sum(u["compressionRatio"] for u in done) / len(done), 4)
            if done
            else 0.0,
            "total_size_saved": before - after,
        },
        "uploads": uploads,
    }
    if category == "service":
        report["services_processed"] = len({upload["newServiceId"] for upload in uploads})
    return report


def _upload(category: str, entry: Entry, item: PlanItem) -> dict[str, Any]:
    where, detail = place(entry.item), entry.detail
    success = entry.state in DONE
    size = int(detail.get("bytes", 0)) if success else 0
    ids: dict[str, Any] = {"oldUserId": where.name, "newUserId": item.owner}
    if category == "service":
        preview = bool(detail.get("row", {}).get("is_preview_image"))
        ids = {
            "oldServiceId": where.parent,
            "newServiceId": item.service,
            "imageId": where.name,
            "isPreview": preview,
        }
    return {
        **ids,
        "filename": where.name,
        "storagePath": f"{item.bucket}/{detail['path']}" if success else None,
        "originalSize": item.size,
        "compressedSize": size,
        "compressionRatio": round(size / item.size, 4) if success and item.size else 0.0,
        "success": success,
        "verdict": detail.get("verdict"),
        "similarity": detail.get("similarity"),
        "error": entry.reason,
    }


def records_report(entries: Iterable[Entry], at: datetime) -> dict[str, Any]:
    """`media-records-created.json`: the rows of `public.media`."""
    records = [
        {
            **entry.detail["row"], "file_path": entry.detail["path"], "media_type": entry.detail["media_type"],
            "owner_id": entry.detail["owner"], "service_id": entry.detail["service"],
        }
        for entry in entries
        if "row" in entry.detail
    ]  # fmt: skip
    kinds = Counter(record["media_type"] for record in records)
    return {
        "created_at": at.isoformat(),
        "total_records": len(records),
        "by_type": dict(kinds),
        "records": records,
    }


def validation_report(accounts: Mapping[str, Accounting], at: datetime, *, verified: bool) -> dict[str, Any]:
    """`media-migration-validation.json`: the accounting of each category and the gate's answer."""
    return {
        "validated_at": at.isoformat(),
        "validation_status": "passed" if verified else "failed",
        "categories": {category: accounting.to_dict() for category, accounting in accounts.items()},
    }


def summary_report(
    accounts: Mapping[str, Accounting],
    entries: Sequence[Entry],
    at: datetime,
    *,
    verified: bool,
) -> dict[str, Any]:
    """`media-migration-summary.json`: the statistics of everything that was ever migrated, in files and bytes."""
    total = sum(accounts.values(), Accounting(source=0))
    done = [entry for entry in entries if entry.state in DONE]
    before, after = (
        sum(int(entry.detail.get(name, 0)) for entry in done) for name in ("source_bytes", "bytes")
    )
    quarantined = sum(total.quarantined.values())
    return {
        "completed_at": at.isoformat(),
        "total_files_processed": total.source,
        "successfully_migrated": total.migrated + total.already_present,
        "failed_migrations": quarantined,
        "skipped_files": sum(total.excluded.values()),
        "original_data_size": before,
        "compressed_data_transferred": after,
        "compression_savings": f"{100 * (before - after) / before:.1f}%" if before else "0.0%",
        "categories": {category: accounting.to_dict() for category, accounting in accounts.items()},
        "validation_status": "passed" if verified else "failed",
        "next_steps": _next_steps(quarantined, verified=verified),
    }


def _next_steps(quarantined: int, *, verified: bool) -> list[str]:
    steps = []
    if not verified:
        steps.append(
            "Read the failed checks of nabo/media_validation; repair what they name and run it again."
        )
    if quarantined:
        steps.append(
            f"Look through the {quarantined} quarantined files: each stands in the ledger with its reason."
        )
    return steps or ["Nothing is left to do; keep the backup until the app has been looked at."]
