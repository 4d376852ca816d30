"""Writing the reports: what the stores hold, under the names of the plan, streamed into files.

What stands in a report is the domain's matter (`media.reports`), how the page looks the pages'.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from migration_kit.accounting import Accounting
from migration_kit.reports import write_json
from nabo_pipeline.media import reports
from nabo_pipeline.media.plans import SERVICE_NOT_MAPPED, USER_NOT_MAPPED
from nabo_pipeline.media.statistics import total_sizes
from nabo_pipeline.stores.reporting import ReportSource

_UNMAPPED = {"profile": USER_NOT_MAPPED, "service": SERVICE_NOT_MAPPED}


def write_inventory(source: ReportSource, folder: Path) -> Path:
    """`media-inventory.json`, of the newest inventory of every category."""
    document = reports.inventory_report(source.scanned_at(), source.inventory_totals(), source.inventory())
    return write_json(folder / reports.INVENTORY, document)


def write_mappings(source: ReportSource, folder: Path) -> Path:
    """`mapping-validation-results.json`, of the newest plan of every category."""
    unmapped = {category: source.unmapped(category, reason) for category, reason in _UNMAPPED.items()}
    document = reports.mapping_report(
        _now(), source.inventory_totals(), source.plan_totals(), unmapped, source.plan()
    )
    return write_json(folder / reports.MAPPINGS, document)


def write_uploads(source: ReportSource, folder: Path, category: str) -> Path:
    """`profile-images-migrated.json` or `service-images-migrated.json`."""
    totals, uploads = source.upload_totals(category), source.uploads(category)
    document = reports.uploads_report(category, _now(), totals, uploads)
    return write_json(folder / reports.UPLOADS[category], document)


def write_records(source: ReportSource, folder: Path) -> Path:
    """`media-records-created.json`, of every category."""
    document = reports.records_report(_now(), source.record_totals(), source.records())
    return write_json(folder / reports.RECORDS, document)


def write_quarantined(source: ReportSource, folder: Path) -> Path:
    """`media-migration-quarantined.json`, of every category."""
    return write_json(folder / reports.QUARANTINED, reports.quarantined_report(source.quarantined()))


def write_validation(source: ReportSource, folder: Path, accounts: Mapping[str, Accounting]) -> Path:
    """`media-migration-validation.json`, of the newest validation of every category."""
    document = reports.validation_report(
        _now(), accounts, source.verdicts(), source.checks(), source.failures()
    )
    return write_json(folder / reports.VALIDATION, document)


def write_summary(
    source: ReportSource, folder: Path, accounts: Mapping[str, Accounting], *, verified: bool
) -> Path:
    """`media-migration-summary.json`."""
    document = reports.summary_report(
        _now(),
        accounts,
        total_sizes(source.compression()),
        verified=verified,
        left_backup=source.left_backup_count(),
    )
    return write_json(folder / reports.SUMMARY, document)


def write_all(
    source: ReportSource, folder: Path, accounts: Mapping[str, Accounting], *, verified: bool
) -> None:
    """Every JSON report, all of one state of the ledger. `accounts`: where the files of each category stand."""
    write_inventory(source, folder)
    write_mappings(source, folder)
    for category in reports.UPLOADS:
        write_uploads(source, folder, category)
    write_records(source, folder)
    write_quarantined(source, folder)
    write_validation(source, folder, accounts)
    write_summary(source, folder, accounts, verified=verified)


def _now() -> datetime:
    return datetime.now(UTC)
