"""Writing the reports: what the stores hold, under the names of the plan, streamed into files.

What stands in a report is the domain's matter (`media.reports`), how the page looks the pages'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from migration_kit.accounting import Accounting
from migration_kit.reports import write_bytes, write_json
from nabo_pipeline.media import conclusions, reports
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.media.plans import SERVICE_NOT_MAPPED, USER_NOT_MAPPED
from nabo_pipeline.media.statistics import Sizes, accounts_of, total_sizes
from nabo_pipeline.pages.summary import MOST_LISTED, ShownSheet, Summary, render
from nabo_pipeline.pages.summary import NAME as PAGE
from nabo_pipeline.steps.showing import KINDS, ContactSheet
from nabo_pipeline.stores.reporting import ReportSource

T = TypeVar("T")

_UNMAPPED = {"profile": USER_NOT_MAPPED, "service": SERVICE_NOT_MAPPED}


def write_inventory(source: ReportSource, folder: Path) -> Path | None:
    """`media-inventory.json`, of the newest inventory of every category; None while one has none."""
    if source.listed() < set(CATEGORIES):
        return None
    document = reports.inventory_report(source.scanned_at(), source.inventory_totals(), source.inventory())
    return write_json(folder / reports.INVENTORY, document)


def write_mappings(source: ReportSource, folder: Path) -> Path | None:
    """`mapping-validation-results.json`, of the newest plan of every category; None while one has none."""
    if source.planned() < set(CATEGORIES):
        return None
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


def write_validation(source: ReportSource, folder: Path) -> Path:
    """`media-migration-validation.json`, of the newest validation of every category, passed or failed."""
    accounts = accounts_of(source.outcomes(), CATEGORIES)
    document = conclusions.validation_report(
        _now(), accounts, source.verdicts(), source.checks(), source.failures()
    )
    return write_json(folder / reports.VALIDATION, document)


def write_summary(
    source: ReportSource, folder: Path, accounts: Mapping[str, Accounting], *, verified: bool
) -> Path:
    """`media-migration-summary.json`."""
    document = conclusions.summary_report(
        _now(),
        accounts,
        total_sizes(source.compression()),
        verified=verified,
        left_backup=source.left_backup_count(),
    )
    return write_json(folder / reports.SUMMARY, document)


@dataclass(frozen=True)
class Batch:
    """Whose report it is: the batch, what it did, and whether everything that stands is verified."""

    batch_id: str
    accounting: Accounting
    verified: bool


@dataclass(frozen=True)
class Written:
    """What the reports say first: where all files stand, and the bytes of the migrated ones."""

    total: Accounting
    sizes: Sizes
    left_backup: int
    page: Path


def write_all(source: ReportSource, folder: Path, batch: Batch, sheets: Sequence[ContactSheet]) -> Written:
    """Every report, all of one state of the ledger: the JSON files, the contact sheets and the page."""
    accounts = accounts_of(source.outcomes(), CATEGORIES)
    write_inventory(source, folder)
    write_mappings(source, folder)
    for category in reports.UPLOADS:
        write_uploads(source, folder, category)
    write_records(source, folder)
    write_quarantined(source, folder)
    write_validation(source, folder)
    write_summary(source, folder, accounts, verified=batch.verified)
    _write_sheets(folder, sheets)
    page = write_page(source, folder, accounts, batch, sheets)
    sizes = total_sizes(source.compression())
    return Written(sum(accounts.values(), Accounting(source=0)), sizes, source.left_backup_count(), page)


def _write_sheets(folder: Path, sheets: Sequence[ContactSheet]) -> None:
    """The sheets as files. One of a kind that has no picture any more goes: it would show what stands no longer."""
    for sheet in sheets:
        write_bytes(folder / sheet.kind.name, sheet.jpeg)
    for gone in set(KINDS) - {sheet.kind for sheet in sheets}:
        (folder / gone.name).unlink(missing_ok=True)


def write_page(
    source: ReportSource,
    folder: Path,
    accounts: Mapping[str, Accounting],
    batch: Batch,
    sheets: Sequence[ContactSheet],
) -> Path:
    """The summary page."""
    unchanged, similarity = source.similarity_histogram()
    text = render(
        Summary(
            at=_now(),
            batch_id=batch.batch_id,
            verified=batch.verified,
            accounts=accounts,
            batch=batch.accounting,
            outcomes=source.outcomes(),
            compression=source.compression(),
            saved=source.saved_histogram(),
            unchanged=unchanged,
            similarity=similarity,
            verdicts=source.verdicts(),
            checks=source.checks(),
            quarantined=_first(source.quarantined()),
            left_backup=_first(source.left_backup()),
            left_backup_count=source.left_backup_count(),
            sheets=[
                ShownSheet(one.kind.name, one.kind.title, one.kind.explanation, one.pairs, one.jpeg)
                for one in sheets
            ],
        )
    )
    return write_bytes(folder / PAGE, text.encode())


def _first(rows: Iterator[T]) -> list[T]:
    return list(islice(rows, MOST_LISTED))


def _now() -> datetime:
    return datetime.now(UTC)
