"""Stage verify: everything that was migrated, read back and compared; the gate before the report."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    asset_attributes,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from nabo_pipeline.assets.common import PREFIX, VERIFY_STAGE, accepted_plan, account
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import DatabaseResource, StorageResource, TransferSettings
from nabo_pipeline.suites.validation import AVATARS, GALLERIES, PICTURES, SUITES

if TYPE_CHECKING:
    from migration_kit.ledger import Entry
    from migration_kit.suites import Suite, SuiteReport
    from nabo_pipeline.steps.verification import Findings

KEY = dg.AssetKey([PREFIX, "media_validation"])


@dg.asset(
    **asset_attributes(PREFIX, "verify", kinds={"postgres", "supabase"}),
    deps=[dg.AssetKey([PREFIX, "media_records"])],
    partitions_def=media_category,
    retry_policy=NETWORK_RETRY,
    check_specs=gate_check_specs(KEY, SUITES),
)
def media_validation(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    storage: StorageResource,
    transfer: TransferSettings,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Ledger, Storage and `public.media` agree in both directions, object by object and row by row; no sample.

    Every object is downloaded, hashed and decoded. What is wrong is named in the failed check; nothing is repaired.
    """
    from nabo_pipeline.steps.transfer import stands_for_object
    from nabo_pipeline.steps.verification import outcomes_fingerprint

    category, started = context.partition_key, time.monotonic()
    with failing(context), database.ledger() as ledger, database.state() as state:
        plan = accepted_plan(context, ledger, category)
        accounting = account(state, plan)
        outcomes = list(ledger.entries(partition=category))
        entries = [entry for entry in outcomes if stands_for_object(entry)]
        findings = _look(context, entries, database=database, storage=storage, transfer=transfer)
        yield from validate_then_publish(
            context,
            ledger=ledger,
            stage=VERIFY_STAGE,
            partition=category,
            candidate=outcomes_fingerprint(outcomes),
            asset_key=KEY,
            validate=lambda: _reports(findings, expected=bool(entries)),
            publish=lambda: {
                **accounting_metadata(accounting, seconds=time.monotonic() - started),
                "objects_read": len(entries),
                "bytes": findings.bytes_read if findings else 0,
                "services": len(findings.services) if findings else 0,
            },
        )


def _look(
    context: dg.AssetExecutionContext,
    entries: "Sequence[Entry]",
    *,
    database: DatabaseResource,
    storage: StorageResource,
    transfer: TransferSettings,
) -> "Findings | None":
    """What verification found, None for a category that goes nowhere or of which nothing was migrated."""
    from nabo_pipeline.media.plans import BUCKETS, MEDIA_TYPES
    from nabo_pipeline.steps.verification import Reader, verify

    category = context.partition_key
    if category not in BUCKETS or not entries:
        return None
    with database.target() as target, transfer.isolated() as workers:
        reader = Reader(target, storage.open(), workers, transfer.threads, context.log.info)
        return verify(reader, BUCKETS[category], MEDIA_TYPES[category], entries)


def _reports(findings: "Findings | None", *, expected: bool) -> "list[SuiteReport]":
    from nabo_pipeline.media.reconciliation import OwnerCheck, PictureCheck, ServiceCheck

    pictures, services, owners = (
        (findings.pictures, findings.services, findings.owners) if findings else ((), (), ())
    )
    # Where nothing was to be migrated there is nothing to check; where something was, an empty table is a failure.
    return [
        _report(PictureCheck, pictures, PICTURES if expected else replace(PICTURES, min_rows=0)),
        _report(ServiceCheck, services, GALLERIES),
        _report(OwnerCheck, owners, AVATARS),
    ]


def _report(kind: type[Any], rows: Sequence[Any], suite: "Suite") -> "SuiteReport":
    import pandas as pd

    from migration_kit.suites import validate_frame

    frame = pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(kind)])
    return validate_frame(frame, suite)
