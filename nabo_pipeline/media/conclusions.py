"""The JSON reports that judge the whole migration: its validation, its summary, and what is left for people to do.

Values only; totals come counted, failures come streamed. What tells of single files and rows is in `reports`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from migration_kit.accounting import Accounting, State
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.media.remedies import what_to_do
from nabo_pipeline.media.report_rows import Check, Failure, Verdict
from nabo_pipeline.media.reports import QUARANTINED
from nabo_pipeline.media.statistics import Sizes

MOST_STEPS = 12
"""Reasons that are named among the next steps; each kind of broken file has one of its own."""


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
